"""The channel swift: passes each object of containers to a service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import quote

from hansa import Server, Unavailable
from hansa_connect.files import BLOCK
from hansa_connect.object_store import ObjectChannel
from hansa_connect.objects import ObjectContent, StoredObject, joined
from hansa_connect.remote import RemoteNotFound

from .account import SwiftAccount
from .objects import SwiftObject
from .settings import SwiftWatchSettings

PAGE = 1000
"""Objects that are listed by one request."""
FOLDER = "application/directory"
"""Media type of objects that stand for folders."""


class SwiftChannel(SwiftAccount[SwiftWatchSettings], ObjectChannel[SwiftWatchSettings]):
    """Receives the objects of containers, each remembered, moved or deleted once it was handled.

    One worker of the cluster receives. An object that its service cannot handle is tried again, and
    after `max_attempts` it has failed: it is moved, with its cause beside it, or remembered.
    """

    type = "swift"
    container_word = "container"

    def __init__(self, name: str, config: SwiftWatchSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._moved: set[str] = set()
        self._looked_at = threading.local()

    def connect(self) -> None:
        """Log in; raises if a container is not there."""
        super().connect()
        self.open_account(*self.config.containers)

    def disconnect(self) -> None:
        """Close all connections."""
        super().disconnect()
        self.close_pool()

    def abort(self) -> None:
        """Close the connections under a listing that does not end."""
        self.close_pool()

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield the objects below the prefix, a page of 1000 at a time, container after container."""
        for container in self.config.containers:
            marker: str | None = None
            while True:
                with self.call(f"container {container}") as client:
                    _, page = client.get_container(
                        container, limit=PAGE, marker=marker, prefix=self.config.prefix or None
                    )
                for entry in page:
                    found = SwiftObject.listed(container, entry)
                    if found.content_type != FOLDER:
                        yield self._sized(found)
                if not page:
                    break
                marker = str(page[-1]["name"])

    def _sized(self, found: SwiftObject) -> StoredObject:
        """Return an object with its size, which listings do not have of one joined by a prefix."""
        stored = found.stored()
        if found.size:
            return stored
        try:
            return self.current_object(stored)
        except RemoteNotFound:
            return stored

    def read_object(self, found: StoredObject) -> ObjectContent:
        """Return the content of an object that is still the one listed."""
        with self.call(found.name) as client:
            headers, body = client.get_object(found.container, found.name, resp_chunk_size=BLOCK)
            about = SwiftObject.of(found.container, found.name, headers)
            try:
                if about.etag != found.etag or about.size > self.config.max_body:
                    raise RemoteNotFound(f"{found.name} was replaced, and is listed anew")
                content = joined(body, self.config.max_body)
            except BaseException:
                body.close()
                raise
        # of one that is joined of very many, Swift does not say the size
        if "content-length" in headers and len(content) != about.size:
            got = f"{len(content)} bytes, and not {about.size}"
            raise Unavailable(f"{found.name} came with {got}")
        told = {f"object-meta-{name}": text for name, text in about.metadata.items()}
        if about.content_type:
            told["content-type"] = about.content_type
        return ObjectContent(content, told)

    def current_object(self, found: StoredObject) -> StoredObject:
        """Return what has the name of an object now."""
        about = self._current(found)
        self._looked_at.about = about
        return about.stored()

    def _current(self, found: StoredObject) -> SwiftObject:
        with self.call(found.name) as client:
            headers = client.head_object(found.container, found.name)
        return SwiftObject.of(found.container, found.name, headers)

    def delete_object(self, found: StoredObject) -> None:
        """Delete an object, and the segments of a large one, unless they are those of its copy."""
        from .segments import delete_all, segments_of

        about = None if found.identity in self._moved else self._before_deletion(found)
        with self.call(found.name) as client:
            segments = segments_of(client, about) if about else []
            client.delete_object(found.container, found.name)
            failed = delete_all(client, segments)
        self._moved.discard(found.identity)
        for path, why in failed.items():
            self.log.warning("segment %a of a deleted object is left: %s", path, why)

    def _before_deletion(self, found: StoredObject) -> SwiftObject:
        """Return an object as this thread has looked at it just before, or looks at it now."""
        about: SwiftObject | None = getattr(self._looked_at, "about", None)
        self._looked_at.about = None
        wanted = (found.container, found.name, found.etag)
        if about is None or (about.container, about.name, about.etag) != wanted:
            return self._current(found)
        return about

    def copy_object(self, found: StoredObject, name: str) -> None:
        """Have the server copy an object to another name; of a large one only the manifest."""
        source = quote(f"{found.container}/{found.name}")
        with self.call(found.name) as client:
            client.put_object(
                found.container,
                name,
                "",
                headers={"x-copy-from": source},
                query_string="multipart-manifest=get",
            )
        self._moved.add(found.identity)

    def write_object(self, container: str, name: str, body: bytes) -> None:
        """Write a small object of JSON."""
        with self.call(name) as client:
            client.put_object(container, name, body.decode(), content_type="application/json")
