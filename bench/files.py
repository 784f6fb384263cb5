"""Files: written and taken in a folder of this machine, against calls of the operating system by
themselves: `python -m bench.files`.

There is no library between, and the calls cost next to nothing: what is taken has a bound for the cost of a
file with its service, not for the share of the calls.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hansa_files.plugin import LocalFileChannel, LocalFileOutgoing

from plugins.files.tests.folders import ExchangeFolder

from .folders import CLAIMED, Measured, figures
from .measure import Figure, table


def files(folder: Path) -> Iterator[Figure]:
    """Files of a folder written and taken, against bare calls of the operating system."""
    with ExchangeFolder() as server:
        root = server.root
        measured = Measured(
            title="Files",
            library="calls of the system",
            server=server,
            outgoing_type=LocalFileOutgoing,
            channel_type=LocalFileChannel,
            write=lambda name, content: _write(root, name, lambda fd: os.write(fd, content)),
            upload=lambda local, name: _write(root, name, lambda fd: _copy(local, fd)),
            download=lambda name, local: shutil.copyfile(root / name, local),
            take=take,
            take_bound=0.03,
        )
        yield from figures(measured, folder)


def _write(root: Path, name: str, fill: Callable[[int], object]) -> None:
    """Have a file and its name on the disk, as the setting `sync` does."""
    part = root / f".{name}.part"
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    fill(file)
    os.fsync(file)
    os.close(file)
    os.rename(part, root / name)
    above = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(above)
    os.close(above)


def _copy(local: Path, target: int) -> None:
    with open(local, "rb") as source, open(target, "wb", closefd=False) as file:
        shutil.copyfileobj(source, file, 256 * 1024)


def take(folder: str, count: Callable[[], object]) -> None:
    """Claim, read and delete all files of a folder."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_file(follow_symlinks=False):
            claimed = f"{folder}/{CLAIMED}/{entry.name}"
            os.rename(entry.path, claimed)
            Path(claimed).read_bytes()
            count()
            os.unlink(claimed)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(files(Path(folder)))))


if __name__ == "__main__":
    main()
