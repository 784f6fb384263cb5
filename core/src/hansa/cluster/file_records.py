"""Small records in files of one server, for what must outlive a process where no Redis keeps it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from ..contract.bus import Records
from ..foundation.files import replace_file

SWEEP = 60.0
"""Seconds after which expired counters are removed again, when one is counted."""


class FileRecords(Records):
    """Records of one namespace: values as synced files, counters as files that grow by a byte and
    whose modification time is that of their expiry. Each server has its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sweep_at = 0.0

    def read(self, name: str) -> bytes | None:
        """Return a value, or None if there is none."""
        try:
            return self._path(name, "json").read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, value: bytes) -> None:
        """Keep a value; it is on disk when this returns."""
        replace_file(self._path(name, "json"), value, durable=True)

    def count(self, name: str, seconds: float) -> int:
        """Add one to a counter that expires after `seconds` without use, and return it."""
        path = self._path(name, "count")
        now = self._sweep()
        # a byte each time: nothing that a crash could leave half done
        with open(path, "ab", buffering=0) as file:
            file.write(b".")
            os.utime(file.fileno(), (now, now + seconds))
            return file.tell()

    def claim(self, name: str, seconds: float) -> bool:
        """Begin a counter at one that expires after `seconds`; whether there was none."""
        path = self._path(name, "count")
        now = self._sweep()
        try:
            with open(path, "xb", buffering=0) as file:
                file.write(b".")
                os.utime(file.fileno(), (now, now + seconds))
        except FileExistsError:
            return False
        return True

    def _sweep(self) -> float:
        """Remove expired counters now and then; returns the time."""
        now = time.time()
        if now >= self._sweep_at:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep_at = now + SWEEP  # from now on, other threads take the folder for granted
            self._drop_expired(now)
        return now

    def delete(self, name: str) -> None:
        """Forget a value or a counter."""
        for suffix in ("json", "count"):
            self._path(name, suffix).unlink(missing_ok=True)

    def _path(self, name: str, suffix: str) -> Path:
        # names may have characters that files must not have, and be too long
        readable = "".join(letter if letter.isalnum() else "-" for letter in name)[:60]
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
        return self._folder / f"{readable}-{digest}.{suffix}"

    def _drop_expired(self, now: float) -> None:
        oldest = now - SWEEP  # another worker may be about to say when a new one expires
        for path in self._folder.glob("*.count"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
