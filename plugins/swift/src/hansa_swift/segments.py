"""Uploads of any size in constant memory: large objects are sent in segments, with a manifest (SLO)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

from hansa import Invalid
from hansa_connect.files import BLOCK

from .connection import Client
from .objects import SwiftObject
from .streams import Segment, Source

MOST_SEGMENTS = 1000
"""Segments that a large object may have, as Swift is mostly set up."""
MOST_BYTES = 900
"""Bytes of the name of an object that the names of its segments begin with."""
DELETED_AT_ONCE = 1000
"""Objects that are deleted by one request."""


class Segments:
    """The segments of one object that is being stored, in a container of their own."""

    def __init__(self, container: str, name: str) -> None:
        self.container = container
        beginning = name.encode()[:MOST_BYTES].decode(errors="ignore")
        self._prefix = f"{beginning}/{secrets.token_hex(8)}"
        self._stored: list[dict[str, str | int]] = []

    @property
    def names(self) -> list[str]:
        """What was stored, or begun, with the container before the name."""
        return [str(entry["path"]).removeprefix("/") for entry in self._stored]

    def store(self, client: Client, source: Source, size: int) -> None:
        """Store all that is left of a source, `size` bytes at a time.

        Raises `Invalid` for more segments than Swift allows, `Unavailable` if one was changed on its
        way.
        """
        client.put_container(self.container)
        while source.has_more():
            if len(self._stored) == MOST_SEGMENTS:
                fault = f"an object has at most {MOST_SEGMENTS} segments of {size} bytes"
                raise Invalid({"segment_size": f"{fault}, and the source has more"})
            self._store_one(client, source, size)

    def _store_one(self, client: Client, source: Source, size: int) -> None:
        name = f"{self._prefix}/{len(self._stored):08}"
        entry: dict[str, str | int] = {"path": f"/{self.container}/{name}"}
        self._stored.append(entry)
        segment = Segment(source, size)
        etag = client.put_object(self.container, name, segment, chunk_size=BLOCK)
        segment.compare(etag, name)
        entry.update(etag=segment.digest, size_bytes=segment.size)

    def join(self, client: Client, container: str, name: str, headers: dict[str, str]) -> None:
        """Store the manifest, with which the object appears as a whole."""
        manifest = json.dumps(self._stored)
        client.put_object(
            container, name, manifest, headers=headers, query_string="multipart-manifest=put"
        )

    @property
    def size(self) -> int:
        """Bytes that were stored."""
        return sum(int(entry.get("size_bytes", 0)) for entry in self._stored)


def segments_of(client: Client, about: SwiftObject) -> list[str]:
    """Return the segments of a large object, with the container before each name; else nothing."""
    if not about.segmented:
        return []
    _, body = client.get_object(about.container, about.name, query_string="multipart-manifest=get")
    return [str(entry["name"]).removeprefix("/") for entry in json.loads(body)]


def delete_all(client: Client, paths: Sequence[str]) -> dict[str, str]:
    """Delete objects, given with the container before each name; returns why some were not.

    Where the server gave up before it was through, that is the whole batch, with its status.
    """
    failed: dict[str, str] = {}
    headers = {"content-type": "text/plain", "accept": "application/json"}
    for batch in _batches(paths):
        data = "\n".join(quote(path) for path in batch).encode()
        _, body = client.post_account(dict(headers), query_string="bulk-delete", data=data)
        told = json.loads(body)
        errors = told.get("Errors", ())
        for path, why in errors:
            failed[unquote(path).removeprefix("/")] = str(why)
        # the status of the answer itself is always 200
        done = int(told.get("Number Deleted", 0)) + int(told.get("Number Not Found", 0))
        if done + len(errors) < len(batch):
            status = str(told.get("Response Status", "no status"))
            failed = {**dict.fromkeys(batch, status), **failed}
    return failed


def _batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(paths), DELETED_AT_ONCE):
        yield paths[begin : begin + DELETED_AT_ONCE]
