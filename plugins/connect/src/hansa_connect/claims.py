"""Claims: what the name of a claimed file tells - when, by whom, how often tried, when due - so that a crash forgets nothing."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, replace
from hashlib import sha256

from .files import is_clean

_NAME = re.compile(r"(\d{8}T\d{6}-[0-9a-f]{6})\.([0-9a-f]{8})\.(\d{1,6})\.(\d{1,15})\.(.+)", re.S)
LONGEST = 255  # bytes that names of files have on nearly all systems
ROOM = 60  # bytes that a claim adds to a name at most, or that of the cause beside it


@dataclass(frozen=True, slots=True)
class Claim:
    """A file taken out of its folder: `mark` is unique and begins with the time (UTC); `due` is in milliseconds of Unix time.

    `attempt` counts the deliveries that were begun. Before each the claim is renamed, so those that ended the process count too.
    """

    mark: str
    owner: str
    attempt: int
    due: int
    name: str

    @classmethod
    def new(cls, owner: str, name: str) -> Claim:
        """A claim that is due now."""
        mark = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        return cls(mark, owner, 0, int(time.time() * 1000), name)

    @classmethod
    def parse(cls, file: str) -> Claim | None:
        """What the name of a claimed file tells; None for any other file, and for one that no command could name."""
        found = _NAME.fullmatch(file) if is_clean(file) else None
        return cls(found[1], found[2], int(found[3]), int(found[4]), found[5]) if found else None

    @property
    def file(self) -> str:
        """The name of the claimed file."""
        return f"{self.mark}.{self.owner}.{self.attempt}.{self.due}.{self.name}"

    @property
    def final(self) -> str:
        """The name that it keeps when it is done or has failed, which no other file has."""
        return f"{self.mark}-{self.name}"

    def again(self, owner: str, seconds: float = 0.0, *, attempts: int = 0) -> Claim:
        """The same claim, due in so many seconds, with so many more attempts."""
        due = int((time.time() + seconds) * 1000)
        return replace(self, owner=owner, attempt=self.attempt + attempts, due=due)


def owner_of(*names: str) -> str:
    """Eight characters for whose claims these are: the cluster and the channel."""
    return sha256("\0".join(names).encode()).hexdigest()[:8]


def fits(name: str) -> bool:
    """Whether a claim on a file of this name is not too long a name itself."""
    return len(name.encode(errors="replace")) + ROOM <= LONGEST
