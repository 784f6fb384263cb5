"""The settings of channels that watch a remote folder."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, setting

from .files import is_clean
from .location import LocationSettings
from .polling import PollingSettings

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
"""Names of files that are still being written, as programs commonly call them."""


class WatchSettings(PollingSettings, LocationSettings):
    """Watched folder.

    Settings of channels that watch a remote folder.
    """

    pattern: Annotated[
        list[str],
        setting(
            "Names of files to take; * and ? stand for any characters, or one", example=["*.csv"]
        ),
    ] = ["*"]
    ignore: Annotated[
        list[str], setting("Names of files never to take, since they are still being written")
    ] = TEMPORARY
    settle: Annotated[
        float,
        setting(
            "Seconds for which size and time of a file must not change before it is taken", ge=0
        ),
    ] = 5.0
    deliver: Annotated[
        Literal["content", "path"],
        setting(
            "What the service gets: the content, or the path of a local copy that is deleted later"
        ),
    ] = "content"
    limit: Annotated[
        int,
        setting(
            "Maximum size in bytes of a file whose content is delivered; a larger one has failed",
            ge=1,
        ),
    ] = 16 * 1024 * 1024
    done: Annotated[
        str,
        setting(
            "Folder for files that were handled, below the watched one or absolute; empty deletes"
        ),
    ] = ""
    failed: Annotated[
        str, setting("Folder for files that could not be handled, each with its cause beside it")
    ] = "failed"
    claimed: Annotated[
        str,
        setting(
            "Folder for files that are being handled, on the file system of the watched one",
            min_length=1,
        ),
    ] = "claimed"
    max_attempts: Annotated[
        int, setting("Maximum delivery attempts before a file is moved to the failed ones", ge=1)
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
            "Seconds after which a file that another channel claimed and left is taken over",
            gt=0,
        ),
    ] = 3600.0

    read_only: Annotated[
        bool,
        setting(
            "Leave files where they are and remember which were taken, instead of renaming them; "
            "for sources that may only be read. `claimed`, `failed` and `done` are not used"
        ),
    ] = False
    remember_limit: Annotated[
        int,
        setting(
            "Maximum files to remember with read_only; files that are gone make room for others",
            ge=1,
            le=100_000,
        ),
    ] = 10_000

    def check(self) -> None:
        """Refuse folders that are the same, or are the watched one; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        if self.read_only and self.done:
            faults["done"] = "with read_only, files stay where they are"
        taken = {"", ".", self.folder.rstrip("/")}
        folders = {"claimed": self.claimed, "failed": self.failed, "done": self.done}
        for name, folder in folders.items():
            folder = folder.rstrip("/")
            may_be_empty = name == "done" and not folder
            in_use = folder in taken and not may_be_empty
            if in_use or ".." in folder.split("/") or not is_clean(folder):
                faults[name] = "must be a folder of its own, without .. in it"
            taken.add(folder)
        if faults:
            raise Invalid(faults)
