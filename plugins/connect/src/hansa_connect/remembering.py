"""A watched folder that may only be read: files stay, and what was taken is remembered."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TypeVar

from hansa import HansaError, NotFound, TimedOut, Unavailable, backoff_delay, new_cid

from .claims import Claim
from .files import Entry, one_line
from .memory import Memory, Taken
from .reading import LONGEST_DELAY, Fetched, FolderReader, cause_of
from .watched import WatchSettings

FULL = "as many files are remembered as the setting remember_limit allows, and all are still there"

WatchT = TypeVar("WatchT", bound=WatchSettings)


class RememberingFolder(FolderReader[WatchT]):
    """Base of channels that take files without renaming them, if their settings say `read_only`.

    A file is another one once its size or its time has changed. The attempt is written before each
    delivery and the outcome after it, so that delivery is at least once, also across restarts.
    """

    def connect(self) -> None:
        """Log in, and read what is remembered."""
        super().connect()
        self._due: dict[str, float] = {}
        if self.config.read_only:
            owner = f"{self.kind} {self.type} {self.name}"
            self._memory = Memory(self.server, owner, self.config.remember_limit)

    def _poll_remembering(self) -> bool:
        """Deliver the files that have settled and were not taken yet."""
        with self.session() as files:
            entries = files.list(self.path(""))
        listed = {entry.name for entry in entries}
        self._due = {name: due for name, due in self._due.items() if name in listed}
        in_vain: list[str] = []
        for entry in self._arrivals.settled(entries, time.monotonic()):
            if self.stopping:
                break
            if self._is_taken(entry) or time.monotonic() < self._due.get(entry.name, 0.0):
                continue
            if self._is_incomplete(entry):
                in_vain.append(entry.name)
                continue
            if not self._memory.has_room(entry.name, listed):
                self._unclaimed.refused(entry.name, FULL)
                in_vain.append(entry.name)
                continue
            self._take_remembering(entry)
        self._unclaimed.keep(in_vain)
        return False

    def _is_taken(self, entry: Entry) -> bool:
        """Return whether a file needs no further delivery.

        A listing that differs proves nothing: LIST shows the time in another form as a file ages.
        """
        known = self._memory.get(entry.name)
        if known is None or not known.settled:
            return False
        if (known.listed_size, known.listed_modified) == (entry.size, entry.modified):
            return True
        try:
            with self.session() as files:
                found = files.stat(self.path(entry.name))
        except NotFound:  # it has gone meanwhile
            return True
        if (found.size, found.modified) != (known.size, known.modified):
            return False
        moved = replace(known, listed_size=entry.size, listed_modified=entry.modified)
        self._memory.put(entry.name, moved)
        return True

    def _take_remembering(self, entry: Entry) -> None:
        claim = Claim.new(self._owner, entry.name)
        local = self._local(claim)
        try:
            found = self._fetch(claim, local, entry)
        except NotFound:
            self.log.info("%a was taken away before it was fetched", entry.name)
        except (Unavailable, TimedOut) as error:
            self._check_server()  # else it cannot read this file
            self._due[entry.name] = time.monotonic() + self.config.retry_delay
            self.log.warning(
                "%a cannot be fetched, and is tried again later: %s", entry.name, error
            )
        except HansaError as error:
            known = Taken(entry.size, entry.modified, entry.size, entry.modified)
            self._give_up(entry, known, error, new_cid())
        else:
            if found is not None:
                self._deliver_remembering(claim, entry, found)
        finally:
            local.unlink(missing_ok=True)

    def _deliver_remembering(self, claim: Claim, entry: Entry, found: Fetched) -> None:
        known = Taken(entry.size, entry.modified, found.size, found.modified)
        earlier = self._memory.get(entry.name)
        if earlier and (earlier.size, earlier.modified) == (found.size, found.modified):
            known = replace(known, attempts=earlier.attempts)
        try:
            self._refuse_after_last_attempt(known.attempts)
        except HansaError as error:
            self._give_up(entry, known, error, new_cid())
            return
        known = replace(known, attempts=known.attempts + 1)
        self._memory.put(entry.name, known)
        request = self._request(replace(claim, attempt=known.attempts), found, self._local(claim))
        response = self.deliver(request)
        if response.outcome == "done":
            self._memory.put(entry.name, replace(known, settled=True))
        elif response.outcome == "retry" and known.attempts < self.config.max_attempts:
            delay = backoff_delay(known.attempts, self.config.retry_delay, LONGEST_DELAY)
            self._due[entry.name] = time.monotonic() + delay
        else:
            self._give_up(entry, known, cause_of(response), request.cid)

    def _give_up(self, entry: Entry, known: Taken, error: BaseException, cid: str) -> None:
        """Remember a file as failed: it stays where it is, so the log has the cause."""
        self.log.error(
            "%a is given up after %d attempts, until it changes, cid %s: %s",
            entry.name,
            known.attempts,
            cid,
            one_line(error),
        )
        self._memory.put(entry.name, replace(known, settled=True))
