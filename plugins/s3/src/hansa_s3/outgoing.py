"""The outgoing connection s3: stores, reads, lists and deletes objects."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Unpack

from hansa import Invalid, Misused, Outgoing, Unavailable
from hansa_connect.remote import RemoteNotFound
from hansa_connect.transfer import copy, read_all, whole_file

from .account import S3Account
from .objects import S3Object
from .requests import PutOptions, arguments_of, byte_range, size_of, transfer_config
from .settings import S3SendingSettings

if TYPE_CHECKING:
    from .streams import ObjectStream

LONGEST_LINK = 7 * 86400
"""Seconds for which a link may be valid (Signature Version 4)."""
DELETED_AT_ONCE = 1000
"""Keys that one request may delete."""


class S3Outgoing(S3Account[S3SendingSettings], Outgoing[S3SendingSettings]):
    """Objects for services: `self.outgoing.s3["name"].put("key", content)`.

    Safe in many threads. Every method takes `bucket`, by default that of the settings, and `timeout`,
    its time limit in seconds. It raises `RemoteNotFound`, `RemoteForbidden` or `RemoteConflict` for
    an object or bucket, `TimedOut` at the deadline, and `Unavailable` when the server is gone.
    """

    type = "s3"

    def start(self) -> None:
        """Make the client; raises if the server is not there, or refuses the key."""
        self.open_store(self.config.bucket)

    def stop(self) -> None:
        """Close all connections."""
        self.close_store()

    def ping(self) -> str:
        """Have the server answer and return how long it took; raises what is wrong."""
        began = time.perf_counter()
        self.store.check(self.config.bucket)
        return f"answered in {(time.perf_counter() - began) * 1000:.1f} ms"

    @property
    def client(self) -> Any:
        """The client of boto3, for what is not offered here; it has no deadline for a whole call."""
        return self.store.client

    # -- storing -----------------------------------------------------------------------------------

    def put(
        self,
        key: str,
        content: bytes | str,
        *,
        bucket: str = "",
        timeout: float = 0.0,
        if_absent: bool = False,
        **options: Unpack[PutOptions],
    ) -> S3Object:
        """Store an object in one request, text as UTF-8; one that has the key is replaced.

        With `if_absent`, `RemoteConflict` is raised instead. Options are those of `PutOptions`.
        """
        data = content.encode() if isinstance(content, str) else content
        given = arguments_of(self.config, options)
        if if_absent:
            given["IfNoneMatch"] = "*"
        where = self._bucket(bucket)
        with self._call(key, timeout) as client:
            answer = client.put_object(Bucket=where, Key=key, Body=data, **given)
        return S3Object.of(where, key, {**answer, "Size": len(data)})

    def upload(
        self,
        source: str | Path | BinaryIO,
        key: str,
        *,
        bucket: str = "",
        timeout: float = 0.0,
        **options: Unpack[PutOptions],
    ) -> S3Object:
        """Store a local file, or what is left of a file object, in parts where it is large.

        Memory holds some parts at a time. The object appears once all of it is there; of an upload
        that fails nothing is left.
        """
        if isinstance(source, str | Path):
            with open(source, "rb") as file:
                return self.upload(file, key, bucket=bucket, timeout=timeout, **options)
        seconds = timeout or self.config.transfer_timeout
        where = self._bucket(bucket)
        given = arguments_of(self.config, options)
        with self._call(key, seconds) as client:
            timed = self.store.timed(source, time.monotonic() + seconds)
            config = transfer_config(self.config, size_of(source))
            client.upload_fileobj(timed, where, key, ExtraArgs=given, Config=config)
            answer = client.head_object(Bucket=where, Key=key)
        return S3Object.of(where, key, answer)

    def copy(
        self,
        source: str,
        target: str,
        *,
        source_bucket: str = "",
        bucket: str = "",
        timeout: float = 0.0,
    ) -> None:
        """Have the server copy an object of any size, with its metadata."""
        found = {"Bucket": self._bucket(source_bucket or bucket), "Key": source}
        seconds = timeout or self.config.transfer_timeout
        with self._call(source, seconds) as client:
            client.copy(found, self._bucket(bucket), target)

    # -- reading -----------------------------------------------------------------------------------

    @contextmanager
    def open(
        self,
        key: str,
        *,
        offset: int = 0,
        length: int | None = None,
        bucket: str = "",
        timeout: float = 0.0,
    ) -> Iterator[ObjectStream]:
        """Open an object, or `length` bytes of it from `offset`, to `read` piece by piece."""
        where = self._bucket(bucket)
        seconds = timeout or self.config.transfer_timeout
        ends = time.monotonic() + seconds
        given = byte_range(offset, length)
        with self.observed():
            with self.store.call(key, seconds) as client:
                answer = client.get_object(Bucket=where, Key=key, **given)
            about = S3Object.of(where, key, answer)
            stream = self.store.stream(about, answer["Body"], ends)
            try:
                yield stream
            finally:
                stream.close()

    def read(
        self,
        key: str,
        *,
        offset: int = 0,
        length: int | None = None,
        bucket: str = "",
        timeout: float = 0.0,
    ) -> bytes:
        """Return the content of an object, or a range; raises `ResultTooLarge` over `read_limit`."""
        seconds = timeout or self.config.timeout
        with self.open(key, offset=offset, length=length, bucket=bucket, timeout=seconds) as file:
            return read_all(file, self.config.read_limit, key)

    def download(
        self, key: str, target: str | Path | BinaryIO, *, bucket: str = "", timeout: float = 0.0
    ) -> int:
        """Copy an object to a local path, where it appears whole or not at all, or into a file object.

        Returns the bytes copied.
        """
        with self.open(key, bucket=bucket, timeout=timeout) as stream:
            if not isinstance(target, str | Path):
                return self._whole(stream, copy(stream, target))
            with whole_file(Path(target)) as file:
                return self._whole(stream, copy(stream, file))

    def _whole(self, stream: ObjectStream, copied: int) -> int:
        if copied != stream.about.size:
            fault = f"{stream.about.key} came with {copied} bytes, and not {stream.about.size}"
            raise Unavailable(fault)
        return copied

    # -- what is there -----------------------------------------------------------------------------

    def stat(self, key: str, *, bucket: str = "", timeout: float = 0.0) -> S3Object:
        """Return what is stored with an object."""
        where = self._bucket(bucket)
        with self._call(key, timeout) as client:
            return S3Object.of(where, key, client.head_object(Bucket=where, Key=key))

    def exists(self, key: str, *, bucket: str = "", timeout: float = 0.0) -> bool:
        """Return whether there is an object with a key."""
        try:
            self.stat(key, bucket=bucket, timeout=timeout)
        except RemoteNotFound:
            return False
        return True

    def list(
        self, prefix: str = "", *, start_after: str = "", bucket: str = "", timeout: float = 0.0
    ) -> Iterator[S3Object]:
        """Yield the objects whose keys begin with a prefix, by key, a page of 1000 at a time.

        `timeout` is for each page.
        """
        where = self._bucket(bucket)
        given = {"Bucket": where, "Prefix": prefix, "StartAfter": start_after}
        while True:
            with self._call(where, timeout) as client:
                page = client.list_objects_v2(**given)
            for entry in page.get("Contents", ()):
                yield S3Object.of(where, entry["Key"], entry)
            if not page.get("IsTruncated"):
                return
            given["ContinuationToken"] = page["NextContinuationToken"]

    def folders(
        self, prefix: str = "", *, delimiter: str = "/", bucket: str = "", timeout: float = 0.0
    ) -> Iterator[str]:
        """Yield how keys go on after a prefix, up to the next delimiter: folders, as people see them."""
        where = self._bucket(bucket)
        given = {"Bucket": where, "Prefix": prefix, "Delimiter": delimiter}
        while True:
            with self._call(where, timeout) as client:
                page = client.list_objects_v2(**given)
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"]
            if not page.get("IsTruncated"):
                return
            given["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, key: str, *, bucket: str = "", timeout: float = 0.0) -> None:
        """Delete an object; one that is not there is no fault."""
        where = self._bucket(bucket)
        with self._call(key, timeout) as client:
            client.delete_object(Bucket=where, Key=key)

    def delete_many(
        self, keys: Iterable[str], *, bucket: str = "", timeout: float = 0.0
    ) -> dict[str, str]:
        """Delete objects, a thousand with each request; returns why some were not, by key."""
        where = self._bucket(bucket)
        left = [*keys]
        failed: dict[str, str] = {}
        while left:
            batch = [{"Key": key} for key in left[:DELETED_AT_ONCE]]
            del left[:DELETED_AT_ONCE]
            with self._call(where, timeout) as client:
                answer = client.delete_objects(
                    Bucket=where, Delete={"Objects": batch, "Quiet": True}
                )
            failed.update({one["Key"]: one.get("Code", "") for one in answer.get("Errors", ())})
        return failed

    def link(
        self,
        key: str,
        *,
        method: Literal["GET", "PUT"] = "GET",
        expires: int = 3600,
        bucket: str = "",
    ) -> str:
        """Return a URL with which anybody may read or store one object for `expires` seconds."""
        if not 1 <= expires <= LONGEST_LINK:
            raise Misused({"expires": f"must be from 1 to {LONGEST_LINK} seconds"})
        operation = {"GET": "get_object", "PUT": "put_object"}[method]
        given = {"Bucket": self._bucket(bucket), "Key": key}
        return self.store.link(operation, given, expires)

    # -- buckets -----------------------------------------------------------------------------------

    def buckets(self, *, timeout: float = 0.0) -> Sequence[str]:
        """Return the names of all buckets of the account."""
        with self._call("list of buckets", timeout) as client:
            return [found["Name"] for found in client.list_buckets().get("Buckets", ())]

    def make_bucket(self, bucket: str, *, timeout: float = 0.0) -> None:
        """Make a bucket in the region of the settings; raises `RemoteConflict` if it is there."""
        given: dict[str, Any] = {"Bucket": bucket}
        if self.config.region != "us-east-1":
            given["CreateBucketConfiguration"] = {"LocationConstraint": self.config.region}
        with self._call(bucket, timeout) as client:
            client.create_bucket(**given)

    def delete_bucket(self, bucket: str, *, timeout: float = 0.0) -> None:
        """Delete a bucket that is empty; raises `RemoteConflict` for another."""
        with self._call(bucket, timeout) as client:
            client.delete_bucket(Bucket=bucket)

    # -- what calls share --------------------------------------------------------------------------

    @contextmanager
    def _call(self, what: str, timeout: float) -> Iterator[Any]:
        with self.observed(), self.store.call(what, timeout) as client:
            yield client

    def _bucket(self, bucket: str) -> str:
        found = bucket or self.config.bucket
        if not found:
            raise Invalid({"bucket": "name one in the call, or in the setting bucket"})
        return found
