"""The ledger of jobs in a folder of the server, for a server without Redis: one small JSON file for
each job, under one lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from hansa import replace_file

from .redis_ledger import GIVEN_BACK
from .unfinished import Unfinished

log = logging.getLogger("hansa.scheduler")
KEPT = 50
"""Claims that the file of a job keeps, besides those that are kept for ever."""


class JobRecord(msgspec.Struct, omit_defaults=True):
    """What the file of a job holds. Planned times are ISO 8601; `open` maps them to the runner's
    token and the attempt.
    """

    job: str = ""
    rule: str = ""
    last: str = ""
    fired: list[str] = []
    forever: list[str] = []
    open: dict[str, tuple[str, int]] = {}
    runs: list[str] = []


_decode = msgspec.json.Decoder(JobRecord).decode
_encode = msgspec.json.encode


class FileLedger:
    """The ledger in a folder that the workers of one server share, for the runner with this token;
    made when first used.
    """

    def __init__(self, directory: Path, token: str) -> None:
        self.directory = Path(directory)
        self.token = token
        self._sign: int | None = None
        self._lock = threading.Lock()

    def begin(self, job: str, rule: str, now: datetime, *, keep: bool) -> datetime | None:
        """Return the last planned time dealt with; if there is none for this rule, None, or `now`,
        if that is to be kept.
        """
        if not keep and not self._path(job).exists():
            return None
        with self._record(job) as record:
            if record.rule == rule and record.last:
                return datetime.fromisoformat(record.last)
            if keep:
                record.rule = rule
                record.last = now.isoformat()
                return now
        return None

    def claimed(self, job: str, planned: datetime, attempt: int) -> bool:
        """Whether a run, or one attempt at it, was taken."""
        if not self._path(job).exists():
            return False
        claim = _claim_name(planned, attempt)
        with self._record(job) as record:
            return claim in record.fired or claim in record.forever

    def claim(
        self, job: str, planned: datetime, attempt: int, *, forever: bool, again: bool
    ) -> bool:
        """Take a run, or one attempt at it; returns whether it was free. A claim for ever is on
        disk when this returns.
        """
        claim = _claim_name(planned, attempt)
        with self._record(job, durable=forever) as record:
            claims = record.forever if forever else record.fired
            if claim in claims and not again:
                return False
            claims.append(claim)
            if not forever:
                del claims[:-KEPT]
            record.open[planned.isoformat()] = (self.token, attempt)
            if attempt == 1:
                record.last = planned.isoformat()
        return True

    def close(self, job: str, planned: datetime) -> None:
        """Note that a run has ended for good."""
        if self._path(job).exists():
            with self._record(job) as record:
                record.open.pop(planned.isoformat(), None)

    def release(self, job: str, planned: datetime, attempt: int) -> None:
        """Leave a run to another runner."""
        with self._record(job) as record:
            record.open[planned.isoformat()] = (GIVEN_BACK, attempt)

    def unfinished(self) -> list[Unfinished]:
        """Return the runs whose runner died or gave them back."""
        found: list[Unfinished] = []
        for path in self.directory.glob("*.json"):
            with self._locked():
                record = _read(path)
            for moment, (token, attempt) in record.open.items():
                given_back = token == GIVEN_BACK
                if given_back or (token != self.token and not self.alive(token)):
                    planned = datetime.fromisoformat(moment)
                    found.append(Unfinished(record.job, planned, attempt, given_back))
        return found

    def forget(self, job: str) -> None:
        """Keep only the claims that are kept for ever."""
        if not self._path(job).exists():
            return
        with self._record(job) as record:
            record.rule = ""
            record.last = ""
            record.fired = []

    def note_run(self, job: str, record: str, keep: int) -> None:
        """Keep the record of a run, the newest first, with at most `keep` of the job."""
        with self._record(job) as found:
            found.runs = [record, *found.runs][:keep]

    def runs(self, jobs: Sequence[str]) -> dict[str, list[str]]:
        """Return the records of runs by job, the newest first."""
        found: dict[str, list[str]] = {}
        for job in jobs:
            path = self._path(job)
            # a file is replaced as a whole, so that it is read without the lock
            found[job] = _read(path).runs if path.exists() else []
        return found

    def forget_runs(self, job: str) -> None:
        """Drop the records of a job's runs."""
        if self._path(job).exists():
            with self._record(job) as found:
                found.runs = []

    # -- signs of life -----------------------------------------------------------------------------

    def sign(self) -> None:
        """Give a sign of life that ends with this process: a locked file."""
        if self._sign is not None:
            return
        with self._locked():
            # another thread may have signed meanwhile: its lock would be waited for without end
            if self._sign is not None:
                return
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._sign_path(self.token), flags, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._sign = descriptor
            for path in self.directory.glob("alive-*"):
                self.alive(path.name.removeprefix("alive-"))

    def alive(self, token: str) -> bool:
        """Whether the runner with this token lives on this machine; the sign of a dead one is
        removed.
        """
        path = self._sign_path(token)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        path.unlink(missing_ok=True)
        return False

    def leave(self) -> None:
        """Take the sign of life back."""
        if self._sign is not None:
            self._sign_path(self.token).unlink(missing_ok=True)
            os.close(self._sign)
            self._sign = None

    def _sign_path(self, token: str) -> Path:
        return self.directory / f"alive-{token}"

    # -- files -------------------------------------------------------------------------------------

    def _path(self, job: str) -> Path:
        return self.directory / f"{hashlib.sha256(job.encode()).hexdigest()[:32]}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the folder, against other threads and other workers."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        with self._lock:
            descriptor = os.open(self.directory / "lock", flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    @contextmanager
    def _record(self, job: str, *, durable: bool = False) -> Iterator[JobRecord]:
        """Yield the record of a job, under the lock; it is written back if it was changed, synced
        to disk if `durable`.
        """
        path = self._path(job)
        with self._locked():
            record = _read(path)
            before = _encode(record)
            yield record
            if _encode(record) != before:
                record.job = job
                replace_file(path, _encode(record), durable=durable)


def _read(path: Path) -> JobRecord:
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return JobRecord()
    except msgspec.MsgspecError:
        log.error("the record of a job is damaged and is started anew: %s", path)
        return JobRecord()


def _claim_name(planned: datetime, attempt: int) -> str:
    if attempt == 1:
        return planned.isoformat()
    return f"{planned.isoformat()} {attempt}"
