"""Lines that say the same, but for numbers and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .query import LogGroup, LogLine

LONGEST_PATTERN = 300
MOST_GROUPS = 1000
_VARIABLE = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"  # UUID
    r"|\bK[0-9A-F]{27}\b"  # correlation id
    r"|0x[0-9a-fA-F]+"
    r"|\b[0-9a-fA-F]{12,}\b"
    r"|\d+(?:[.,:]\d+)*"
)


def pattern(message: str) -> str:
    """Return the first line of a message, with `*` for numbers and identifiers."""
    first_line, _, _ = message.partition("\n")
    first_line, _, _ = first_line.partition("\\n")
    return _VARIABLE.sub("*", first_line[: 4 * LONGEST_PATTERN])[:LONGEST_PATTERN]


class Groups:
    """Groups of lines by level, logger and pattern."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], LogGroup] = {}
        self.left_out = 0
        """Number of lines that found no room in a group."""

    def add_line(self, line: LogLine) -> None:
        """Count a line."""
        one = LogGroup(
            line.level, line.logger, pattern(line.message), 1, line.at, line.at, line.cid
        )
        self.add(one)

    def add(self, group: LogGroup) -> None:
        """Count the lines of a group."""
        key = (group.level, group.logger, group.pattern)
        known = self._groups.get(key)
        if known is None and len(self._groups) >= MOST_GROUPS:
            self.left_out += group.count
            return
        if known is None:
            self._groups[key] = group
            return
        known.count += group.count
        known.first = min(known.first, group.first)
        if group.last > known.last:
            known.last = group.last
            known.latest_cid = group.latest_cid

    def sorted(self) -> list[LogGroup]:
        """Return the groups, the largest first."""
        found: Iterable[LogGroup] = self._groups.values()
        return sorted(found, key=lambda one: (-one.count, one.logger, one.pattern))
