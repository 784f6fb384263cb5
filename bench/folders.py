"""What is measured of remote files: small ones written and taken, and a large one each way, against the
library by itself, in one process, without a server of Hansa around them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from hansa_devkit.harness.objects import made

from .measure import Figure, compare
from .messages import Counting, Taken, compared, repeated, started, taken
from .objects import LARGE, per_second

WRITTEN = 200
"""Files of 1 KB that are written in one run."""
TAKEN = 200
"""Files of 1 KB that are taken in one run."""
BODY = b"x" * 1024
CLAIMED = "claimed"
"""Folder into which both sides rename a file before they take it, so that nobody else does."""


class Served(Protocol):
    """A server of files that the tests have."""

    @property
    def root(self) -> Path:
        """The folder that it serves."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""

    def own(self, path: Path) -> None:
        """Give a file or folder to the server's user."""


@dataclass(frozen=True)
class Measured:
    """A server of files, both types, and how the bare library does the same.

    `write` writes beside the name and renames, as Hansa does, so that nobody reads half a file;
    `take` claims, reads and deletes what is in a folder, and calls `count` for each.
    """

    title: str
    library: str
    server: Served
    outgoing_type: Any
    channel_type: Any
    write: Callable[[str, bytes], object]
    upload: Callable[[Path, str], object]
    download: Callable[[str, Path], object]
    take: Callable[[str, Callable[[], object]], object]
    take_bound: float = 0.8

    @property
    def type(self) -> str:
        """The type in configuration."""
        return str(self.channel_type.type)


def figures(measured: Measured, folder: Path) -> Iterator[Figure]:
    """Files written, moved and taken, against the bare library."""
    folder.mkdir(parents=True, exist_ok=True)
    local = folder / "large"
    local.write_bytes(bytes(LARGE))
    title, library = measured.title, f"bare {measured.library}"
    outgoing = made(measured.outgoing_type, measured.server.settings)
    with started(outgoing):
        yield from compared(
            f"{title}: write {WRITTEN} files of 1 KB, one after another",
            measured.library,
            partial(repeated, lambda: outgoing.write("small", BODY), WRITTEN),
            partial(repeated, lambda: measured.write("small", BODY), WRITTEN),
            note="files/s",
        )
        ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "upload": (
                lambda: outgoing.upload(local, "large"),
                lambda: measured.upload(local, "large"),
            ),
            "download": (
                lambda: outgoing.download("large", folder / "back"),
                lambda: measured.download("large", folder / "back"),
            ),
        }
        for name, (ours, theirs) in ways.items():
            yield compare(
                f"{title}: {name} of 64 MB / {library}",
                partial(_megabytes, ours),
                partial(_megabytes, theirs),
                pairs=9,
                bound=0.8,
                at_least=True,
                note="MB/s",
            )
    yield from compared(
        f"{title}: take {TAKEN} files of 1 KB, each claimed, read and deleted, `channel "
        f"{measured.type}`",
        measured.library,
        partial(_take, measured),
        partial(_bare_take, measured),
        bound=measured.take_bound,
        note="files/s",
    )


def _megabytes(move: Callable[[], object]) -> float:
    return LARGE / 1e6 * per_second(1, move)


_numbers = itertools.count()


def _filled(measured: Measured) -> str:
    """A new folder with all files, and one for those that are claimed."""
    name = f"in-{next(_numbers)}"
    path = measured.server.root / name
    for each in (path, path / CLAIMED):
        each.mkdir()
        measured.server.own(each)
    for number in range(TAKEN):
        file = path / f"{number}.txt"
        file.write_bytes(BODY)
        measured.server.own(file)
    return str(path)


def _take(measured: Measured) -> Taken:
    """What a channel takes."""
    settings = {
        **measured.server.settings,
        "folder": _filled(measured),
        "settle": 0,
        "claimed": CLAIMED,
        "service": "x",
    }
    return taken(made(measured.channel_type, settings), TAKEN)


def _bare_take(measured: Measured) -> Taken:
    """The same by a loop of the library."""
    counting = Counting(TAKEN)
    measured.take(_filled(measured), counting.count)
    return counting.taken()
