"""Objects as services see them: what is stored with one, and its content as a stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hansa import Unavailable
from hansa_connect.files import BLOCK

from .faults import late, translated

if TYPE_CHECKING:
    from .store import Store


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object: `size` in bytes, `modified` in seconds of the Unix epoch, `etag` without quotes.

    Listings have no `content_type`, `metadata`, `encryption` and `version`. `range` is what a part of
    an object has instead of its size: how much was asked for.
    """

    bucket: str
    key: str
    size: int
    modified: float
    etag: str
    storage_class: str = ""
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    encryption: str = ""
    version: str = ""

    @classmethod
    def of(cls, bucket: str, key: str, answer: Mapping[str, Any]) -> S3Object:
        """Return what the answer to HEAD or GET, or an entry of a listing, says of an object."""
        modified = answer.get("LastModified")
        return cls(
            bucket=bucket,
            key=key,
            size=int(answer.get("Size", answer.get("ContentLength", 0))),
            modified=modified.timestamp() if isinstance(modified, datetime) else 0.0,
            etag=str(answer.get("ETag", "")).strip('"'),
            storage_class=str(answer.get("StorageClass") or ""),
            content_type=str(answer.get("ContentType") or ""),
            metadata=dict(answer.get("Metadata") or {}),
            encryption=str(answer.get("ServerSideEncryption") or ""),
            version=str(answer.get("VersionId") or ""),
        )


class ObjectStream:
    """The content of an object being read: `read` until it gives nothing.

    `about` is the object; of a range, `size` is that of the range.
    """

    def __init__(self, store: Store, about: S3Object, body: Any, ends: float) -> None:
        self.about = about
        self._store = store
        self._body = body
        self._ends = ends

    def read(self, size: int = BLOCK, /) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end.

        Raises `Unavailable` if the connection breaks, `TimedOut` at the deadline of the call.
        """
        if time.monotonic() >= self._ends:
            raise late(self._store)
        with translated(self._store, self.about.key):
            try:
                return bytes(self._body.read(size))
            except OSError as error:
                raise Unavailable(f"the connection to {self._store.where} broke") from error

    def close(self) -> None:
        """Let the connection go; what was not read is not read any more."""
        with suppress(OSError):
            self._body.close()


class TimedSource:
    """What an upload reads from, until the deadline of the call."""

    def __init__(self, store: Store, source: Any, ends: float) -> None:
        self._store = store
        self._source = source
        self._ends = ends

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; raises `TimedOut` at the deadline."""
        if time.monotonic() >= self._ends:
            raise late(self._store)
        return bytes(self._source.read(size))
