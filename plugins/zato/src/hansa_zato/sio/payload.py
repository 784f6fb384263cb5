"""`self.response.payload` of a service that declares its output: values by attribute or item, and rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class Payload:
    """The declared output while it is being filled in; once a row was appended, or `[:]` assigned, it is a list."""

    __slots__ = ("names", "rows", "values")

    names: frozenset[str]
    values: dict[str, Any]
    rows: list[Any] | None

    def __init__(self, names: frozenset[str]) -> None:
        put = object.__setattr__
        put(self, "names", names)
        put(self, "values", {})
        put(self, "rows", None)

    def __setattr__(self, name: str, value: Any) -> None:
        self.values[name] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.values[name]
        except KeyError:
            if name in self.names:
                return ""
            raise AttributeError(
                f"no output is named {name!r}; there are: {', '.join(sorted(self.names))}"
            ) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, str):
            self.values[key] = value
        elif isinstance(key, slice):
            rows = [] if self.rows is None else self.rows
            rows[key] = _rows(value)
            object.__setattr__(self, "rows", rows)
        else:
            (self.rows or [])[key] = value

    def __getitem__(self, key: Any) -> Any:
        return self.values[key] if isinstance(key, str) else (self.rows or [])[key]

    def __delitem__(self, key: Any) -> None:
        del (self.values if isinstance(key, str) else self.rows or [])[key]

    def __contains__(self, key: Any) -> bool:
        return key in self.values

    def __len__(self) -> int:
        return len(self.values if self.rows is None else self.rows)

    def __bool__(self) -> bool:
        return bool(self.values) or self.rows is not None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values if self.rows is None else self.rows)

    def append(self, row: Any) -> None:
        """Add a row: a dictionary, a row of a query, or any object with the declared names as attributes."""
        if self.rows is None:
            object.__setattr__(self, "rows", [])
        assert self.rows is not None
        self.rows.append(row)

    def extend(self, rows: Iterable[Any]) -> None:
        """Add many rows."""
        for row in rows:
            self.append(row)

    def assign(self, value: Any) -> None:
        """Take over an assigned object: a list becomes rows, everything else gives the declared names."""
        if isinstance(value, Mapping):
            self.values.update(value)
        elif is_list(value):
            object.__setattr__(self, "rows", _rows(value))
        else:
            from .values import NOT_GIVEN
            from .writing import pull

            self.values.update(
                {
                    name: found
                    for name in self.names
                    if (found := pull(value, name)) is not NOT_GIVEN
                }
            )

    set_payload_attrs = assign


def is_list(value: Any) -> bool:
    """Whether an assigned object is many rows: a list, a plain tuple, a set, an iterator, the result of a query."""
    if isinstance(value, str | bytes | Mapping) or any(hasattr(value, one) for one in _SINGLE):
        return False
    return hasattr(value, "__iter__")


_SINGLE = ("_fields", "_mapping", "__table__")  # named tuples, rows of queries, objects of an ORM


def _rows(value: Any) -> list[Any]:
    return list(value.rows or []) if isinstance(value, Payload) else list(value)
