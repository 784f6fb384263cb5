"""The audit log as one worker writes it.

All records of a cluster are one chain: each has the SHA-256 digest of the one before. The number
and the digest of the newest one are also kept outside of the operational database (ODB), among the
records of the cluster, so that the newest ones cannot be removed unnoticed either.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from typing import NamedTuple

import msgspec
from hansa import HansaError, Journal, JournalRecord, Key, Records, Server, StoredChange

from .early import AuditSection
from .record import Entry, digest_of, text_of

log = logging.getLogger("hansa.audit")

JOURNAL = "audit"
HEAD = "head"
"""The name under which the newest record is kept outside of the ODB."""
DAY = 86_400.0
PRUNE_EVERY = 3600.0
"""Seconds between looks for records that are older than the retention."""
CHECKPOINT = "checkpoint"
"""The key under which a record names the last one of those that were dropped, as a pair of its
number and its digest.
"""
MISSING = "missing"
"""The key under which a record names one that was there before, and was gone when it was written.
"""

current: contextvars.ContextVar[Entry | None] = contextvars.ContextVar("audited", default=None)
"""The action that this thread is about to record."""


class Head(NamedTuple):
    """The number and the digest of a record."""

    number: int
    digest: str


def head_of(record: JournalRecord) -> Head:
    """Return the number and the digest of a record."""
    return Head(record.number, digest_of(record.text))


class AuditTrail:
    """Writes the records of one worker."""

    def __init__(self, server: Server) -> None:
        self.section = server.section(AuditSection)
        self.journal: Journal = server.journal(JOURNAL)
        self._server = server.name
        self._records: Records = server.records(JOURNAL)
        self._prune_at = 0.0
        self._pruning = threading.Lock()

    def note(self, entry: Entry) -> None:
        """Write a record; where that fails, the log has what it would say."""
        try:
            self.write(entry)
        except Exception as error:
            text = text_of(entry, 0, time.time(), self._server, "")
            log.error("not in the audit log, since it cannot be written (%s): %s", error, text)

    def write(self, entry: Entry) -> None:
        """Write a record; raises `Unavailable` if the ODB cannot be used."""
        self._append(entry)
        if self.section.retention_days and time.monotonic() >= self._prune_at:
            self._prune()

    def stored(self, change: StoredChange) -> None:
        """Learn of a stored change: part of the action that is recorded at the moment, or one of
        its own, which came by no admin service.
        """
        made = [f"{action} {named(key)}" for key, action in change.actions]
        entry = current.get()
        if entry is None:
            self.note(Entry(by=change.by, changes=made, revision=change.revision))
            return
        entry.changes += made
        entry.revision = change.revision

    def head(self) -> Head | None:
        """Return the newest record as it is kept outside of the ODB; None if that is not known."""
        try:
            kept = self._records.read(HEAD)
        except Exception as error:
            log.warning("the newest record of the audit log cannot be looked up: %s", error)
            return None
        if kept is None:
            return None
        number, _, digest = kept.decode().partition(" ")
        return Head(int(number), digest)

    def _append(self, entry: Entry, drop_through: int = 0) -> None:
        kept = self.head()

        def compose(number: int, last: JournalRecord | None) -> str:
            there = head_of(last) if last is not None else Head(0, "")
            # others may have added records since `kept` was read, and nobody has taken any away
            if kept is not None and (
                kept.number > there.number
                or (kept.number == there.number and kept.digest != there.digest)
            ):
                entry.more[MISSING] = kept
            return text_of(entry, number, time.time(), self._server, there.digest)

        record = self.journal.append(compose, drop_through=drop_through)
        if MISSING in entry.more:
            log.error("a record of the audit log is gone, or was changed: %s", entry.more[MISSING])
        self._keep(head_of(record))

    def _keep(self, head: Head) -> None:
        """Keep the newest record outside of the ODB; when two workers do so at once, the older one
        may win, and the next record sets that right.
        """
        try:
            self._records.write(HEAD, f"{head.number} {head.digest}".encode())
        except Exception as error:
            log.warning("the newest record of the audit log cannot be kept: %s", error)

    def _prune(self) -> None:
        """Drop the records that are older than the retention, and record up to which."""
        with self._pruning:
            if time.monotonic() < self._prune_at:
                return
            self._prune_at = time.monotonic() + PRUNE_EVERY
        try:
            last = self._last_before(time.time() - self.section.retention_days * DAY)
            if last is not None:
                head = head_of(last)
                self._append(Entry(more={CHECKPOINT: head}), drop_through=head.number)
        except Exception as error:
            log.warning("old records of the audit log are kept, and dropped later: %s", error)

    def _last_before(self, moment: float) -> JournalRecord | None:
        """Return the newest of the records at the beginning that are older than a moment."""
        found: JournalRecord | None = None
        while page := self.journal.read(after=found.number if found else 0):
            for record in page:
                if time_of(record) >= moment:
                    return found
                found = record
        return found


def named(key: Key) -> str:
    """Return how records name what was changed: its kind, its type unless that is the same, and its
    name.
    """
    kind, type, name = key
    return f"{kind} {name}" if type in ("", kind) else f"{kind} {type} {name}"


def time_of(record: JournalRecord) -> float:
    """Return when a record was written, in seconds of the Unix epoch; infinity for one that cannot
    be read, which is never too old.
    """
    try:
        return float(msgspec.json.decode(record.text)["at"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return float("inf")


def code_of(error: BaseException) -> str:
    """Return the outcome of an action that an error has ended."""
    return error.code if isinstance(error, HansaError) else "unexpected"
