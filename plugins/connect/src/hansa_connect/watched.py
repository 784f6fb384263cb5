"""The settings of channels that watch a remote folder."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, setting

from .files import Location, is_clean
from .polling import Polling

TEMPORARY = [
    ".*",
    "~*",
    "*~",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.swp",
]


class Watched(Location, Polling):
    """Settings of channels that watch a remote folder."""

    pattern: Annotated[
        list[str],
        setting("Names of files to take, * and ? stand for any characters", example=["*.csv"]),
    ] = ["*"]
    ignore: Annotated[
        list[str], setting("Names never to take: files that are still being written")
    ] = TEMPORARY
    settle: Annotated[
        float,
        setting(
            "Seconds in which size and time of a file must not change before it is taken", ge=0
        ),
    ] = 5.0
    deliver: Annotated[
        Literal["content", "path"],
        setting(
            "What the service gets: the content, or the path of a local copy, made in constant memory and deleted later"
        ),
    ] = "content"
    limit: Annotated[
        int,
        setting(
            "Most bytes of a file whose content is delivered; larger ones are put to the failed",
            ge=1,
        ),
    ] = 16 * 1024 * 1024
    done: Annotated[
        str,
        setting(
            "Folder to move files to that were handled, below the watched one or absolute; empty deletes them"
        ),
    ] = ""
    failed: Annotated[
        str, setting("Folder for files that could not be handled, each with its cause beside it")
    ] = "failed"
    claimed: Annotated[
        str,
        setting(
            "Folder for files that are being handled; on the same file system as the watched one",
            min_length=1,
        ),
    ] = "claimed"
    max_attempts: Annotated[
        int, setting("How often a file is delivered before it is put to the failed", ge=1)
    ] = 5
    retry_delay: Annotated[
        float,
        setting(
            "Seconds before the second attempt; each further pause is twice as long, at most 600",
            gt=0,
        ),
    ] = 5.0
    claim_timeout: Annotated[
        float,
        setting(
            "Seconds after which a file that another channel claimed and has not finished is taken over",
            gt=0,
        ),
    ] = 3600.0

    def check(self) -> None:
        """Refuse folders that are the same, or are the watched one; raises `Invalid`."""
        super().check()
        faults = {}
        taken = {"", ".", self.folder.rstrip("/")}
        for name in ("claimed", "failed", "done"):
            folder = getattr(self, name).rstrip("/")
            if (
                (folder in taken and (folder or name != "done"))
                or ".." in folder.split("/")
                or not is_clean(folder)
            ):
                faults[name] = "must be a folder of its own, without .. in it"
            taken.add(folder)
        if faults:
            raise Invalid(faults)
