"""The records of jobs in a folder of the server, for a server without Redis: one small JSON file a job, changed under one lock."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

log = logging.getLogger("hansa.scheduler")
KEPT = 50  # claims a job's file remembers


class FileRecords:
    """The records of all jobs of one server, which its workers share. Made when first written to."""

    def __init__(self, directory: Path, token: str) -> None:
        self.directory, self.token = Path(directory), token
        self._sign: int | None = None
        self._lock = threading.Lock()

    def begin(self, job: str, rule: str, now: datetime, *, keep: bool) -> datetime | None:
        """The last planned time dealt with; if there is none for this rule, `now` is kept as such, or None given."""
        if not keep and not self._path(job).exists():
            return None
        with self._record(job) as record:
            if record.get("rule") == rule and record.get("last"):
                return datetime.fromisoformat(record["last"])
            if keep:
                record["rule"], record["last"] = rule, now.isoformat()
                return now
        return None

    def claimed(self, job: str, planned: datetime, attempt: int) -> bool:
        """Whether a run, or one attempt at it, was taken."""
        if not self._path(job).exists():
            return False
        with self._record(job) as record:
            name = _name(planned, attempt)
            return name in record.get("fired", ()) or name in record.get("forever", ())

    def claim(
        self, job: str, planned: datetime, attempt: int, *, forever: bool, again: bool
    ) -> bool:
        """Take a run, or one attempt at it; False if it was taken before."""
        name = _name(planned, attempt)
        with self._record(job, durable=forever) as record:
            fired = record.setdefault("forever" if forever else "fired", [])
            if name in fired and not again:
                return False
            fired.append(name)
            if not forever:
                del fired[:-KEPT]
            record.setdefault("open", {})[planned.isoformat()] = [self.token, attempt]
            if attempt == 1:
                record["last"] = planned.isoformat()
        return True

    def close(self, job: str, planned: datetime) -> None:
        """A run has ended for good."""
        if self._path(job).exists():
            with self._record(job) as record:
                record.get("open", {}).pop(planned.isoformat(), None)

    def release(self, job: str, planned: datetime, attempt: int) -> None:
        """Leave a run to another."""
        with self._record(job) as record:
            record.setdefault("open", {})[planned.isoformat()] = ["-", attempt]

    def unfinished(self) -> list[tuple[str, datetime, int]]:
        """The runs whose runner died or gave them back, as (job, planned, attempt)."""
        found = []
        for path in self.directory.glob("*.json"):
            with self._locked():
                record = _read(path)
            for moment, (token, attempt) in record.get("open", {}).items():
                if token == "-" or (token != self.token and not self.alive(token)):
                    found.append((str(record["job"]), datetime.fromisoformat(moment), int(attempt)))
        return found

    def sign(self) -> None:
        """Give a sign of life that ends with this process: a locked file."""
        if self._sign is not None:
            return
        with self._locked():
            if (
                self._sign is not None
            ):  # another thread was quicker, and would be waited for for ever
                return
            descriptor = os.open(
                self._sign_path(self.token), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._sign = descriptor
            for path in self.directory.glob("alive-*"):
                self.alive(path.name.removeprefix("alive-"))

    def alive(self, token: str) -> bool:
        """Whether the runner with this token lives on this machine; the sign of a dead one is removed."""
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

    def forget(self, job: str) -> None:
        """Remember only the claims that are kept for ever."""
        if not self._path(job).exists():
            return
        with self._record(job) as record:
            for name in ("rule", "last", "fired"):
                record.pop(name, None)

    def _path(self, job: str) -> Path:
        return self.directory / f"{hashlib.sha256(job.encode()).hexdigest()[:32]}.json"

    def _sign_path(self, token: str) -> Path:
        return self.directory / f"alive-{token}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            descriptor = os.open(
                self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    @contextmanager
    def _record(self, job: str, *, durable: bool = False) -> Iterator[dict[str, Any]]:
        """The record of a job, written back as a whole if it was changed; `durable` waits until it is on the disk."""
        path = self._path(job)
        with self._locked():
            record = _read(path)
            before = json.dumps(record)
            yield record
            if json.dumps(record) != before:
                record["job"] = job
                temporary = path.with_suffix(".new")
                with open(temporary, "w") as file:
                    file.write(json.dumps(record))
                    if durable:
                        file.flush()
                        os.fsync(file.fileno())
                os.replace(temporary, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        log.error("the records of a job are damaged and begin anew: %s", path)
        return {}
    return found


def _name(planned: datetime, attempt: int) -> str:
    return planned.isoformat() if attempt == 1 else f"{planned.isoformat()} {attempt}"
