"""`self.cloud` as services of the Zato dialect use it, over hansa-s3 and hansa-swift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from ..payloads import Value
from .connections import Connections
from .entry import OpenConnection

if TYPE_CHECKING:
    from hansa import Server

AT_REST = "AES256"
"""How objects are encrypted that a service wants to be."""


class LiveObjects(Protocol):
    """What is needed of Hansa's connection to an object store with the protocol of S3."""

    @property
    def client(self) -> Value:
        """The client of boto3."""

    def put(self, key: str, content: bytes | str, *, bucket: str = "", **options: Value) -> Value:
        """Store an object."""


class S3Client:
    """What `client()` lends: `set` stores an object, `impl` is the client of boto3."""

    def __init__(self, live: LiveObjects) -> None:
        self._live = live

    @property
    def impl(self) -> Value:
        """The client of boto3, where Zato has the connection of boto."""
        return self._live.client

    def set(
        self,
        key: str,
        value: bytes | str,
        bucket: str = "",
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        storage_class: str = "",
        encrypt_at_rest: bool | None = None,
    ) -> None:
        """Store an object; what is not given is that of the definition. Raises what is wrong."""
        self._live.put(
            key,
            value,
            bucket=bucket,
            content_type=content_type,
            metadata=dict(metadata or {}),
            storage_class=storage_class,
            encryption=AT_REST if encrypt_at_rest else "",
        )


class S3Connection(OpenConnection[LiveObjects]):
    """One object store."""

    @contextmanager
    def client(self) -> Iterator[S3Client]:
        """Lend a client."""
        yield S3Client(self._live())


class LiveStore(Protocol):
    """What is needed of Hansa's connection to OpenStack Swift."""

    def client(self) -> AbstractContextManager[Value]:
        """Lend a client of python-swiftclient."""


class SwiftConnection(OpenConnection[LiveStore]):
    """One object store of OpenStack."""

    def client(self) -> AbstractContextManager[Value]:
        """Lend a `swiftclient.Connection`; what it raises is an error of Hansa outside the block."""
        return self._live().client()


class OpenStack:
    """`self.cloud.openstack`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def swift(self) -> Connections:
        """Object stores."""
        return Connections(self._server, "swift", SwiftConnection)


class Aws:
    """`self.cloud.aws`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def s3(self) -> Connections:
        """Object stores."""
        return Connections(self._server, "s3", S3Connection)


class Cloud:
    """`self.cloud`: what each cloud offers, by name."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def aws(self) -> Aws:
        """Amazon, and who speaks its protocols."""
        return Aws(self._server)

    @property
    def openstack(self) -> OpenStack:
        """OpenStack."""
        return OpenStack(self._server)

    def __getattr__(self, name: str) -> Value:
        raise AttributeError(f"self.cloud.{name} is not available in this version of hansa-zato")
