"""`self.response.payload` of a service that declares its output: values by name, and rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..payloads import PlainDict, Value
from .values import NOT_GIVEN

_SINGLE: Final = ("_fields", "_mapping", "__table__")
"""Attributes of named tuples, rows of queries and objects of an ORM, each of which is one row."""


class Payload:
    """The declared output while it is being filled in.

    Once a row was appended, or `[:]` assigned, it is a list.
    """

    __slots__ = ("names", "rows", "values")

    names: frozenset[str]
    values: PlainDict
    rows: list[Value] | None

    def __init__(self, names: frozenset[str]) -> None:
        # any other assignment to an attribute is an output
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "values", {})
        object.__setattr__(self, "rows", None)

    def __setattr__(self, name: str, value: object) -> None:
        self.values[name] = value

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.values:
            return self.values[name]
        if name in self.names:
            return ""
        there = ", ".join(sorted(self.names))
        raise AttributeError(f"no output is named {name!r}; there are: {there}")

    def __setitem__(self, key: str | int | slice, value: object) -> None:
        if isinstance(key, str):
            self.values[key] = value
        elif isinstance(key, slice):
            rows = [] if self.rows is None else self.rows
            rows[key] = _rows(value)
            object.__setattr__(self, "rows", rows)
        else:
            self._there()[key] = value

    def __getitem__(self, key: str | int | slice) -> Value:
        return self.values[key] if isinstance(key, str) else self._there()[key]

    def __delitem__(self, key: str | int | slice) -> None:
        if isinstance(key, str):
            del self.values[key]
        else:
            del self._there()[key]

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def __len__(self) -> int:
        return len(self.values if self.rows is None else self.rows)

    def __bool__(self) -> bool:
        return bool(self.values) or self.rows is not None

    def __iter__(self) -> Iterator[Value]:
        return iter(self.values if self.rows is None else self.rows)

    def append(self, row: object) -> None:
        """Add a row: a dictionary, a row of a query, or an object with attributes of the names."""
        rows = self._there()
        rows.append(row)
        object.__setattr__(self, "rows", rows)

    def extend(self, rows: Iterable[object]) -> None:
        """Add several rows."""
        for row in rows:
            self.append(row)

    def assign(self, value: object) -> None:
        """Take the output from an assigned object: rows from a list, names from anything else."""
        if isinstance(value, Mapping):
            self.values.update(value)
        elif is_list(value):
            object.__setattr__(self, "rows", _rows(value))
        else:
            for name in self.names:
                found = pull(value, name)
                if found is not NOT_GIVEN:
                    self.values[name] = found

    set_payload_attrs = assign

    def _there(self) -> list[Value]:
        """Return the rows, of which there may be none yet."""
        return [] if self.rows is None else self.rows


def is_list(value: object) -> bool:
    """Whether an assigned object is several rows, such as a list or the result of a query."""
    if isinstance(value, str | bytes | Mapping):
        return False
    if any(hasattr(value, attribute) for attribute in _SINGLE):
        return False
    return hasattr(value, "__iter__")


def pull(row: object, name: str) -> Value:
    """Return a value of a row by name, a column of a query or an attribute.

    NOT_GIVEN if it has none.
    """
    # columns first: a row of a query may have methods of the same names
    columns = getattr(row, "_mapping", None)
    if isinstance(columns, Mapping):
        return columns.get(name, NOT_GIVEN)
    return getattr(row, name, NOT_GIVEN)


def _rows(value: Value) -> list[Value]:
    return list(value.rows or []) if isinstance(value, Payload) else list(value)
