"""A channel that watches a remote folder: each file is claimed by renaming it, delivered, then deleted, moved, or put to the failed."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from hansa import (
    Forbidden,
    HansaError,
    NotFound,
    Request,
    TimedOut,
    TooLarge,
    Unavailable,
    new_cid,
    problem,
)

from .arrivals import Arrivals
from .claims import Claim, owner_of
from .files import Connected, Entry
from .polling import PollingChannel
from .transfer import exists, fetch, make_folders, writing

LONGEST_DELAY = 600.0
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")


class FolderChannel(Connected, PollingChannel):
    """Base of channels that watch a remote folder, whose Config has the settings `Watched`; a subclass says how to connect.

    The service gets the content, or for `deliver = path` a payload of `path`, `name`, `size` and `modified`. Headers are
    `file-name`, `file-path`, `file-size` and `file-modified` (ISO 8601).
    """

    exclusive = True  # a new object takes up what an old one has claimed

    def connect(self) -> None:
        """Log in, and make the folders that are missing, here and on the server."""
        server = getattr(getattr(self.server, "config", None), "server", None)
        self._owner = owner_of(str(getattr(server, "cluster", "")), self.type, self.name)
        self._work = self.server.dir / "files" / f"{self.type}-{self._owner}"
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._arrivals = Arrivals(self.config, self.log.warning)
        super().connect()
        with self.session() as files:
            for folder in filter(None, (self.config.claimed, self.config.failed, self.config.done)):
                make_folders(files, self._within(folder))
            claims = files.list(self._within(self.config.claimed))
        marks = {claim.mark for entry in claims if (claim := Claim.parse(entry.name))}
        for left in self._work.iterdir():
            if left.name.partition(".")[0] not in marks:
                left.unlink()

    def poll(self) -> bool:
        """Deliver the claims that are due, then the files that have settled."""
        with self.session() as files:
            claimed = files.list(self._within(self.config.claimed))
            ready = self._arrivals.settled(files.list(self.path("")), time.monotonic())
        found = (Claim.parse(entry.name) for entry in claimed if entry.kind == "file")
        due = sorted(
            (claim for claim in found if claim and self._is_due(claim)), key=lambda claim: claim.due
        )
        for claim in due:
            if not self.stopping:
                self._handle(claim)
        for entry in ready:
            if not self.stopping and (taken := self._take(entry)):
                self._handle(taken, entry.size)
        return bool(due or ready)

    # -- which files ---------------------------------------------------------------------------------------------------

    def _is_due(self, claim: Claim) -> bool:
        patience = 0 if claim.owner == self._owner else self.config.claim_timeout
        return claim.due + patience * 1000 <= time.time() * 1000

    def _take(self, entry: Entry) -> Claim | None:
        """Claim a file, which only one can; None if somebody else was quicker."""
        claim = Claim.new(self._owner, entry.name)
        return claim if self._move(self.path(entry.name), self._at(claim)) else None

    def _rename(self, claim: Claim, new: Claim) -> Claim | None:
        return new if self._move(self._at(claim), self._at(new)) else None

    def _move(self, source: str, target: str) -> bool:
        """Rename a file, or without a target delete it; False if somebody else has taken it."""
        with self.session() as files:
            try:
                files.rename(source, target) if target else files.delete(source)
            except (NotFound, Forbidden):
                if exists(files, source):
                    raise
                self.log.info("%s was taken by somebody else", source)
                return False
        return True

    # -- one file ------------------------------------------------------------------------------------------------------

    def _handle(self, claim: Claim, size: int | None = None) -> None:
        """Deliver a claimed file, and do with it what comes of that; raises when the server is gone."""
        local = self._work / f"{claim.mark}.file.{_UNUSUAL.sub('_', claim.name)[-100:]}"
        handled = self._work / f"{claim.mark}.handled"
        try:
            if (
                handled.exists()
            ):  # its service came to an end, but the server was gone before that could be told
                self._finish(claim)
                handled.unlink()
                return
            if claim.attempt >= self.config.max_attempts:
                raise HansaError(
                    f"delivered {claim.attempt} times, and each time the process ended before its service did"
                )
            found = self._fetch(claim, local, size)
        except NotFound:
            self.log.info("%s was taken by somebody else", claim.name)
            return
        except (Unavailable, TimedOut) as error:
            # raises too if the server is gone; else it is this file that the server cannot read, and the others come first
            if self._rename(claim, claim.again(self._owner, self.config.retry_delay)):
                self.log.warning(
                    "%s cannot be fetched, and is tried again later: %s", claim.name, error
                )
            return
        except HansaError as error:
            local.unlink(missing_ok=True)
            self._fail(claim, error, new_cid())
            return
        if found is None:
            self._rename(claim, claim.again(self._owner, max(self.config.settle, 1.0)))
        elif started := self._rename(claim, claim.again(self._owner, attempts=1)):
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
            elif response.outcome == "retry" and started.attempt < self.config.max_attempts:
                delay = min(
                    self.config.retry_delay * 2 ** min(started.attempt - 1, 16), LONGEST_DELAY
                )
                self._rename(started, started.again(self._owner, delay))
            else:
                self._fail(
                    started, response.error or HansaError("its service rejected it"), request.cid
                )

    def _fetch(self, claim: Claim, local: Path, size: int | None) -> Entry | None:
        """Bring a claimed file here; None if somebody is still writing to it."""
        where = self._at(claim)
        with self.session(self.config.transfer_timeout) as files:
            found = files.stat(where)
            if found.kind != "file":
                raise Forbidden(f"it is a {found.kind}, and not a file")
            if self.config.deliver == "content" and found.size > self.config.limit:
                raise TooLarge(
                    f"it has {found.size} bytes, and content is delivered up to {self.config.limit}"
                )
            if size not in (None, found.size):
                return None
            have = local.stat().st_size if local.exists() else 0
            got = fetch(files, where, local, found.size, have)
            if got == found.size and files.stat(where) == found:
                return found
        local.unlink()
        return None

    def _request(self, claim: Claim, found: Entry, local: Path) -> Request:
        headers = {
            "file-name": claim.name,
            "file-path": self.path(claim.name),
            "file-size": str(found.size),
        }
        headers["file-modified"] = datetime.fromtimestamp(found.modified, UTC).isoformat()
        if self.config.deliver == "content":
            return Request(local.read_bytes(), headers=headers, attempt=claim.attempt)
        payload = {
            "path": str(local),
            "name": claim.name,
            "size": found.size,
            "modified": found.modified,
        }
        return Request(payload=payload, headers=headers, attempt=claim.attempt)

    def _finish(self, claim: Claim) -> None:
        self._move(
            self._at(claim),
            f"{self._within(self.config.done)}/{claim.final}" if self.config.done else "",
        )

    def _fail(self, claim: Claim, error: BaseException, cid: str) -> None:
        """Put a file to the failed, with the cause beside it, which tells no more than a caller would be told."""
        self.log.warning(
            "%s is put to the failed after %d attempts, cid %s: %s",
            claim.name,
            claim.attempt,
            cid,
            error,
        )
        target = f"{self._within(self.config.failed)}/{claim.final}"
        cause = {
            "file": claim.name,
            "channel": self.name,
            "service": self.config.service,
            "attempts": claim.attempt,
        }
        cause |= {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "problem": problem(error, cid),
        }
        with self.session() as files:
            with writing(files.writer(f"{target}.cause.json")) as stream:
                stream.write(json.dumps(cause, indent=2).encode())
        self._move(self._at(claim), target)

    def _at(self, claim: Claim) -> str:
        return f"{self._within(self.config.claimed)}/{claim.file}"

    def _within(self, folder: str) -> str:
        return folder.rstrip("/") if folder.startswith("/") else self.path(folder)
