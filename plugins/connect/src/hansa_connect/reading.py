"""What channels that watch a remote folder share: how a file is fetched and becomes a message."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hansa import Forbidden, HansaError, Request, Response, TooLarge

from .arrivals import Arrivals
from .claims import Claim, owner_of
from .files import Entry
from .location import FileConnections
from .polling import PollingChannel
from .transfer import fetch
from .unclaimed import Unclaimed
from .watched import WatchSettings

LONGEST_DELAY = 600.0
"""Seconds between two attempts at a file, at most."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")

WatchT = TypeVar("WatchT", bound=WatchSettings)


class FolderReader(FileConnections[WatchT], PollingChannel[WatchT]):
    """Base of channels that fetch files from a remote folder; a `Claim` says which one."""

    def connect(self) -> None:
        """Log in, and make the folder for local copies."""
        self._owner = owner_of(self.server.cluster.name, self.type, self.name)
        self._work = self.server.dir / "files" / f"{self.type}-{self._owner}"
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._arrivals = Arrivals(self.config, self.log.warning)
        self._unclaimed = Unclaimed(self.log, self.trouble)
        super().connect()

    def why_incomplete(self, entry: Entry) -> str:
        """Return why a file that has settled is not whole yet, where that can be known.

        By default it cannot: an empty text.
        """
        return ""

    def _is_incomplete(self, entry: Entry) -> bool:
        """Return whether a file has to wait, which is reported as for one that cannot be claimed."""
        why = self.why_incomplete(entry)
        if why:
            self._unclaimed.refused(entry.name, why)
        return bool(why)

    def _drop_copies(self, marks: set[str]) -> None:
        """Delete local copies but those of claims with these marks."""
        for left in self._work.iterdir():
            if left.name.partition(".")[0] not in marks:
                left.unlink()

    def _local(self, claim: Claim) -> Path:
        return self._work / f"{claim.mark}.file.{_UNUSUAL.sub('_', claim.name)[-100:]}"

    def _check_server(self) -> None:
        """Raise what is wrong if it was the server that failed, and not one file."""
        with self.session() as files:
            files.check()

    def _fetch(self, claim: Claim, local: Path, size: int | None) -> Entry | None:
        """Fetch a claimed file; returns None if it is still being written."""
        where = self._at(claim)
        with self.session(self.config.transfer_timeout) as files:
            found = files.stat(where)
            if found.kind != "file":
                raise Forbidden(f"it is a {found.kind}, and not a file")
            if self.config.deliver == "content" and found.size > self.config.limit:
                limit = self.config.limit
                raise TooLarge(f"it has {found.size} bytes, and content is delivered up to {limit}")
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
            "file-modified": datetime.fromtimestamp(found.modified, UTC).isoformat(),
        }
        if self.config.deliver == "content":
            return Request(local.read_bytes(), headers=headers, attempt=claim.attempt)
        payload = {
            "path": str(local),
            "name": claim.name,
            "size": found.size,
            "modified": found.modified,
        }
        return Request(payload=payload, headers=headers, attempt=claim.attempt)

    def _at(self, claim: Claim) -> str:
        if self.config.read_only:
            return self.path(claim.name)
        return f"{self._within(self.config.claimed)}/{claim.file}"

    def _refuse_after_last_attempt(self, attempts: int) -> None:
        """Raise `HansaError` for a file whose deliveries have all ended their process."""
        if attempts >= self.config.max_attempts:
            raise HansaError(
                f"delivered {attempts} times, and each time the process ended"
                " before its service did"
            )

    def _within(self, folder: str) -> str:
        return folder.rstrip("/") if folder.startswith("/") else self.path(folder)


def cause_of(response: Response) -> BaseException:
    """Return why a file is given up: the error of its last delivery."""
    return response.error or HansaError("its service rejected it")
