"""The outgoing connection swift: stores, reads, lists and deletes objects."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Unpack
from urllib.parse import quote, unquote, urlsplit

from hansa import HansaError, Invalid, Misused
from hansa_connect.remote import RemoteNotFound

from .objects import SwiftObject
from .reading import SwiftReader
from .requests import PutOptions, checked_container, checked_name, headers_of

if TYPE_CHECKING:
    from .connection import Client
    from .streams import Source

SMALL = 1024 * 1024
"""Bytes of a source up to which it is stored in one request, if its size is not known."""


class SwiftOutgoing(SwiftReader):
    """Objects for services: `self.outgoing.swift["name"].put("key", content)`.

    Safe in many threads. Every method takes `container`, by default that of the settings, and
    `timeout`, its time limit in seconds. It raises `RemoteNotFound`, `RemoteForbidden` or
    `RemoteConflict` for an object or container, `TimedOut` at the deadline, and `Unavailable` when
    the server is gone.
    """

    type = "swift"

    # -- storing -----------------------------------------------------------------------------------

    def put(
        self,
        name: str,
        content: bytes | str,
        *,
        container: str = "",
        timeout: float = 0.0,
        if_absent: bool = False,
        **options: Unpack[PutOptions],
    ) -> SwiftObject:
        """Store an object in one request, text as UTF-8; one that has the name is replaced.

        With `if_absent`, `RemoteConflict` is raised instead. Options are those of `PutOptions`.
        """
        data = content.encode() if isinstance(content, str) else content
        where = self._container(container)
        headers = headers_of(self.config, options)
        if if_absent:
            headers["if-none-match"] = "*"
        with self._call(checked_name(name), timeout) as client:
            return _put(client, where, name, data, headers)

    def upload(
        self,
        source: str | Path | BinaryIO,
        name: str,
        *,
        container: str = "",
        timeout: float = 0.0,
        **options: Unpack[PutOptions],
    ) -> SwiftObject:
        """Store a local file, or what is left of a file object, in segments where it is large.

        Memory holds a block at a time. The object appears once all of it is there; of an upload that
        fails nothing is left, and of a large object that is replaced no segments.
        """
        if isinstance(source, str | Path):
            with open(source, "rb") as file:
                return self.upload(file, name, container=container, timeout=timeout, **options)
        from .streams import SourceFault

        where = self._container(container)
        headers = headers_of(self.config, options)
        seconds = timeout or self.config.transfer_timeout
        try:
            replaced = self._segments_of(where, checked_name(name))
            with self._call(name, seconds) as client:
                stored = self._upload(client, source, where, name, headers)
            self._drop(replaced)
            return stored
        except SourceFault as fault:
            raise fault.error from None

    def _upload(
        self, client: Client, file: BinaryIO, where: str, name: str, headers: dict[str, str]
    ) -> SwiftObject:
        from .streams import Segment, Source, size_of

        source = Source(file)
        size = size_of(file)
        if size is None:
            head = source.head(SMALL)
            source.put_back(head)
            size = len(head) if len(head) < SMALL else None
        if size is not None and size <= self.config.segment_size:
            content = Segment(source, size)
            etag = client.put_object(where, name, content, content_length=size, headers=headers)
            content.compare(etag, name)
        else:
            self._upload_segments(client, source, where, name, headers)
        return self._stat(client, where, name)

    def _upload_segments(
        self, client: Client, source: Source, where: str, name: str, headers: dict[str, str]
    ) -> None:
        from .segments import Segments

        segments = Segments(self.config.segment_container or f"{where}_segments", name)
        try:
            segments.store(client, source, self.config.segment_size)
            segments.join(client, where, name, headers)
        except BaseException:
            self._drop(segments.names)
            raise

    def _segments_of(self, where: str, name: str) -> Sequence[str]:
        """Return the segments of what an upload replaces."""
        from .segments import segments_of

        with suppress(RemoteNotFound), self._call(name, 0.0) as client:
            return segments_of(client, self._stat(client, where, name))
        return []

    def _drop(self, paths: Sequence[str]) -> None:
        """Delete segments that belong to nothing any more, by another connection."""
        from .segments import delete_all

        if not paths:
            return
        try:
            with self.call("segments") as client:
                failed = delete_all(client, paths)
        except HansaError as error:
            failed = {path: str(error) for path in paths}
        for path, why in failed.items():
            if not why.startswith("404"):
                self.log.warning("segment %a is left, which belongs to nothing: %s", path, why)

    # -- changing ----------------------------------------------------------------------------------

    def copy(
        self,
        name: str,
        target: str,
        *,
        target_container: str = "",
        container: str = "",
        timeout: float = 0.0,
    ) -> None:
        """Have the server copy an object, which of a large one makes one of 5 GB at most."""
        where = self._container(container)
        to = checked_container(target_container or where, self.config)
        seconds = timeout or self.config.transfer_timeout
        with self._call(checked_name(name), seconds) as client:
            client.copy_object(where, name, destination=f"/{to}/{checked_name(target)}")

    def delete(self, name: str, *, container: str = "", timeout: float = 0.0) -> None:
        """Delete an object, and the segments of a large one; one that is not there is no fault."""
        from .segments import delete_all, segments_of

        where = self._container(container)
        with suppress(RemoteNotFound), self._call(checked_name(name), timeout) as client:
            segments = segments_of(client, self._stat(client, where, name))
            client.delete_object(where, name)
            failed = delete_all(client, segments)
            for path, why in failed.items():
                self.log.warning("segment %a of a deleted object is left: %s", path, why)

    def delete_many(
        self, names: Iterable[str], *, container: str = "", timeout: float = 0.0
    ) -> dict[str, str]:
        """Delete objects, a thousand with each request; returns why some were not, by name.

        Of large objects, the segments stay.
        """
        from .segments import delete_all

        where = self._container(container)
        paths = [f"{where}/{checked_name(name)}" for name in names]
        with self._call(f"container {where}", timeout) as client:
            failed = delete_all(client, paths)
        return {path.partition("/")[2]: why for path, why in failed.items()}

    def link(
        self,
        name: str,
        *,
        method: Literal["GET", "PUT"] = "GET",
        expires: int = 3600,
        container: str = "",
    ) -> str:
        """Return a URL with which anybody may read or store one object for `expires` seconds.

        It is made with `temp_url_key`; whether Swift has that key, too, is not asked.
        """
        from swiftclient.utils import generate_temp_url

        key = self.config.temp_url_key
        if key is None:
            raise Invalid({"temp_url_key": "is needed for links"})
        if expires < 1:
            raise Misused({"expires": "must be at least 1 second"})
        where = self._container(container)
        with self._call(checked_name(name), 0.0) as client:
            account = urlsplit(client.url)
        path = f"{unquote(account.path)}/{where}/{name}"
        signed = generate_temp_url(path, expires, str(key), method)
        return f"{account.scheme}://{account.netloc}{quote(path)}{signed[len(path) :]}"

    # -- containers --------------------------------------------------------------------------------

    def make_container(self, container: str, *, timeout: float = 0.0) -> None:
        """Make a container; one that is there already is no fault."""
        where = self._container(container)
        with self._call(f"container {where}", timeout) as client:
            client.put_container(where)

    def delete_container(self, container: str, *, timeout: float = 0.0) -> None:
        """Delete a container that is empty; raises `RemoteConflict` for another."""
        where = self._container(container)
        with self._call(f"container {where}", timeout) as client:
            client.delete_container(where)


def _put(
    client: Client, where: str, name: str, data: bytes, headers: dict[str, str]
) -> SwiftObject:
    told: dict[str, dict[str, str]] = {}
    content = io.BytesIO(data)
    client.put_object(
        where, name, content, content_length=len(data), headers=headers, response_dict=told
    )
    stored = {name: value for name, value in headers.items() if name != "if-none-match"}
    answer = {**stored, **told["headers"], "content-length": str(len(data))}
    answer["content-type"] = headers["content-type"]
    return SwiftObject.of(where, name, answer)
