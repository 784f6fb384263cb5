"""Reading and listing by the outgoing connection swift, and what its calls share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hansa import Outgoing
from hansa_connect.files import BLOCK
from hansa_connect.remote import RemoteNotFound
from hansa_connect.transfer import copy, read_all, whole_file

from .account import SwiftAccount
from .objects import SwiftObject
from .requests import byte_range, checked_container, checked_name
from .settings import SwiftSendingSettings

if TYPE_CHECKING:
    from .connection import Client
    from .streams import ObjectStream

PAGE = 1000
"""Objects that are listed by one request."""


class SwiftReader(SwiftAccount[SwiftSendingSettings], Outgoing[SwiftSendingSettings]):
    """Base of the outgoing connection: what services read."""

    def start(self) -> None:
        """Log in; raises if the server or the container is not there, or refuses the login."""
        self.open_account(*self._own_container())

    def stop(self) -> None:
        """Close all connections."""
        self.close_pool()

    def ping(self) -> str:
        """Have the server answer and return how long it took; raises what is wrong."""
        began = time.perf_counter()
        self.ask_for(*self._own_container())
        return f"answered in {(time.perf_counter() - began) * 1000:.1f} ms"

    def client(self, *, timeout: float = 0.0) -> AbstractContextManager[Client]:
        """Lend a `swiftclient.Connection`, for what is not offered here, to one thread at a time."""
        return self.call("what was asked for", timeout)

    # -- reading -----------------------------------------------------------------------------------

    @contextmanager
    def open(
        self,
        name: str,
        *,
        offset: int = 0,
        length: int | None = None,
        container: str = "",
        timeout: float = 0.0,
    ) -> Iterator[ObjectStream]:
        """Lend a stream of the content of an object, or of a range of bytes, within a `with` block."""
        from .streams import ObjectStream

        where = self._container(container)
        given = byte_range(offset, length)
        seconds = timeout or self.config.transfer_timeout
        checked_name(name)
        with self.observed(), self.pool.use(seconds) as connection:
            with connection.asking(name) as client:
                headers, body = client.get_object(where, name, resp_chunk_size=BLOCK, headers=given)
            stream = ObjectStream(connection, SwiftObject.of(where, name, headers), body)
            try:
                yield stream
            finally:
                stream.close()

    def read(
        self,
        name: str,
        *,
        offset: int = 0,
        length: int | None = None,
        container: str = "",
        timeout: float = 0.0,
    ) -> bytes:
        """Return the content of an object, or a range; raises `ResultTooLarge` over `read_limit`."""
        seconds = timeout or self.config.timeout
        with self.open(
            name, offset=offset, length=length, container=container, timeout=seconds
        ) as file:
            return read_all(file, self.config.read_limit, name)

    def download(
        self,
        name: str,
        target: str | Path | BinaryIO,
        *,
        container: str = "",
        timeout: float = 0.0,
    ) -> int:
        """Copy an object to a local path, where it appears whole or not at all, or into a file object.

        Returns the bytes copied.
        """
        with self.open(name, container=container, timeout=timeout) as stream:
            if not isinstance(target, str | Path):
                return copy(stream, target)
            with whole_file(Path(target)) as file:
                return copy(stream, file)

    # -- what is there -----------------------------------------------------------------------------

    def stat(self, name: str, *, container: str = "", timeout: float = 0.0) -> SwiftObject:
        """Return what is stored with an object."""
        where = self._container(container)
        with self._call(checked_name(name), timeout) as client:
            return self._stat(client, where, name)

    def exists(self, name: str, *, container: str = "", timeout: float = 0.0) -> bool:
        """Return whether there is an object with a name."""
        try:
            self.stat(name, container=container, timeout=timeout)
        except RemoteNotFound:
            return False
        return True

    def list(
        self, prefix: str = "", *, start_after: str = "", container: str = "", timeout: float = 0.0
    ) -> Iterator[SwiftObject]:
        """Yield the objects whose names begin with a prefix, by name, a page of 1000 at a time.

        `timeout` is for each page.
        """
        where = self._container(container)
        for entry in self._entries(where, timeout, prefix=prefix, marker=start_after):
            yield SwiftObject.listed(where, entry)

    def folders(
        self, prefix: str = "", *, delimiter: str = "/", container: str = "", timeout: float = 0.0
    ) -> Iterator[str]:
        """Yield how names go on after a prefix, up to the next delimiter: folders, as people see them."""
        where = self._container(container)
        for entry in self._entries(where, timeout, prefix=prefix, delimiter=delimiter):
            if "subdir" in entry:
                yield str(entry["subdir"])

    def _entries(self, where: str, timeout: float, **wanted: str) -> Iterator[dict[str, str | int]]:
        given = {name: value for name, value in wanted.items() if value}
        while True:
            with self._call(f"container {where}", timeout) as client:
                _, page = client.get_container(where, limit=PAGE, **given)
            yield from page
            if not page:
                return
            given["marker"] = page[-1].get("name") or page[-1]["subdir"]

    def containers(self, *, timeout: float = 0.0) -> Sequence[str]:
        """Return the names of all containers of the account."""
        found: list[str] = []
        while True:
            with self._call("the account", timeout) as client:
                marker = found[-1] if found else None
                _, page = client.get_account(limit=PAGE, marker=marker)
            if not page:
                return found
            found += [str(entry["name"]) for entry in page]

    # -- what calls share --------------------------------------------------------------------------

    @contextmanager
    def _call(self, what: str, timeout: float) -> Iterator[Client]:
        with self.observed(), self.call(what, timeout) as client:
            yield client

    def _stat(self, client: Client, where: str, name: str) -> SwiftObject:
        return SwiftObject.of(where, name, client.head_object(where, name))

    def _container(self, container: str) -> str:
        return checked_container(container, self.config)

    def _own_container(self) -> Sequence[str]:
        return [self.config.container] if self.config.container else []
