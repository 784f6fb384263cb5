"""`self.dictnav` and `self.listnav`: walking nested dictionaries and lists by paths of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..payloads import PlainDict, Value

_MISSING: Final = object()


class DictNav:
    """A nested dictionary: `get(["a", "b"])`, `has_key("a")`, `has_path(["a", "b"])`."""

    def __init__(self, impl: PlainDict) -> None:
        self._impl = impl

    def __getitem__(self, key: Value) -> Value:
        return self._impl[key]

    def get(
        self, path: Sequence[object], default: object = None, return_default: bool = True
    ) -> Value:
        """Return the value at the end of a path.

        If there is none, returns `default`, or raises KeyError if `return_default` is off.
        """
        value: Value = self._impl
        for key in [path] if isinstance(path, str) else path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                if return_default:
                    return default
                raise KeyError(key) from None
        return value

    def has_key(self, key: object, use_current: bool = True) -> bool:
        """Whether there is such a key; with `use_current` off, at any depth."""
        return key in self._impl if use_current else _is_anywhere(self._impl, key)

    def has_path(self, path: Iterable[object]) -> bool:
        """Whether there is something at the end of a path."""
        return self.get(list(path), _MISSING) is not _MISSING


class ListNav:
    """A list: `get(index)` with a default for a missing item, `has_elem(value)`, iteration."""

    def __init__(self, impl: list[Value]) -> None:
        self._impl = impl

    def __iter__(self) -> Iterator[Value]:
        return iter(self._impl)

    def __len__(self) -> int:
        return len(self._impl)

    def __getitem__(self, index: int) -> Value:
        return self._impl[index]

    def get(self, index: int, default: object = None) -> Value:
        """Return the item at an index, or the default."""
        try:
            return self._impl[index]
        except IndexError:
            return default

    def has_elem(self, value: object) -> bool:
        """Whether a value is in the list."""
        return value in self._impl


def _is_anywhere(value: object, key: object) -> bool:
    if isinstance(value, dict):
        return key in value or any(_is_anywhere(item, key) for item in value.values())
    return isinstance(value, list) and any(_is_anywhere(item, key) for item in value)
