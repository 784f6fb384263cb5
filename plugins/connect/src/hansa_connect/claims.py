"""Claims on files, kept in the names of the files themselves, so that a crash forgets nothing."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from dataclasses import dataclass, replace
from hashlib import sha256

from .files import is_file_name

_NAME = re.compile(
    r"(\d{8}T\d{6}-[0-9a-f]{6,13})\.([0-9a-f]{8})\.(\d{1,6})\.(\d{1,15})\.(.+)", re.S
)
LONGEST = 255
"""Bytes that file names may have on nearly all systems."""
ROOM = 64
"""Bytes that a claim, or the name of the cause beside a failed file, adds to a name at most."""


class _MarkSequence:
    """Marks that are unique by construction, in any number of threads and processes.

    A mark is a microsecond, which no other mark of this process has, and the random number of this
    process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._pid = 0
        self._process = ""

    def next(self) -> str:
        """Return the time (UTC), five digits for the microsecond, and eight for the process."""
        with self._lock:
            if self._pid != os.getpid():  # the first mark, or the process was forked
                self._pid = os.getpid()
                self._process = secrets.token_hex(4)
            self._last = max(self._last + 1, time.time_ns() // 1000)
            seconds, microseconds = divmod(self._last, 1_000_000)
            moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
            return f"{moment}-{microseconds:05x}{self._process}"


_marks = _MarkSequence()


@dataclass(frozen=True, slots=True)
class Claim:
    """A file taken out of its folder: `mark` is unique and begins with the time (UTC).

    `due` is in milliseconds of the Unix epoch. `attempt` counts the deliveries that were begun: the
    claim is renamed before each, so that those which ended the process count, too.
    """

    mark: str
    owner: str
    attempt: int
    due: int
    name: str

    @classmethod
    def new(cls, owner: str, name: str) -> Claim:
        """Return a claim that is due now."""
        return cls(_marks.next(), owner, 0, int(time.time() * 1000), name)

    @classmethod
    def parse(cls, file: str) -> Claim | None:
        """Return the claim that a file's name stands for.

        None for other files, and for names that no command can carry, or that lead elsewhere.
        """
        found = _NAME.fullmatch(file)
        if found is None:
            return None
        mark, owner, attempt, due, name = found.groups()
        if not is_file_name(name):
            return None
        return cls(mark, owner, int(attempt), int(due), name)

    @property
    def file(self) -> str:
        """The name of the claimed file."""
        return f"{self.mark}.{self.owner}.{self.attempt}.{self.due}.{self.name}"

    @property
    def final(self) -> str:
        """The name that the file keeps when it is done or has failed, which no other file has."""
        return f"{self.mark}-{self.name}"

    def again(self, owner: str, seconds: float = 0.0, *, attempts: int = 0) -> Claim:
        """Return the same claim, due in `seconds`, with `attempts` added."""
        due = int((time.time() + seconds) * 1000)
        return replace(self, owner=owner, attempt=self.attempt + attempts, due=due)


def owner_of(*names: str) -> str:
    """Return eight characters for whose claims these are: those of a channel in a cluster."""
    return sha256("\0".join(names).encode()).hexdigest()[:8]


def fits(name: str) -> bool:
    """Return whether a claim on a file of this name is not too long a name itself."""
    return len(name.encode(errors="replace")) + ROOM <= LONGEST
