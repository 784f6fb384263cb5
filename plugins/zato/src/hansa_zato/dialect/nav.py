"""`self.dictnav` and `self.listnav`: walking nested dictionaries and lists by paths of keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class DictNav:
    """A nested dictionary: `get(["a", "b"])`, `has_key("a")`, `has_path(["a", "b"])`."""

    def __init__(self, impl: dict[Any, Any]) -> None:
        self._impl = impl

    def __getitem__(self, key: Any) -> Any:
        return self._impl[key]

    def get(self, path: Sequence[Any], default: Any = None, return_default: bool = True) -> Any:
        """The value at the end of a path; `default` if there is none, or KeyError if `return_default` is off."""
        value: Any = self._impl
        for key in [path] if isinstance(path, str) else path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                if return_default:
                    return default
                raise KeyError(key) from None
        return value

    def has_key(self, key: Any, use_current: bool = True) -> bool:
        """Whether there is such a key; with `use_current` off, at any depth."""
        return key in self._impl if use_current else _anywhere(self._impl, key)

    def has_path(self, path: Iterable[Any]) -> bool:
        """Whether there is something at the end of a path."""
        missing = object()
        return self.get(list(path), missing) is not missing


class ListNav:
    """A list: `get(index)` with a default instead of an IndexError, `sort()`, iteration."""

    def __init__(self, impl: list[Any]) -> None:
        self._impl = impl

    def __iter__(self) -> Any:
        return iter(self._impl)

    def __len__(self) -> int:
        return len(self._impl)

    def __getitem__(self, index: int) -> Any:
        return self._impl[index]

    def get(self, index: int, default: Any = None) -> Any:
        """The item at an index, or the default."""
        try:
            return self._impl[index]
        except IndexError:
            return default

    def has_elem(self, value: Any) -> bool:
        """Whether a value is in the list."""
        return value in self._impl


def _anywhere(value: Any, key: Any) -> bool:
    if isinstance(value, dict):
        return key in value or any(_anywhere(item, key) for item in value.values())
    return isinstance(value, list) and any(_anywhere(item, key) for item in value)
