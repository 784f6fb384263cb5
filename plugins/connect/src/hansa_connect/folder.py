"""A channel that watches a remote folder and delivers each file once."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hansa import (
    Forbidden,
    HansaError,
    Invalid,
    NotFound,
    Request,
    Response,
    TimedOut,
    Unavailable,
    backoff_delay,
    new_cid,
    problem,
)

from .claims import Claim
from .files import Entry, one_line
from .reading import LONGEST_DELAY, Fetched, cause_of
from .remembering import RememberingFolder
from .transfer import exists, make_folders, writing
from .watched import WatchSettings

UNSETTLED_DELAY = 1.0
"""Seconds after which a claimed file that still grew is looked at again, at least."""

WatchT = TypeVar("WatchT", bound=WatchSettings)


class FolderChannel(RememberingFolder[WatchT]):
    """Base of channels that watch a remote folder; a subclass defines `file_system`.

    Files are claimed by renaming them, or with the setting `read_only` left and remembered.

    The service gets the content, or for `deliver = path` a payload of `path`, `name`, `size` and
    `modified`. Headers are `file-name`, `file-path`, `file-size` and `file-modified` (ISO 8601).
    """

    exclusive = True  # a new object takes up what an old one has claimed

    def connect(self) -> None:
        """Log in, and make the folders that are missing, here and on the server."""
        self._gone: set[str] = set()
        super().connect()
        if self.config.read_only:
            self._drop_copies(set())
            return
        folders = (self.config.claimed, self.config.failed, self.config.done)
        with self.session() as files:
            for folder in folders:
                if folder:
                    make_folders(files, self._within(folder))
            claimed = files.list(self._within(self.config.claimed))
        self._drop_copies({claim.mark for claim in _claims_in(claimed)})

    def poll(self) -> bool:
        """Deliver the claims that are due, then the files that have settled.

        Returns True if any of them was there: what is listed and cannot be claimed waits for the
        next poll.
        """
        if self.config.read_only:
            return self._poll_remembering()
        with self.session() as files:
            claimed = files.list(self._within(self.config.claimed))
            ready = self._arrivals.settled(files.list(self.path("")), time.monotonic())
        claims = _claims_in(claimed)
        self._gone &= {claim.mark for claim in claims}
        due = [claim for claim in claims if self._is_due(claim)]
        due.sort(key=lambda claim: claim.due)
        progress = False
        for claim in due:
            if not self.stopping and self._handle(claim):
                progress = True
        in_vain: list[str] = []
        for entry in ready:
            if self.stopping:
                break
            if self._is_incomplete(entry):
                in_vain.append(entry.name)
                continue
            taken = self._take(entry)
            if taken is None:
                in_vain.append(entry.name)
            else:
                progress = True
                self._handle(taken, entry)
        self._unclaimed.keep(in_vain)
        return progress

    # -- which files -------------------------------------------------------------------------------

    def _is_due(self, claim: Claim) -> bool:
        patience = 0 if claim.owner == self._owner else self.config.claim_timeout
        return claim.due + patience * 1000 <= time.time() * 1000

    def _take(self, entry: Entry) -> Claim | None:
        """Claim a file, which only one can; None if it is gone, or cannot be claimed."""
        claim = Claim.new(self._owner, entry.name)
        try:
            taken = self._move(self.path(entry.name), self._at(claim))
        except (Forbidden, Invalid, Unavailable) as error:
            self._check_server()
            self._unclaimed.refused(entry.name, one_line(error))
            return None
        if taken:
            return claim
        self._unclaimed.missing(entry.name)
        return None

    def _rename(self, claim: Claim, new: Claim) -> Claim | None:
        return new if self._move(self._at(claim), self._at(new)) else None

    def _move(self, source: str, target: str) -> bool:
        """Rename a file, or without a target delete it; False if another channel has taken it."""
        with self.session() as files:
            try:
                if target:
                    files.rename(source, target)
                else:
                    files.delete(source)
            except (NotFound, Forbidden):
                if exists(files, source):
                    raise
                return False
        return True

    # -- one file ----------------------------------------------------------------------------------

    def _handle(self, claim: Claim, listed: Entry | None = None) -> bool:
        """Deliver a claimed file, which may just have been listed, and do with it what follows.

        Returns False if the file is gone. Raises when the server is.
        """
        local = self._local(claim)
        handled = self._work / f"{claim.mark}.handled"
        try:
            if handled.exists():  # its service had come to an end, but the server was gone by then
                self._finish(claim)
                handled.unlink()
                return True
            self._refuse_after_last_attempt(claim.attempt)
            found = self._fetch(claim, local, listed)
        except NotFound:
            if claim.mark not in self._gone:
                self._gone.add(claim.mark)
                self.log.info("%a was taken by another channel", claim.name)
            return False
        except (Unavailable, TimedOut) as error:
            # renaming raises if the server is gone; else it cannot read this file: the others first
            if self._rename(claim, claim.again(self._owner, self.config.retry_delay)):
                self.log.warning(
                    "%s cannot be fetched, and is tried again later: %s", claim.name, error
                )
        except HansaError as error:
            local.unlink(missing_ok=True)
            self._fail(claim, error, new_cid())
        else:
            if found is None:
                delay = max(self.config.settle, UNSETTLED_DELAY)
                self._rename(claim, claim.again(self._owner, delay))
            else:
                self._deliver_file(claim, found, local, handled)
        return True

    def _deliver_file(self, claim: Claim, found: Fetched, local: Path, handled: Path) -> None:
        """Deliver a file that was fetched, unless another channel has taken it meanwhile."""
        started = self._rename(claim, claim.again(self._owner, attempts=1))
        if started is None:
            return
        request = self._request(started, found, local)
        try:
            response = self.deliver(request)
        finally:
            local.unlink(missing_ok=True)
        if response.outcome == "done":
            try:
                self._finish(started)
            except Exception:
                handled.touch()
                raise
        else:
            self._retry_or_fail(started, request, response)

    def _retry_or_fail(self, claim: Claim, request: Request, response: Response) -> None:
        if response.outcome == "retry" and claim.attempt < self.config.max_attempts:
            delay = backoff_delay(claim.attempt, self.config.retry_delay, LONGEST_DELAY)
            self._rename(claim, claim.again(self._owner, delay))
        else:
            self._fail(claim, cause_of(response), request.cid)

    def _finish(self, claim: Claim) -> None:
        target = ""
        if self.config.done:
            target = f"{self._within(self.config.done)}/{claim.final}"
        self._move(self._at(claim), target)

    def _fail(self, claim: Claim, error: BaseException, cid: str) -> None:
        """Move a file to the failed ones; the cause beside it says what a caller would be told."""
        self.log.warning(
            "%s is moved to the failed ones after %d attempts, cid %s: %s",
            claim.name,
            claim.attempt,
            cid,
            error,
        )
        target = f"{self._within(self.config.failed)}/{claim.final}"
        cause = {
            "file": claim.name,
            "channel": self.name,
            "service": self.settings.service,
            "attempts": claim.attempt,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "problem": problem(error, cid),
        }
        content = json.dumps(cause, indent=2).encode()
        with self.session() as files, writing(files.writer(f"{target}.cause.json")) as stream:
            stream.write(content)
        self._move(self._at(claim), target)


def _claims_in(entries: list[Entry]) -> list[Claim]:
    """Return the claims among the files of a folder."""
    found = (Claim.parse(entry.name) for entry in entries if entry.kind == "file")
    return [claim for claim in found if claim is not None]
