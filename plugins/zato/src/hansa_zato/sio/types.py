"""The types of SimpleIO elements: how each converts a value that came in, and one that goes out."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from hansa import Secret

from .values import NOT_GIVEN, as_bool, as_int, as_text, is_number_text, shown

_LARGEST_EXPONENT = 6144
"""That of IEEE 754 decimal128: what calculates with a larger one takes time without a limit."""


class ForceType:
    """An element whose type is declared, whatever its name suggests.

    A name that begins with `-` is optional.

    `default` is its value where input lacks it. Subclasses define `read`, for input, and `write`,
    for output; both raise ValueError. Neither is called for None or empty text, which stay as they
    are.
    """

    xml: str = "text"
    python: object = str

    def __init__(
        self, name: str, *args: Any, default: object = NOT_GIVEN, **options: object
    ) -> None:
        if not isinstance(name, str) or not name.strip("-"):
            raise TypeError(f"the name of a SimpleIO element must be text, got {name!r}")
        self.optional = name.startswith("-")
        self.name = name.removeprefix("-")
        self.args = args
        self.default = default
        self.options = options

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def read(self, value: object) -> object:
        """Return the value that a service sees."""
        return value

    def write(self, value: object) -> object:
        """Return the value that goes out."""
        return as_text(value) if isinstance(value, bytes | Secret) else value


class AsIs(ForceType):
    """No conversion."""

    python = Any


class Natural(ForceType):
    """An element typed neither by name nor by declaration, in 2.0: no conversion."""


class Text(ForceType):
    """Text."""

    def read(self, value: object) -> object:
        return as_text(value)

    def write(self, value: object) -> object:
        return as_text(value)


class Loose(Text):
    """An element typed neither by name nor by declaration, in 3.x: text, if it is a scalar."""

    def read(self, value: object) -> object:
        is_scalar = isinstance(value, int | float | decimal.Decimal | bytes)
        return as_text(value) if is_scalar else value

    def write(self, value: object) -> object:
        return ForceType.write(self, value)


class Hidden(Text):
    """Text that no log shows."""

    def read(self, value: object) -> object:
        return Secret(as_text(value))


class Integer(ForceType):
    """A whole number."""

    python = int

    def read(self, value: object) -> object:
        return as_int(value)

    write = read


class Boolean(ForceType):
    """True or false."""

    python: object = bool

    def read(self, value: object) -> object:
        return as_bool(value)

    write = read


class BooleanInteger(Boolean):
    """0 or 1: the name of the element asks for a boolean and for a whole number."""

    python = int

    def read(self, value: object) -> object:
        return int(as_bool(value))

    write = read


class Float(ForceType):
    """A floating point number, never infinite and never NaN."""

    python = float

    def read(self, value: object) -> object:
        number = _as_float(value)
        if number is None or number - number != 0:
            raise ValueError(f"expected a number, got {shown(value)}")
        return number

    write = read


class Decimal(ForceType):
    """An exact decimal number; text on its way out."""

    python = decimal.Decimal

    def read(self, value: object) -> object:
        number = _as_decimal(value)
        if number is None or not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
            raise ValueError(f"expected a decimal number, got {shown(value)}")
        return number

    def write(self, value: object) -> object:
        return str(self.read(value))


class DateTime(ForceType):
    """A date and time, read from ISO 8601 and other common forms, written as ISO 8601."""

    python: object = datetime.datetime

    def read(self, value: object) -> object:
        return _as_datetime(value)

    def write(self, value: object) -> object:
        return _as_datetime(value).isoformat()


class Date(DateTime):
    """A date."""

    python = datetime.date

    def read(self, value: object) -> object:
        return _as_datetime(value).date()

    def write(self, value: object) -> object:
        return _as_datetime(value).date().isoformat()


class UTC(Text):
    """Text of a date and time in UTC, without the `+00:00` at its end."""

    def read(self, value: object) -> object:
        text = value.isoformat() if isinstance(value, datetime.datetime) else as_text(value)
        return text.replace("+00:00", "")

    write = read


class UUID(ForceType):
    """A UUID; text on its way out."""

    python = uuid.UUID

    def read(self, value: object) -> object:
        try:
            return value if isinstance(value, uuid.UUID) else uuid.UUID(as_text(value))
        except ValueError:
            raise ValueError(f"expected a UUID, got {shown(value)}") from None

    def write(self, value: object) -> object:
        return str(self.read(value))


def _as_float(value: Any) -> float | None:
    """Return a number as a float; None for what is no number, and for booleans."""
    if isinstance(value, dict | list | bool) or not is_number_text(str(value)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _as_decimal(value: object) -> decimal.Decimal | None:
    """Return a number as a decimal; None for what is no number, and for booleans."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | decimal.Decimal):
        return None
    text = str(value)
    try:
        return decimal.Decimal(text) if is_number_text(text) else None
    except decimal.InvalidOperation:
        return None


def _as_datetime(value: Any) -> datetime.datetime:
    """Return the date and time that a value stands for; raises ValueError."""
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
