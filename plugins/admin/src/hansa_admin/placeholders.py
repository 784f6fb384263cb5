"""Placeholders for secrets in an export that another cluster, with another key, is to read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hansa import Key, PlainSettings, is_reference

_NOT_IN_NAMES = re.compile(r"[^A-Z0-9]+")


class Placeholders:
    """Puts `{"$env": NAME}` in the place of secrets, each with a name of its own.

    A name consists of kind, type, name and setting, such as `OUTGOING_SQL_CRM_PASSWORD`; where two
    would be the same, a number is added, in the order in which they are put.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def put(self, key: Key, settings: PlainSettings, secrets: Iterable[str]) -> PlainSettings:
        """Return the settings of a definition with placeholders for those that are secret, and for
        encrypted values anywhere in them; references to elsewhere stay.
        """
        secret = set(secrets)
        return {
            name: self._replaced((*key, name), value, is_secret=name in secret)
            for name, value in settings.items()
        }

    def _replaced(self, path: tuple[str, ...], value: object, *, is_secret: bool) -> object:
        if isinstance(value, dict) and is_reference(value):
            return self._placeholder(path) if "$encrypted" in value else value
        if is_secret and value is not None:
            return self._placeholder(path)
        if isinstance(value, dict):
            return {
                key: self._replaced((*path, key), inner, is_secret=False)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [
                self._replaced((*path, str(index)), inner, is_secret=False)
                for index, inner in enumerate(value)
            ]
        return value

    def _placeholder(self, path: tuple[str, ...]) -> dict[str, str]:
        wanted = _NOT_IN_NAMES.sub("_", "_".join(path).upper()).strip("_")
        name = wanted
        number = 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return {"$env": name}
