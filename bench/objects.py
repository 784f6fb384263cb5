"""What is measured of an object store: objects stored and taken, against the library by itself, in one
process, without a server of Hansa around them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hansa_devkit import Inbox

from .measure import Figure, compare

SMALL = 100
"""Objects of 1 KB in one run."""
LARGE = 64 * 1024 * 1024
"""Bytes of a large object."""
BODY = b"x" * 1024
LIMIT = 120.0
"""Seconds that taking all of them may take."""


@dataclass(frozen=True)
class Measured:
    """A store, its outgoing connection and channel, and how the bare library does the same.

    `make_channel` returns a channel that is not started, which takes what is below `in/`.
    """

    title: str
    type: str
    library: str
    outgoing: Any
    make_channel: Callable[[], Any]
    clear: Callable[[], None]
    is_empty: Callable[[], bool]
    put: Callable[[str], object]
    upload: Callable[[Path], object]
    take: Callable[[], None]


def figures(store: Measured, folder: Path) -> Iterator[Figure]:
    """Objects stored in and taken from a store, against the bare library."""
    folder.mkdir(parents=True, exist_ok=True)
    local = folder / "large"
    local.write_bytes(bytes(LARGE))
    outgoing = store.outgoing
    outgoing.start()
    yield _compared(
        f"{store.title}: storing 100 objects of 1 KB, `put` / bare {store.library}",
        partial(_put, lambda name: outgoing.put(name, BODY)),
        partial(_put, store.put),
        "objects/s",
    )
    yield _compared(
        f"{store.title}: a file of 64 MB, `upload` / bare {store.library}",
        partial(_upload, lambda: outgoing.upload(local, "large")),
        partial(_upload, lambda: store.upload(local)),
        "MB/s",
    )
    outgoing.stop()
    yield _compared(
        f"{store.title}: taking 100 objects of 1 KB and deleting them, `channel {store.type}` / "
        f"bare {store.library}",
        partial(_take, store),
        partial(_bare_take, store),
        "objects/s",
    )


def _compared(name: str, ours: Callable[[], float], bare: Callable[[], float], note: str) -> Figure:
    return compare(name, ours, bare, pairs=7, bound=0.8, at_least=True, note=note)


def _per_second(count: int, began: float) -> float:
    return count / (time.perf_counter() - began)


def per_second(count: int, work: Callable[[], object]) -> float:
    """Return how many there are in a second, if `work` does so many."""
    began = time.perf_counter()
    work()
    return _per_second(count, began)


def _put(put: Callable[[str], object]) -> float:
    began = time.perf_counter()
    for number in range(SMALL):
        put(f"small/{number}")
    return _per_second(SMALL, began)


def _upload(send: Callable[[], object]) -> float:
    return per_second(LARGE, send) / 1e6


def _fill(store: Measured) -> None:
    """Store what is to be taken, and nothing else."""
    store.clear()
    for number in range(SMALL):
        store.put(f"in/{number}")


def _take(store: Measured) -> float:
    """Objects per second that a channel takes, from its start until the store is empty."""
    _fill(store)
    channel = store.make_channel()
    inbox = Inbox()
    channel.dispatch = inbox
    began = time.perf_counter()
    channel.start()
    inbox.wait(SMALL, LIMIT)  # asking the store all the while would take its time, and ours
    while not store.is_empty():
        time.sleep(0.01)
    found = _per_second(SMALL, began)
    channel.stop()
    return found


def _bare_take(store: Measured) -> float:
    """The same by a loop of the library: list, get, delete."""
    _fill(store)
    began = time.perf_counter()
    store.take()
    return _per_second(SMALL, began)
