"""One line of the report, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from ..payloads import PlainDict

Status = Literal["runs", "differs", "missing"]
ORDER: Final[tuple[Status, ...]] = ("missing", "differs", "runs")
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of something in a line of a file, why, and what does its work instead."""

    file: str
    line: int
    status: Status
    subject: str
    why: str = ""
    instead: str = ""

    @property
    def where(self) -> str:
        """The file and the line."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass
class Report:
    """The lines of a folder, and what was read for it."""

    folder: str
    lines: list[Line] = field(default_factory=list)
    services: int = 0
    sources: int = 0
    files: int = 0
    objects: int = 0
    settings: int = 0

    def counts(self) -> dict[str, int]:
        """Return how many lines there are of each status."""
        return {status: len(self.of(status)) for status in ORDER}

    def of(self, status: Status) -> list[Line]:
        """Return the lines of a status."""
        return [line for line in self.lines if line.status == status]

    def sort(self) -> None:
        """Put the lines in order: by file and line, each once."""
        found = dict.fromkeys(self.lines)
        self.lines = sorted(found, key=lambda one: (one.file, one.line, ORDER.index(one.status)))

    def show(self) -> PlainDict:
        """Return it as JSON has it."""
        return {
            "folder": self.folder,
            "sources": self.sources,
            "services": self.services,
            "enmasse_files": self.files,
            "objects": self.objects,
            "settings": self.settings,
            "counts": self.counts(),
            "lines": [asdict(line) for line in self.lines],
        }


def worst(lines: Iterable[Line]) -> Status:
    """Return the worst status of lines."""
    there = {line.status for line in lines}
    return next((status for status in ORDER if status in there), "runs")
