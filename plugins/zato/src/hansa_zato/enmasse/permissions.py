"""Who may publish and subscribe to the topics of a file, which Zato says apart from the topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..mapping.pubsub import ACCESS, PERMISSION, has_wildcard, matches
from ..mapping.values import lines_of
from .findings import ZatoObject

if TYPE_CHECKING:
    from .translation import Translation

NO_TOPIC: Final = "matches no topic of the file"
INSTEAD: Final = "`publishers` and `subscribers` of the topic"
QUIET: Final = ("security", "name", "id", "is_active", "should_delete")
LATER: Final = "topics that are made later are not covered, as topics name their callers here"

Unused = tuple[ZatoObject, str, str, str]


class Permissions:
    """The permissions of a file, by the patterns of topics that they are for."""

    def __init__(self, objects: list[ZatoObject], made: Translation) -> None:
        self.all: list[tuple[ZatoObject, str, str, str]] = []
        self._used: set[tuple[int, str, str]] = set()
        for one in objects:
            if one.section == PERMISSION:
                self._read(one, made)

    def _read(self, one: ZatoObject, made: Translation) -> None:
        """Remember what a permission permits."""
        if one.item.get("should_delete") is True or one.item.get("is_active") is False:
            made.findings.append(one.finding("W21", "permits nothing, and is left out"))
            return
        security = one.item.get("security")
        if not isinstance(security, str) or not security:
            made.findings.append(one.finding("E08", "is required", "security"))
            return
        patterns = [(key, text) for key in ACCESS for text in lines_of(one.item.get(key) or [])]
        self.all += [(one, security, key, pattern) for key, pattern in patterns]
        made.findings += [
            one.finding("W21", "is not known here", key)
            for key, value in one.item.items()
            if key not in (*QUIET, *ACCESS) and value
        ]
        if any(has_wildcard(pattern) for _, pattern in patterns):
            made.findings.append(one.finding("W22", LATER, "", INSTEAD))

    def of_topic(self, topic: str) -> dict[str, list[str]]:
        """Return who may publish and subscribe to a topic, as its settings have it."""
        found: dict[str, list[str]] = {}
        for one, security, key, pattern in self.all:
            if not matches(pattern, topic):
                continue
            self._used.add((id(one), key, pattern))
            names = found.setdefault(ACCESS[key], [])
            if security not in names:
                names.append(security)
        return found

    def unused(self) -> Iterator[Unused]:
        """Return the permissions for no topic of the file, with a key, why, and what to do instead."""
        for one, security, key, pattern in self.all:
            if (id(one), key, pattern) not in self._used:
                yield one, key, f"{pattern!r} of {security} {NO_TOPIC}", INSTEAD
