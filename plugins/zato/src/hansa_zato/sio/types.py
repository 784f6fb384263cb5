"""The types of SimpleIO elements: what each makes of a value that came in, and what it gives for one that goes out."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from hansa import Secret

from .values import NOT_GIVEN, as_bool, as_int, as_text, shown


class ForceType:
    """An element whose type is given, whatever its name says. A name that begins with `-` is optional.

    `default` is its value where input lacks it. Subclasses give `read`, for input, and `write`, for output; both raise
    ValueError. Neither sees None nor empty text, which stay what they are.
    """

    xml: str = "text"
    python: Any = str

    def __init__(self, name: str, *args: Any, default: Any = NOT_GIVEN, **options: Any) -> None:
        if not isinstance(name, str) or not name.strip("-"):
            raise TypeError(f"the name of a SimpleIO element must be text, got {name!r}")
        self.optional = name.startswith("-")
        self.name = name.removeprefix("-")
        self.args, self.default, self.options = args, default, options

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def read(self, value: Any) -> Any:
        """The value that a service gets."""
        return value

    def write(self, value: Any) -> Any:
        """The value that goes out."""
        return as_text(value) if isinstance(value, bytes | Secret) else value


class AsIs(ForceType):
    """No conversion."""

    python = Any


class Natural(ForceType):
    """No conversion: the type of an element that neither its name nor its declaration types, by the rules of 2.0."""


class Text(ForceType):
    """Text."""

    def read(self, value: Any) -> Any:
        return as_text(value)

    def write(self, value: Any) -> Any:
        return as_text(value)


class Loose(Text):
    """Text if it is a scalar: the type of an element that nothing types, by the rules of 3.x."""

    def read(self, value: Any) -> Any:
        return as_text(value) if isinstance(value, int | float | decimal.Decimal | bytes) else value

    write = ForceType.write


class Hidden(Text):
    """Text that no log shows."""

    def read(self, value: Any) -> Any:
        return Secret(as_text(value))

    def write(self, value: Any) -> Any:
        return as_text(value)


class Integer(ForceType):
    """A whole number."""

    python = int

    def read(self, value: Any) -> Any:
        return as_int(value)

    write = read


class Boolean(ForceType):
    """True or false."""

    python: Any = bool

    def read(self, value: Any) -> Any:
        return as_bool(value)

    write = read


class BooleanInteger(Boolean):
    """A name that asks for a boolean and for a whole number gets both: 0 or 1."""

    python = int

    def read(self, value: Any) -> Any:
        return int(as_bool(value))

    write = read


class Float(ForceType):
    """A floating point number, never infinite and never NaN."""

    python = float

    def read(self, value: Any) -> Any:
        if not isinstance(value, dict | list | bool):
            try:
                number = float(value)
            except (TypeError, ValueError, OverflowError):
                pass
            else:
                if number - number == 0:
                    return number
        raise ValueError(f"expected a number, got {shown(value)}")

    write = read


class Decimal(ForceType):
    """An exact decimal number, as text on its way out."""

    python = decimal.Decimal

    def read(self, value: Any) -> Any:
        if isinstance(value, int | float | str | decimal.Decimal) and not isinstance(value, bool):
            try:
                number = decimal.Decimal(str(value))
            except decimal.InvalidOperation:
                pass
            else:
                if number.is_finite():
                    return number
        raise ValueError(f"expected a decimal number, got {shown(value)}")

    def write(self, value: Any) -> Any:
        return str(self.read(value))


class DateTime(ForceType):
    """A date and time, read from ISO 8601 and other usual forms, written as ISO 8601."""

    python: Any = datetime.datetime

    def read(self, value: Any) -> Any:
        if isinstance(value, datetime.datetime):
            return value
        if isinstance(value, datetime.date):
            return datetime.datetime(value.year, value.month, value.day)
        try:
            return datetime.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            pass
        from dateutil.parser import parse  # lazy: rarely needed

        try:
            return parse(as_text(value))
        except (TypeError, ValueError, ArithmeticError):
            raise ValueError(f"expected a date and time, got {shown(value)}") from None

    def write(self, value: Any) -> Any:
        return self.read(value).isoformat()


class Date(DateTime):
    """A date."""

    python = datetime.date

    def read(self, value: Any) -> Any:
        return super().read(value).date()


class UTC(Text):
    """Text of a date and time in UTC, without the `+00:00` at its end."""

    def read(self, value: Any) -> Any:
        text = value.isoformat() if isinstance(value, datetime.datetime) else as_text(value)
        return text.replace("+00:00", "")

    write = read


class UUID(ForceType):
    """A UUID, as text on its way out."""

    python = uuid.UUID

    def read(self, value: Any) -> Any:
        try:
            return value if isinstance(value, uuid.UUID) else uuid.UUID(as_text(value))
        except ValueError:
            raise ValueError(f"expected a UUID, got {shown(value)}") from None

    def write(self, value: Any) -> Any:
        return str(self.read(value))
