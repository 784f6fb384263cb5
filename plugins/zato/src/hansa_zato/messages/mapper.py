"""Copies values from one document into another, converted on the way: `self.msg.mapper`."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from ..payloads import Value
from ..sio.values import as_bool

Conversion = Callable[[Value], object]
_MISSING: Final = object()


class Document(Protocol):
    """What is read and written by expressions."""

    def get(self, name: str, default: object = None) -> Value:
        """Return a value, or the default if there is none."""

    def set(self, name: str, value: object) -> Value:
        """Set a value."""


def _arrow(value: Value) -> object:
    import arrow  # lazy: its import takes as long as many messages

    return arrow.get(value)


_CONVERSIONS: Final[Mapping[str, Conversion]] = {
    "int": int,
    "long": int,
    "bool": as_bool,
    "dec": lambda value: decimal.Decimal(str(value)),
    "arrow": _arrow,
}


class Mapper:
    """Copies from `source` into `target`.

    Expressions are those of the document's kind, or their names. One of the source may begin with
    `int:`, `long:`, `bool:`, `dec:`, `arrow:`, `time:FORMAT:`, or the name of a function or a
    substitution: `int:/order/amount`.
    """

    def __init__(self, source: Document, target: Document, made: object) -> None:
        self._source = source
        self._target = target
        self.target = made
        self._times: dict[str, str] = {}
        self._conversions = dict(_CONVERSIONS)

    def set_time(self, name: str, format: str) -> None:
        """Name a format, in tokens of Arrow, for `time:NAME:`, which writes a date in it."""
        self._times[name] = format

    def set_func(self, name: str, function: Conversion) -> None:
        """Name a function for `NAME:`, which gets the value and returns another."""
        self._conversions[name] = function

    def set_substitution(self, name: str, values: Mapping[object, object]) -> None:
        """Name a table for `NAME:`, which replaces the values that it has, and leaves others."""
        self._conversions[name] = lambda value: values.get(value, value)

    def map(self, from_: str, to: str) -> bool:
        """Copy one value; returns whether there was one.

        Raises KeyError for names that are not defined, and what a conversion raises.
        """
        expression, conversions = self._parsed(from_)
        value = self._source.get(expression, _MISSING)
        if value is _MISSING:
            return False
        for convert in conversions:
            value = [convert(one) for one in value] if isinstance(value, list) else convert(value)
        self._target.set(to, value)
        return True

    def map_many(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Copy several values, each from an expression to another."""
        for from_, to in pairs:
            self.map(from_, to)

    def _parsed(self, text: str) -> tuple[str, list[Conversion]]:
        """Return an expression and the conversions before it, the nearest first."""
        found: list[Conversion] = []
        while not text.startswith("/"):
            prefix, colon, rest = text.partition(":")
            if not colon:
                break
            if prefix == "time":
                name, _, rest = rest.partition(":")
                found.insert(0, self._time(name))
            elif prefix in self._conversions:
                found.insert(0, self._conversions[prefix])
            else:
                known = ", ".join(sorted([*self._conversions, "time"]))
                raise KeyError(f"{prefix!r} is no conversion; there are {known}")
            text = rest
        return text, found

    def _time(self, name: str) -> Conversion:
        format = self._times.get(name)
        if format is None:
            raise KeyError(f"no format is named {name!r}: see set_time")
        return lambda value: _arrow(value).format(format)  # type: ignore[attr-defined] # an Arrow
