"""What channels that watch a remote folder share: how a file is fetched and becomes a message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hansa import Forbidden, HansaError, Request, Response, TooLarge

from .arrivals import Arrivals
from .claims import Claim, owner_of
from .files import Entry, FileSystem
from .location import FileConnections
from .polling import PollingChannel
from .transfer import fetch, fetch_content
from .unclaimed import Unclaimed
from .watched import WatchSettings

LONGEST_DELAY = 600.0
"""Seconds between two attempts at a file, at most."""
IN_MEMORY = 1024 * 1024
"""Bytes of a file whose content is fetched at once; of a larger one, what has come is kept in a local
copy, and only the rest is fetched after an interruption.
"""
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")

WatchT = TypeVar("WatchT", bound=WatchSettings)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it was fetched: `content` is None if it is in a local copy."""

    size: int
    modified: float
    content: bytes | None


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

    def _fetch(self, claim: Claim, local: Path, listed: Entry | None) -> Fetched | None:
        """Fetch a claimed file, which was `listed` just now; returns None if it is still being
        written.
        """
        where = self._at(claim)
        with self.session(self.config.transfer_timeout) as files:
            # PERF: over SFTP, one answer less to wait for, of nine
            if listed is not None and files.lists_as_stat:
                fetched = self._fetch_as(listed, files, where, local)
                if fetched is not None:
                    return fetched
            found = files.stat(where)
            if listed is not None and listed.size != found.size:
                return None
            return self._fetch_as(found, files, where, local)

    def _fetch_as(self, found: Entry, files: FileSystem, where: str, local: Path) -> Fetched | None:
        """Fetch what was found; returns None, and leaves no copy, if it is another file by the end."""
        if found.kind != "file":
            raise Forbidden(f"it is a {found.kind}, and not a file")
        content = None
        if self.config.deliver == "content":
            if found.size > self.config.limit:
                limit = self.config.limit
                raise TooLarge(f"it has {found.size} bytes, and content is delivered up to {limit}")
            # PERF: a file in between would cost as much as all else that is done here
            if found.size <= IN_MEMORY:
                content = fetch_content(files, where, found.size)
        if content is None:
            have = local.stat().st_size if local.exists() else 0
            got = fetch(files, where, local, found.size, have)
        else:
            got = len(content)
        if got == found.size and _is_same(files.stat(where), found):
            return Fetched(found.size, found.modified, content)
        local.unlink(missing_ok=True)
        return None

    def _request(self, claim: Claim, found: Fetched, local: Path) -> Request:
        headers = {
            "file-name": claim.name,
            "file-path": self.path(claim.name),
            "file-size": str(found.size),
            "file-modified": datetime.fromtimestamp(found.modified, UTC).isoformat(),
        }
        if self.config.deliver == "content":
            content = local.read_bytes() if found.content is None else found.content
            return Request(content, headers=headers, attempt=claim.attempt)
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


def _is_same(one: Entry, other: Entry) -> bool:
    return (one.size, one.modified, one.kind) == (other.size, other.modified, other.kind)


def cause_of(response: Response) -> BaseException:
    """Return why a file is given up: the error of its last delivery."""
    return response.error or HansaError("its service rejected it")
