"""Caches of a server without Redis: an SQLite file for each, which the workers of that server share."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hansa import Unavailable

from .store import Bounds, CacheStatus, CacheStore, SetMode, Stored

TIMEOUT = 3.0
"""Seconds to wait for another worker that writes."""
_SHAPE = 2
"""Number of the shape of the file; those of another one are left alone."""
_SCHEMA = """
create table if not exists entry (
    key text primary key, value blob not null, ends real, used real not null, lives real not null
) without rowid;
create index if not exists entry_ends on entry (ends) where ends is not null;
create index if not exists entry_used on entry (used);
create table if not exists total (name text primary key, count integer not null);
create table if not exists claim (key text primary key, holder text not null, ends real not null);
"""


class FileStore(CacheStore):
    """The entries of one cache in a file; a crash of the machine may cost those written last."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # names may have characters that files must not have
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        self._path = folder / f"{digest}.{_SHAPE}.sqlite"
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    def write(self, key: str, value: bytes, seconds: float, bounds: Bounds, mode: SetMode) -> bool:
        """Keep a value."""
        with self._transaction() as (db, now):
            _sweep(db, now)
            found = db.execute("select 1 from entry where key = ?", (key,)).fetchone()
            if mode != "set" and (found is not None) != (mode == "replace"):
                return False
            _drop(db, [key])
            _make_room(db, len(key.encode()) + len(value), bounds)
            row = (key, value, _ends(now, seconds), now, seconds)
            db.execute("insert into entry values (?, ?, ?, ?, ?)", row)
            _count(db, "bytes", len(key.encode()) + len(value))
            _count(db, "written", 1)
            return True

    def read(self, keys: Sequence[str], *, extend: bool, count: bool) -> list[Stored | None]:
        """Return the entries of keys."""
        found: list[Stored | None] = []
        with self._transaction() as (db, now):
            _sweep(db, now)
            for key in keys:
                asked = "select value, ends, lives from entry where key = ?"
                row = db.execute(asked, (key,)).fetchone()
                if row is None:
                    found.append(None)
                    continue
                ends = row[1]
                if ends is not None and extend:
                    ends = now + row[2]
                db.execute("update entry set used = ?, ends = ? where key = ?", (now, ends, key))
                found.append(Stored(row[0], ends))
            if count:
                hits = sum(one is not None for one in found)
                _count(db, "hits", hits)
                _count(db, "misses", len(found) - hits)
        return found

    def expire(self, keys: Sequence[str], seconds: float) -> int:
        """Let entries expire after that many seconds."""
        with self._transaction() as (db, now):
            _sweep(db, now)
            change = "update entry set ends = ?, lives = ? where key = ?"
            ends = _ends(now, seconds)
            return sum(db.execute(change, (ends, seconds, key)).rowcount for key in keys)

    def delete(self, keys: Sequence[str]) -> int:
        """Delete entries."""
        with self._transaction() as (db, now):
            _sweep(db, now)
            return _drop(db, keys)

    def scan(self) -> Iterator[list[str]]:
        """Return all keys, in one part."""
        with self._transaction() as (db, now):
            _sweep(db, now)
            rows = db.execute("select key from entry").fetchall()
        yield [key for (key,) in rows]

    def clear(self) -> None:
        """Delete all entries."""
        with self._transaction() as (db, _):
            db.execute("delete from entry")
            db.execute("delete from total where name = 'bytes'")

    def status(self) -> CacheStatus:
        """Return what is known of the cache."""
        with self._transaction() as (db, now):
            _sweep(db, now)
            items = int(db.execute("select count(*) from entry").fetchone()[0])
            counts = dict(db.execute("select name, count from total").fetchall())
        names = ("bytes", "hits", "misses", "written", "expired", "evicted")
        return CacheStatus(items, *(int(counts.get(name, 0)) for name in names))

    def claim(self, key: str, holder: str, seconds: float) -> bool:
        """Claim the right to compute a value."""
        with self._transaction() as (db, now):
            db.execute("delete from claim where ends <= ?", (now,))
            row = (key, holder, now + seconds)
            return db.execute("insert or ignore into claim values (?, ?, ?)", row).rowcount == 1

    def release(self, key: str, holder: str) -> None:
        """Give a claim back."""
        with self._transaction() as (db, _):
            db.execute("delete from claim where key = ? and holder = ?", (key, holder))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """One step, which other threads and workers see wholly or not at all, and its time."""
        with self._lock:
            try:
                db = self._opened or self._open()
                with db:
                    db.execute("begin immediate")
                    yield db, time.time()
            except sqlite3.Error as error:
                raise Unavailable(f"the file of the cache cannot be used: {error}") from error

    def _open(self) -> sqlite3.Connection:
        path = str(self._path)
        db = sqlite3.connect(path, timeout=TIMEOUT, check_same_thread=False, isolation_level=None)
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.executescript(_SCHEMA)
        self._path.chmod(0o600)
        self._opened = db
        return db


def _ends(now: float, seconds: float) -> float | None:
    return now + seconds if seconds else None


def _count(db: sqlite3.Connection, name: str, by: int) -> None:
    add = "insert into total values (?, ?) on conflict (name) do update set count = count + ?"
    db.execute(add, (name, by, by))


def _drop(db: sqlite3.Connection, keys: Sequence[str]) -> int:
    """Delete entries; returns how many there were."""
    done = 0
    asked = "delete from entry where key = ? returning length(cast(key as blob)) + length(value)"
    for key in keys:
        row = db.execute(asked, (key,)).fetchone()
        if row is not None:
            _count(db, "bytes", -row[0])
            done += 1
    return done


def _sweep(db: sqlite3.Connection, now: float) -> None:
    """Remove what has expired."""
    due = db.execute("select key from entry where ends <= ?", (now,)).fetchall()
    if due:
        _count(db, "expired", _drop(db, [key for (key,) in due]))


def _make_room(db: sqlite3.Connection, size: int, bounds: Bounds) -> None:
    """Delete what was not used for the longest time until there is room for one more entry."""
    items = int(db.execute("select count(*) from entry").fetchone()[0])
    row = db.execute("select count from total where name = 'bytes'").fetchone()
    held = int(row[0]) if row else 0
    while items and (items >= bounds.max_items or held + size > bounds.max_bytes):
        asked = "select key, length(cast(key as blob)) + length(value) from entry order by used"
        key, weight = db.execute(f"{asked} limit 1").fetchone()
        _count(db, "evicted", _drop(db, [key]))
        items -= 1
        held -= weight
