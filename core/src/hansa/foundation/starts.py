"""What a process starts, noted in files that outlive it: what ends processes while it is started is
found by them, and left out after three deaths; what hangs there is left out at once.

A process notes in a journal of its own what it begins to start and what it has started. Its
supervisor reads the journal of one that died; a start that it was in is blamed, or, if it was in
none, what it had started in the last seconds while it served. Processes that die several times in a
row soon after they began to serve have all their starts blamed. Whatever was blamed before is
started alone, or with a few others, and watched for some seconds before the process serves, so that
the innocent are cleared by their next start.

The journal has a line for each event, its mark first: `+` a start begins, `-` it has ended, `=` it
has ended and what was started runs, `~` the same while the process served, with the time
(`time.monotonic()`), `!` the process serves, with the time, `*` the process is about to end by
what this start has begun, so that no other is to blame, and `?` it is about to end since this start
hangs, with where it does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .files import replace_file
from .origins import origins

STARTS = "run/starts"
"""Where a server keeps its ledger and the journals, in its folder."""
DEATHS_ALLOWED = 2
"""Processes that may end in the start of something; with one more it is quarantined."""
AFTERMATH = 3.0
"""Seconds after a start for which the death of its process is blamed on it."""
EARLY_DEATHS = 3
"""Processes that may die soon after they began to serve; then all that they started is blamed."""
EARLY_PAUSE = 600.0
"""Seconds without such a death after which they are counted anew."""
KEPT = 5000
"""Blamed starts that are remembered; of more, the newest."""
EARLY = "processes soon after they began to serve"
"""What the ledger calls deaths that are blamed on nothing yet."""
PARTS = 3
"""Parts in which those are started that are blamed most."""
LOCK_WAIT = 1.0
"""Seconds that a process which is about to end waits for other threads that write its journal."""
SUPERVISOR = "supervisor"
"""The name of the journal of a server's supervisor; those of its workers are named by process id.
"""
JOURNAL_SIZE = 2**16
"""Size in bytes at which the journal of a process that serves is emptied, if no start is under way.
"""


@dataclass(frozen=True, slots=True)
class Deaths:
    """How many processes in a row ended in one start, how the last did, and when (Unix epoch).

    `alone` says that one of them was starting nothing else that could be to blame, `hung` that the
    last was ended because that start did not return: nobody else can have ended it.
    """

    count: int
    how: str
    at: float
    alone: bool = False
    hung: bool = False

    @property
    def quarantined(self) -> bool:
        """Whether it is not to be started any more."""
        return self.hung or (self.alone and self.count > DEATHS_ALLOWED)

    def __str__(self) -> str:
        if self.hung:
            return f"its start hung ({self.how})"
        ends = "1 process" if self.count == 1 else f"{self.count} processes"
        return f"{ends} ended while it was started or soon after (the last {self.how})"


@dataclass(frozen=True, slots=True)
class HeldUp:
    """What a process is starting before it can do anything else, since when (`time.monotonic()`),
    and in which thread.
    """

    subject: str
    since: float
    thread: int


@dataclass(frozen=True, slots=True)
class _Events:
    """What a process has begun to start and has not finished, what it has finished while it served,
    with the time (`time.monotonic()`), what before, since when it served, what ended it, if it
    could still tell, and in what it hung, and where.
    """

    under_way: list[str]
    finished: dict[str, float]
    initial: list[str]
    serving_since: float | None = None
    ended_by: str = ""
    hung_in: str = ""
    where: str = ""

    @classmethod
    def read(cls, journal: str) -> _Events:
        """Read a journal; raises ValueError if it is none."""
        under_way: dict[str, None] = {}
        finished: dict[str, float] = {}
        initial: list[str] = []
        serving_since: float | None = None
        ended_by = ""
        hung_in = ""
        where = ""
        for line in journal.splitlines():
            mark, subject = line[:1], line[1:]
            if mark == "+":
                under_way[subject] = None
                continue
            if mark == "?":
                hung_in, _, where = subject.partition("\t")
                continue
            if mark == "!":
                serving_since = float(subject)
            elif mark == "~":
                moment, _, subject = subject.partition(" ")
                finished[subject] = float(moment)
            elif mark == "=":
                initial.append(subject)
            elif mark == "*":
                ended_by = subject
                continue
            under_way.pop(subject, None)
        return cls(list(under_way), finished, initial, serving_since, ended_by, hung_in, where)

    def early(self, moment: float) -> bool:
        """Whether the process did not serve yet at a moment."""
        return self.serving_since is None or self.serving_since > moment

    def finished_after(self, moment: float) -> list[str]:
        """Return what was started after a moment."""
        return [subject for subject, at in self.finished.items() if at > moment]


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

    def forgive(self, *subjects: str) -> None:
        """Forget the deaths of something, so that it is started again."""
        with self._locked():
            deaths = self._read()
            forgiven = [subject for subject in subjects if deaths.pop(subject, None) is not None]
            if forgiven:
                self._write(deaths)

    def bury(self, pid: int | str, how: str, *, hung: bool = False) -> list[str]:
        """Blame what a process that died just now was starting, or had started in the last seconds,
        and return it; `how` says how it ended, `hung` that it was not ready in time.

        Of several, those that were blamed before, which are started alone. Nothing is blamed if
        that cannot be written down, or if the process said that something else ends it.
        """
        events = self._events(pid)
        before = time.monotonic() - AFTERMATH
        subjects = events.under_way or events.finished_after(before)
        self.forget(pid)
        if events.hung_in:
            return self._blame([events.hung_in], events.where, hung=True)
        if events.ended_by:
            initial = events.initial if events.early(before) else []
            known = {*subjects, *initial}
            subjects = [events.ended_by] if events.ended_by in known else []
        elif not subjects and events.initial and events.early(before):
            subjects = self._suspects(events, how)
        return self._blame(subjects, how, hung=hung) if subjects else []

    def _blame(self, subjects: list[str], how: str, *, hung: bool) -> list[str]:
        """Count a death for those that were blamed before, or for all, and return them."""
        with self._locked():
            deaths = self._read()
            blamed = [one for one in subjects if one in deaths] or subjects
            single = len(blamed) == 1
            for subject in blamed:
                former = deaths.pop(subject, None)
                count = former.count + 1 if former else 1
                alone = single or (former is not None and former.alone)
                deaths[subject] = Deaths(count, how, time.time(), alone, hung and single)
                if deaths[subject].quarantined:
                    deaths.pop(EARLY, None)
            return blamed if self._write(deaths) else []

    def _suspects(self, events: _Events, how: str) -> list[str]:
        """Count the death of a process soon after it began to serve, and return all that it had
        started if it is one too many.

        Once that was so it is not repeated: its cause then is none of the starts.
        """
        now = time.time()
        with self._locked():
            deaths = self._read()
            before = deaths.pop(EARLY, None)
            count = 1
            if before is not None and now - before.at < EARLY_PAUSE:
                count = before.count + 1
            deaths[EARLY] = Deaths(count, how, now)
            written = self._write(deaths)
        return events.initial if count == EARLY_DEATHS and written else []

    def last_starts(self, pid: int | str) -> list[str]:
        """Return what a process that died just now was starting, or had started in the last
        seconds.
        """
        events = self._events(pid)
        return events.under_way or events.finished_after(time.monotonic() - AFTERMATH)

    def has_ended_itself(self, pid: int | str) -> bool:
        """Whether a process has noted that what one of its starts has begun ends it."""
        return bool(self._events(pid).ended_by)

    def forget(self, pid: int | str) -> None:
        """Drop the journal of a process that has ended in order, or for a cause of its own."""
        with contextlib.suppress(OSError):
            self.journal(pid).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Drop the journals of workers of an earlier run of the server, whose end is not known."""
        for journal in self._folder.glob("[0-9]*.journal"):
            with contextlib.suppress(OSError):
                journal.unlink(missing_ok=True)

    def journal(self, pid: int | str) -> Path:
        """Return the journal of a process, by its id or name."""
        return self._folder / f"{pid}.journal"

    def _events(self, pid: int | str) -> _Events:
        """Return what the journal of a process says; nothing if it has none."""
        try:
            return _Events.read(self.journal(pid).read_text())
        except (OSError, ValueError):
            return _Events([], {}, [])

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
    """Notes what this process starts. Without a `folder`, nothing is noted or quarantined.

    `aftermath` is how many seconds something that was blamed is watched after its start; `name`
    names the journal, by default by the id of this process.
    """

    def __init__(
        self, folder: Path | None = None, aftermath: float = AFTERMATH, name: str = ""
    ) -> None:
        self.ledger = DeathLedger(folder) if folder else None
        self._name = name or os.getpid()
        self.serving = False
        """Whether this process serves: what it starts from now on is news."""
        self.held_up: HeldUp | None = None
        """What this process is starting before it can do anything else."""
        self._aftermath = aftermath
        self._journal = -1
        self._written = 0
        self._ending = threading.Event()
        self._ended = False
        self._under_way = 0
        self._watched: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._alone = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether this process serves or ends, so that no start holds it up any more."""
        return self.serving or self._ended

    def quarantined(self, subject: str) -> Deaths | None:
        """Return the deaths of what is not to be started any more; None if it may be."""
        return None if self.ledger is None else self.ledger.quarantined(subject)

    def blamed(self, subject: str) -> bool:
        """Whether a process has died while this was started."""
        return self.ledger is not None and subject in self.ledger.all()

    def parted(self, subjects: Collection[str]) -> list[list[str]]:
        """Return those that were blamed and are not quarantined, in the parts in which to start
        them: those with the most deaths in several, so that the next death tells more of them.
        """
        deaths = {} if self.ledger is None else self.ledger.all()
        counts = {
            subject: deaths[subject].count
            for subject in subjects
            if subject in deaths and not deaths[subject].quarantined
        }
        most = max(counts.values(), default=0)
        worst = [subject for subject, count in counts.items() if count == most]
        rest = [subject for subject, count in counts.items() if count < most]
        parts = [*(worst[first::PARTS] for first in range(PARTS)), rest]
        return [part for part in parts if part]

    def forgive(self, subject: str) -> None:
        """Forget the deaths of something, so that it is started again."""
        if self.ledger is not None:
            self.ledger.forgive(subject)

    @contextlib.contextmanager
    def starting(self, subject: str, *, lasting: bool = False) -> Iterator[None]:
        """Note that something is being started, as long as this block lasts; `lasting` says that
        what was started runs from then on, and may still end the process.

        What a process died of before is started alone and watched for some seconds, and its deaths
        are forgotten if the process does not die this time.
        """
        with origins.within(subject), self._noted(subject, lasting=lasting):
            yield

    @contextlib.contextmanager
    def _noted(self, subject: str, *, lasting: bool) -> Iterator[None]:
        if self.ledger is None or subject in self._watched:
            yield
        elif self.blamed(subject):
            with self.watching([subject]):
                yield
        else:
            self._begin(subject)
            try:
                yield
            finally:
                self._finish(subject, lasting=lasting)

    @contextlib.contextmanager
    def watching(self, subjects: Collection[str]) -> Iterator[None]:
        """Note that all of this is started in this block, and nothing else that was blamed before.

        The process is watched for some seconds more; if it lives then, their deaths are forgotten.
        """
        with self._alone:
            self._watched = frozenset(subjects)
            for subject in subjects:
                self._begin(subject)
            try:
                yield
                self._ending.wait(self._aftermath)
            finally:
                self._watched = frozenset()
                for subject in subjects:
                    self._finish(subject, lasting=False)
                if self.ledger is not None and not self._ending.is_set():
                    self.ledger.forgive(*subjects)

    @contextlib.contextmanager
    def holding_up(self, subject: str) -> Iterator[None]:
        """Note that this process does nothing else until this block has ended."""
        self.held_up = HeldUp(subject, time.monotonic(), threading.get_ident())
        try:
            yield
        finally:
            self.held_up = None

    def serve(self) -> None:
        """Note that this process serves."""
        with self._lock:
            self.serving = True
            self._write(f"!{time.monotonic():.2f}")

    def excuse(self, subject: str) -> None:
        """Note that a start, which is still under way, is not to blame if this process ends."""
        with self._lock:
            self._write(f"-{subject}")

    def note_end(self, subject: str) -> None:
        """Note that this process is about to end by what a start has begun.

        Its journal is then kept, although it may end in order: a signal may ask it to. A child that
        it has forked may say so, too.
        """
        # in a child, the thread that held the lock when it was forked does not exist
        locked = self._lock.acquire(timeout=LOCK_WAIT)
        self._write(f"*{subject}")
        if locked:
            self._lock.release()

    def note_hang(self, subject: str, where: str) -> None:
        """Note that this process is about to end since a start does not return; `where` is one
        line.
        """
        with self._lock:
            self._write(f"?{subject}\t{where}")

    def stop_watching(self) -> None:
        """Watch nothing any more: this process is about to end."""
        self._ending.set()

    def end(self) -> None:
        """Drop the journal: this process ends in order."""
        self.stop_watching()
        with self._lock:
            self._ended = True
        if self.ledger is not None and not self.ledger.has_ended_itself(self._name):
            self.ledger.forget(self._name)

    def _begin(self, subject: str) -> None:
        with self._lock:
            self._under_way += 1
            self._write(f"+{subject}")

    def _finish(self, subject: str, *, lasting: bool) -> None:
        with self._lock:
            self._under_way -= 1
            if lasting and self.serving:
                self._write(f"~{time.monotonic():.2f} {subject}")
            else:
                self._write(f"={subject}" if lasting else f"-{subject}")

    def _write(self, line: str) -> None:
        """Write a line of the journal; one that cannot be written is missing, nothing more."""
        if self.ledger is None or self._ended:
            return
        with contextlib.suppress(OSError):
            if self._journal < 0:
                self._journal = _open_journal(self.ledger.journal(self._name))
            if self.serving and self._under_way == 0 and self._written > JOURNAL_SIZE:
                os.ftruncate(self._journal, 0)
                self._written = 0
            self._written += os.write(self._journal, f"{line}\n".encode())


def _open_journal(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
