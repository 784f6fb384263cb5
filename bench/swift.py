"""Swift: objects stored by `outgoing swift` and taken by `channel swift`, against bare swiftclient, with
the same Swift over TLS: `python -m bench.swift`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import swiftclient
from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.local.registry import definition_model
from hansa_swift.channel import SwiftChannel
from hansa_swift.outgoing import SwiftOutgoing
from hansa_swift.settings import SwiftSendingSettings
from swiftclient.utils import LengthWrapper

from plugins.swift.tests.swift_server import CONTAINER, Storage, Swift

from .measure import Figure, table
from .objects import BODY, LARGE, Measured, figures


def bare_client(peer: Swift) -> Any:
    """A client of swiftclient by itself, over TLS, as that of Hansa."""
    return swiftclient.Connection(
        peer.address, peer.username, peer.password, auth_version="1", cacert=str(peer.pem)
    )


def swift(folder: Path) -> Iterator[Figure]:
    """Objects stored in and taken from an object store, against bare swiftclient."""
    with Storage() as storage, Swift(storage) as peer:
        client = bare_client(peer)
        sending = load(SwiftSendingSettings, {**peer.settings, "timeout": 60})
        watching = {**peer.settings, "service": "nobody", "after": "delete", "interval": 0.05}
        watching["containers"] = [watching.pop("container")]
        config: Any = load(definition_model(SwiftChannel), watching)

        def upload(path: Path) -> None:
            # with the checksum that the library's own program compares by default, too
            with open(path, "rb") as file:
                content = LengthWrapper(file, LARGE, md5=True)
                etag = client.put_object(CONTAINER, "large", content, content_length=LARGE)
                if etag != content.get_md5sum():
                    raise RuntimeError("it arrived with other bytes")

        def take() -> None:
            for entry in client.get_container(CONTAINER)[1]:
                client.get_object(CONTAINER, entry["name"])
                client.delete_object(CONTAINER, entry["name"])

        store = Measured(
            title="Swift",
            type="swift",
            library="swiftclient",
            outgoing=SwiftOutgoing("bench", sending, LocalServer()),
            make_channel=lambda: SwiftChannel("bench", config, LocalServer()),
            clear=peer.clear,
            is_empty=lambda: not client.get_container(CONTAINER, limit=1)[1],
            put=lambda name: client.put_object(CONTAINER, name, BODY),
            upload=upload,
            take=take,
        )
        yield from figures(store, folder)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(swift(Path(folder)))))


if __name__ == "__main__":
    main()
