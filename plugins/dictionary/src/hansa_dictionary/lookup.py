"""The dictionaries and translations of a worker, in memory: what services look values up in."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Subject: TypeAlias = tuple[str, str]
"""What a dictionary is of: a system and a key."""
Direction: TypeAlias = tuple[str, str, str, str]
"""What a translation is between: system and key to translate from, system and key to translate to.
"""


class Translate(Protocol):
    """The type of `self.translate` in services."""

    def __call__(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """Return what a value of one system is in another, or the default."""


@dataclass(frozen=True, slots=True)
class _Values:
    owner: object
    values: tuple[str, ...]
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Translations:
    owner: object
    values: Mapping[str, str]
    default: str | None


class Dictionaries:
    """The dictionaries and translations that are in service in this worker, safe in many threads: a
    change replaces the whole of one.
    """

    def __init__(self) -> None:
        self._values: dict[Subject, _Values] = {}
        self._translations: dict[Direction, _Translations] = {}
        self._lock = threading.Lock()

    # -- what services use -------------------------------------------------------------------------

    def systems(self) -> list[str]:
        """Return the systems that have a dictionary, sorted."""
        return sorted({system for system, _ in list(self._values)})

    def keys(self, system: str) -> list[str]:
        """Return the keys of a system that have a dictionary, sorted."""
        return sorted(key for owner, key in list(self._values) if owner == system)

    def values(self, system: str, key: str) -> tuple[str, ...]:
        """Return the values that a system knows for a key, in their order; none without a
        dictionary.
        """
        found = self._values.get((system, key))
        return found.values if found is not None else ()

    def has(self, system: str, key: str, value: str) -> bool:
        """Whether a system knows a value for a key."""
        found = self._values.get((system, key))
        return found is not None and value in found.known

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """Return what a value of one system is in another.

        A value without a translation is `default`, or, if that is empty, what the translation says
        for all others; an empty text where it says nothing.
        """
        found = self._translations.get((system1, key1, system2, key2))
        if found is None:
            return default
        value2 = found.values.get(value1)
        if value2 is None:
            return default or found.default or ""
        return value2

    def translates(self, direction: Direction, value1: str) -> bool:
        """Whether a value has a translation of its own."""
        found = self._translations.get(direction)
        return found is not None and value1 in found.values

    # -- what definitions do -----------------------------------------------------------------------

    def put_values(self, owner: object, subject: Subject, values: Iterable[str]) -> None:
        """Have the values of a dictionary count, in place of those of another owner."""
        known = tuple(values)
        with self._lock:
            self._values = {**self._values, subject: _Values(owner, known, frozenset(known))}

    def drop_values(self, owner: object, subject: Subject) -> None:
        """Have the values of a dictionary count no more, unless another owner took its place."""
        with self._lock:
            found = self._values.get(subject)
            if found is not None and found.owner is owner:
                self._values = {key: one for key, one in self._values.items() if key != subject}

    def put_translations(
        self, owner: object, direction: Direction, values: Mapping[str, str], default: str | None
    ) -> None:
        """Have a translation count, in place of that of another owner."""
        with self._lock:
            made = _Translations(owner, dict(values), default)
            self._translations = {**self._translations, direction: made}

    def drop_translations(self, owner: object, direction: Direction) -> None:
        """Have a translation count no more, unless another owner took its place."""
        with self._lock:
            found = self._translations.get(direction)
            if found is not None and found.owner is owner:
                kept = {key: one for key, one in self._translations.items() if key != direction}
                self._translations = kept
