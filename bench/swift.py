"""Swift: objects stored by `outgoing swift` and taken by `channel swift`, against bare swiftclient, with
the same Swift over TLS.

Both are measured without a server of Hansa around them, in one process: `python -m bench.swift`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import swiftclient
from hansa import load
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.local.registry import definition_model
from hansa_swift.channel import SwiftChannel
from hansa_swift.outgoing import SwiftOutgoing
from hansa_swift.settings import SwiftSendingSettings

from plugins.swift.tests.swift_server import CONTAINER, Storage, Swift

from .measure import Figure, compare, table

SMALL = 100
"""Objects of 1 KB in one run."""
LARGE = 64 * 1024 * 1024
"""Bytes of a large object."""


def bare_client(peer: Swift) -> Any:
    """A client of swiftclient by itself, over TLS, as that of Hansa."""
    return swiftclient.Connection(
        peer.address, peer.username, peer.password, auth_version="1", cacert=str(peer.pem)
    )


def per_second(count: int, began: float) -> float:
    """How many there were each second."""
    return count / (time.perf_counter() - began)


def swift(folder: Path) -> Iterator[Figure]:
    """Objects stored in and taken from an object store, against bare swiftclient."""
    folder.mkdir(parents=True, exist_ok=True)
    local = folder / "large"
    local.write_bytes(bytes(LARGE))
    with Storage() as storage, Swift(storage) as peer:
        client = bare_client(peer)
        config = load(SwiftSendingSettings, {**peer.settings, "timeout": 60})
        outgoing = SwiftOutgoing("bench", config, LocalServer())
        outgoing.start()
        body = b"x" * 1024

        def store(put: Any) -> float:
            began = time.perf_counter()
            for number in range(SMALL):
                put(f"small/{number}")
            return per_second(SMALL, began)

        def upload(send: Any) -> float:
            began = time.perf_counter()
            send()
            return per_second(LARGE, began) / 1e6

        yield compare(
            "Swift: storing 100 objects of 1 KB, `put` / bare swiftclient",
            partial(store, lambda key: outgoing.put(key, body)),
            partial(store, lambda key: client.put_object(CONTAINER, key, body)),
            pairs=7,
            bound=0.8,
            at_least=True,
            note="objects/s",
        )
        yield compare(
            "Swift: a file of 64 MB, `upload` / bare swiftclient",
            partial(upload, lambda: outgoing.upload(local, "large")),
            partial(upload, lambda: bare_upload(client, local)),
            pairs=7,
            bound=0.8,
            at_least=True,
            note="MB/s",
        )
        outgoing.stop()
        yield compare(
            "Swift: taking 100 objects of 1 KB and deleting them, `channel swift` / bare swiftclient",
            partial(take, peer, client),
            partial(bare_take, peer, client),
            pairs=7,
            bound=0.8,
            at_least=True,
            note="objects/s",
        )


def bare_upload(client: Any, local: Path) -> None:
    """Store a file by one request."""
    with open(local, "rb") as file:
        client.put_object(CONTAINER, "large", file, content_length=LARGE)


def fill(peer: Swift, client: Any) -> None:
    """Store what is to be taken, and nothing else."""
    peer.clear()
    for number in range(SMALL):
        client.put_object(CONTAINER, f"in/{number}", b"x" * 1024)


def take(peer: Swift, client: Any) -> float:
    """Objects per second that a channel takes, from its start until the container is empty."""
    fill(peer, client)
    settings = {**peer.settings, "service": "nobody", "after": "delete", "interval": 0.05}
    settings["containers"] = [settings.pop("container")]
    config: Any = load(definition_model(SwiftChannel), settings)
    channel = SwiftChannel("bench", config, LocalServer())
    channel.dispatch = Inbox()
    began = time.perf_counter()
    channel.start()
    while client.get_container(CONTAINER, limit=1)[1]:
        time.sleep(0.01)
    found = per_second(SMALL, began)
    channel.stop()
    return found


def bare_take(peer: Swift, client: Any) -> float:
    """The same by a loop: list, get, delete."""
    fill(peer, client)
    began = time.perf_counter()
    for entry in client.get_container(CONTAINER)[1]:
        client.get_object(CONTAINER, entry["name"])
        client.delete_object(CONTAINER, entry["name"])
    return per_second(SMALL, began)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(swift(Path(folder)))))


if __name__ == "__main__":
    main()
