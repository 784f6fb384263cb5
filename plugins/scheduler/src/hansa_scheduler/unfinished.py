"""A planned run that was claimed and did not end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A planned run that was claimed and has no end: its runner died, or gave it back after a failed
    attempt.
    """

    job: str
    planned: datetime
    attempt: int
    given_back: bool = field(default=False, compare=False)
