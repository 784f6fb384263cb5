"""Objects of a store, as channels that watch one see them, and messages that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hansa import Request, TooLarge

from .delivery import Delivery


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is listed: where it is, and what tells its content from an earlier one.

    `size` is in bytes, `modified` in seconds of the Unix epoch, `etag` whatever the store gives.
    """

    container: str
    name: str
    size: int
    modified: float
    etag: str

    @property
    def identity(self) -> str:
        """A text that another content of the same name does not have."""
        return f"{self.container}/{self.name}#{self.etag}#{self.modified:.3f}"


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """The content of an object, and what is stored with it: `headers` are those of a message."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ObjectDelivery(Delivery):
    """An object as a message; without `content`, its service gets what is listed of it.

    `stored` is the object, `container_word` what its store calls a container.
    """

    stored: StoredObject = field(kw_only=True)
    container_word: str = "container"
    content: bool = True

    def request(self) -> Request:
        """Return what the service gets, with the cid of the channel."""
        found = self.stored
        modified = datetime.fromtimestamp(found.modified, UTC).isoformat()
        headers = {
            **self.headers,
            f"object-{self.container_word}": found.container,
            "object-name": found.name,
            "object-size": str(found.size),
            "object-modified": modified,
            "object-etag": found.etag,
        }
        if self.content:
            return Request(self.body, headers=headers, cid=self.cid, attempt=self.attempt)
        payload = {
            self.container_word: found.container,
            "name": found.name,
            "size": found.size,
            "modified": modified,
            "etag": found.etag,
        }
        return Request(payload=payload, headers=headers, cid=self.cid, attempt=self.attempt)


def joined(blocks: Iterable[bytes], most: int) -> bytes:
    """Return blocks as one; raises `TooLarge` as soon as they have more than `most` bytes."""
    found: list[bytes] = []
    size = 0
    for block in blocks:
        size += len(block)
        if size > most:
            raise TooLarge(f"the object has more than {most} bytes, which max_body allows")
        found.append(block)
    return b"".join(found)
