"""Commands that start or stop the same cluster exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .failure import Failure


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other commands from starting or stopping what is in a folder; raises `Failure`."""
    import fcntl

    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"another command is starting or stopping {folder} at the moment"
            raise Failure(message) from None
        yield


def busy(folder: Path) -> bool:
    """Whether a command is starting or stopping what is in a folder."""
    try:
        with exclusive(folder):
            return False
    except FileNotFoundError:  # what was in it has left its cluster
        return False
    except Failure:
        return True
