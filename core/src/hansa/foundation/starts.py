"""What a process starts, noted in files that outlive it: what ends processes while it is started is
found by them, and left out after three deaths.

A process notes in a journal of its own what it begins to start and what it has started. Its
supervisor reads the journal of one that died; a start that it was in is blamed. Whatever was blamed
before is started alone, so that the innocent are cleared by their next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .files import replace_file

STARTS = "run/starts"
"""Where a server keeps its ledger and the journals, in its folder."""
DEATHS_ALLOWED = 2
"""Processes that may end in the start of something; with one more it is quarantined."""
KEPT = 500
"""Blamed starts that are remembered; of more, the newest."""
JOURNAL_SIZE = 2**16
"""Size in bytes at which a journal without a start under way is emptied."""


@dataclass(frozen=True, slots=True)
class Deaths:
    """How many processes in a row ended in one start, how the last did, and when (Unix epoch)."""

    count: int
    how: str
    at: float

    @property
    def quarantined(self) -> bool:
        """Whether it is not to be started any more."""
        return self.count > DEATHS_ALLOWED

    def __str__(self) -> str:
        ends = "1 process" if self.count == 1 else f"{self.count} processes"
        return f"{ends} ended while it was started (the last {self.how})"


class DeathLedger:
    """The deaths of one server's processes in the start of something, by what was being started.

    `folder` holds the ledger and the journals. Several processes may change it at the same time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "deaths.json"
        # what the file said, and which version of it: one pair, since threads share it
        self._seen: tuple[tuple[int, ...], Mapping[str, Deaths]] = ((), {})

    def all(self) -> Mapping[str, Deaths]:
        """Return all deaths by what was being started; none if the file cannot be read."""
        # read only when it has changed: every start of a definition looks three times
        try:
            status = os.stat(self._file)
        except OSError:
            return {}
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        seen, deaths = self._seen
        if version != seen:
            deaths = self._read()
            self._seen = (version, deaths)
        return deaths

    def _read(self) -> dict[str, Deaths]:
        try:
            listed = json.loads(self._file.read_text())
            return {subject: Deaths(**deaths) for subject, deaths in listed.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def quarantined(self, subject: str) -> Deaths | None:
        """Return the deaths of what is not to be started any more; None if it may be."""
        found = self.all().get(subject)
        return found if found is not None and found.quarantined else None

    def forgive(self, subject: str) -> None:
        """Forget the deaths of something, so that it is started again."""
        with self._locked():
            deaths = self._read()
            if deaths.pop(subject, None) is not None:
                self._write(deaths)

    def bury(self, pid: int, how: str) -> list[str]:
        """Blame what a dead process was starting, and return it; `how` says how it ended.

        Of several, those that were blamed before, which are started alone. Nothing is blamed if
        that cannot be written down.
        """
        subjects = self._under_way(pid)
        self.forget(pid)
        if not subjects:
            return []
        with self._locked():
            deaths = self._read()
            blamed = [one for one in subjects if one in deaths] or subjects
            for subject in blamed:
                before = deaths.pop(subject, None)
                count = before.count if before else 0
                deaths[subject] = Deaths(count + 1, how, time.time())
            return blamed if self._write(deaths) else []

    def forget(self, pid: int) -> None:
        """Drop the journal of a process that has ended in order, or for a cause of its own."""
        with contextlib.suppress(OSError):
            self.journal(pid).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Drop the journals of an earlier run of the server, whose end is not known."""
        for journal in self._folder.glob("*.journal"):
            with contextlib.suppress(OSError):
                journal.unlink(missing_ok=True)

    def journal(self, pid: int) -> Path:
        """Return the journal of a process."""
        return self._folder / f"{pid}.journal"

    def _under_way(self, pid: int) -> list[str]:
        """Return what a process has begun to start and has not finished, by its journal."""
        found: dict[str, None] = {}
        try:
            lines = self.journal(pid).read_text().splitlines()
        except (OSError, ValueError):
            return []
        for line in lines:
            mark, subject = line[:1], line[1:]
            if mark == "+":
                found[subject] = None
            else:
                found.pop(subject, None)
        return list(found)

    def _write(self, deaths: dict[str, Deaths]) -> bool:
        """Write the ledger; returns whether it was written: a full disk must not end a server."""
        kept = list(deaths.items())[-KEPT:]
        text = json.dumps({subject: asdict(one) for subject, one in kept})
        try:
            replace_file(self._file, text)
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from changing the ledger."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = open(self._folder / "lock", "w")  # noqa: SIM115 (closed below)
        except OSError:
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Starts:
    """Notes what this process starts. Without a `folder`, nothing is noted or quarantined."""

    def __init__(self, folder: Path | None = None) -> None:
        self.ledger = DeathLedger(folder) if folder else None
        self._journal = -1
        self._ended = False
        self._under_way = 0
        self._lock = threading.Lock()
        self._alone = threading.Lock()

    def quarantined(self, subject: str) -> Deaths | None:
        """Return the deaths of what is not to be started any more; None if it may be."""
        return None if self.ledger is None else self.ledger.quarantined(subject)

    def blamed(self, subject: str) -> bool:
        """Whether a process has died while this was started."""
        return self.ledger is not None and subject in self.ledger.all()

    def forgive(self, subject: str) -> None:
        """Forget the deaths of something, so that it is started again."""
        if self.ledger is not None:
            self.ledger.forgive(subject)

    @contextlib.contextmanager
    def starting(self, subject: str) -> Iterator[None]:
        """Note that something is being started, as long as this block lasts.

        What a process died of before is started alone, and its deaths are forgotten if it does not
        die this time.
        """
        if self.ledger is None:
            yield
            return
        blamed = self.blamed(subject)
        with self._alone if blamed else contextlib.nullcontext():
            self._note("+", subject)
            try:
                yield
            finally:
                self._note("-", subject)
                if blamed:
                    self.ledger.forgive(subject)

    def end(self) -> None:
        """Drop the journal: this process ends in order."""
        with self._lock:
            self._ended = True
        if self.ledger is not None:
            self.ledger.forget(os.getpid())

    def _note(self, mark: str, subject: str) -> None:
        """Write a line of the journal; one that cannot be written is missing, nothing more."""
        assert self.ledger is not None
        with self._lock, contextlib.suppress(OSError):
            if self._ended:
                return
            if self._journal < 0:
                self._journal = _open_journal(self.ledger.journal(os.getpid()))
            if mark == "+":
                self._under_way += 1
            else:
                self._under_way -= 1
            os.write(self._journal, f"{mark}{subject}\n".encode())
            if self._under_way == 0 and os.fstat(self._journal).st_size > JOURNAL_SIZE:
                os.ftruncate(self._journal, 0)


def _open_journal(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
