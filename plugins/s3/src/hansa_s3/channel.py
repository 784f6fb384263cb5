"""The channel s3: passes each object of a bucket to a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from hansa_connect.files import BLOCK
from hansa_connect.object_store import ObjectChannel
from hansa_connect.objects import ObjectContent, StoredObject, joined
from hansa_connect.remote import RemoteConflict, RemoteNotFound

from .account import S3Account
from .objects import S3Object
from .settings import S3WatchSettings

_NO_ETAG = '"00000000000000000000000000000000"'


class S3Channel(S3Account[S3WatchSettings], ObjectChannel[S3WatchSettings]):
    """Receives the objects of a bucket, each remembered, moved or deleted once it was handled.

    One worker of the cluster receives. An object that its service cannot handle is tried again, and
    after `max_attempts` it has failed: it is moved, with its cause beside it, or remembered.
    """

    type = "s3"
    container_word = "bucket"

    _deletes_conditionally: bool | None = None
    """Whether the store obeys the condition of a deletion; None until it was tried."""

    def connect(self) -> None:
        """Make the client; raises if the bucket is not there."""
        super().connect()
        self.open_store(self.config.bucket)

    def disconnect(self) -> None:
        """Close all connections."""
        super().disconnect()
        self.close_store()

    def abort(self) -> None:
        """Close the connections under a listing that does not end."""
        self.close_store()

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield the objects below the prefix, a page of 1000 at a time."""
        bucket = self.config.bucket
        token: dict[str, str] = {}
        while True:
            with self.store.call(bucket) as client:
                page = client.list_objects_v2(Bucket=bucket, Prefix=self.config.prefix, **token)
            for entry in page.get("Contents", ()):
                yield _listed(S3Object.of(bucket, entry["Key"], entry))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def read_object(self, found: StoredObject) -> ObjectContent:
        """Return the content of an object that is still the one listed."""
        try:
            with self.store.call(found.name) as client:
                answer = client.get_object(
                    Bucket=found.container, Key=found.name, IfMatch=f'"{found.etag}"'
                )
                with closing(answer["Body"]) as body:
                    content = joined(body.iter_chunks(BLOCK), self.config.max_body)
        except RemoteConflict as error:  # it was replaced, and is listed anew
            raise RemoteNotFound(str(error)) from error
        about = S3Object.of(found.container, found.name, answer)
        headers = {f"object-meta-{name.lower()}": text for name, text in about.metadata.items()}
        if about.content_type:
            headers["content-type"] = about.content_type
        return ObjectContent(content, headers)

    def current_object(self, found: StoredObject) -> StoredObject:
        """Return what has the key of an object now."""
        with self.store.call(found.name) as client:
            answer = client.head_object(Bucket=found.container, Key=found.name)
        return _listed(S3Object.of(found.container, found.name, answer))

    def delete_object(self, found: StoredObject) -> None:
        """Delete an object, unless it was replaced; a store may not be able to make that sure."""
        given = {"Bucket": found.container, "Key": found.name}
        with self.store.call(found.name) as client:
            if self._deletes_conditionally is None and self._is_gone_by_trial(client, given):
                return
            if self._deletes_conditionally:
                given["IfMatch"] = f'"{found.etag}"'
            client.delete_object(**given)

    def deletes_nothing_else(self) -> bool:
        """Return whether the store was seen to refuse a deletion by its condition."""
        return bool(self._deletes_conditionally)

    def _is_gone_by_trial(self, client: Any, given: dict[str, str]) -> bool:
        """Learn whether the store obeys conditions, by one that no object meets.

        A store that ignores it deletes the object, as is wanted here anyway; returns whether it did.
        """
        try:
            client.delete_object(**given, IfMatch=_NO_ETAG)
        except client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in ("NotImplemented", "PreconditionFailed"):
                raise
            self._deletes_conditionally = code == "PreconditionFailed"
            return False
        # another thread may have learned that it does: there nobody looks before a deletion any more
        self._deletes_conditionally = bool(self._deletes_conditionally)
        return True

    def copy_object(self, found: StoredObject, name: str) -> None:
        """Have the server copy an object to another key, in parts where it is large, unless it was
        replaced.
        """
        source = {"Bucket": found.container, "Key": found.name}
        condition = {"CopySourceIfMatch": f'"{found.etag}"'}
        with self.store.call(found.name) as client:
            client.copy(source, found.container, name, ExtraArgs=condition)

    def write_object(self, container: str, name: str, body: bytes) -> None:
        """Write a small object of JSON."""
        with self.store.call(name) as client:
            client.put_object(Bucket=container, Key=name, Body=body, ContentType="application/json")


def _listed(found: S3Object) -> StoredObject:
    return StoredObject(found.bucket, found.key, found.size, found.modified, found.etag)
