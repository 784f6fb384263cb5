"""What `hansa doctor` examines: examinations by plugins, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    `ok` is in order, `warning` will or may become a fault, and `fault` keeps something from working
    as it should. `text` says what was found, with figures; `remedy` what to do, and must be there
    unless all is well.
    """

    level: Literal["ok", "warning", "fault"]
    text: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.level != "ok" and not self.remedy:
            raise ValueError(f"a finding of level {self.level} must say what to do: {self.text}")


@dataclass(frozen=True)
class ExaminedServer:
    """A server that is examined from outside, whether it runs or not: its configuration file, and
    the folder of everything that it writes.
    """

    config: Path
    folder: Path


@dataclass(frozen=True)
class Examination:
    """An examination of a server: its name, such as `certificates`, and what carries it out; what
    that raises is a fault.
    """

    name: str
    examine: Callable[[ExaminedServer], Iterable[Finding]]
