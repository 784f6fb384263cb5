"""What both types share: the connection to a server, whose loss replaces the object."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hansa import HansaError, Unavailable
from hansa_connect.event_loop import Asynchronous
from hansa_connect.login import LoggedIn
from hansa_connect.remedies import CHECK_LOGIN, SET_TLS, advised, causes, remedy_of

from .settings import NATS_PORT, ServerSettings

if TYPE_CHECKING:
    from nats.aio.client import Client

HEADER_LINES = len(b"NATS/1.0\r\n\r\n")
"""Bytes around the headers of a message."""
WATCH_INTERVAL = 1.0
"""Seconds between two looks whether the connection has ended."""
CLOSE_WAIT = 0.5
"""Seconds that a connection gets to close that was not made."""

ServerT = TypeVar("ServerT", bound=ServerSettings)


class ServerConnection(LoggedIn[ServerT], Asynchronous[ServerT]):
    """Mixed into both types: one connection, in an event loop of its own."""

    login_means = ("password", "token", "certificate")

    _client: Client | None = None
    _closing = False
    _told = False

    @property
    def client(self) -> Client:
        """The client of the library; raises `Unavailable` before `open_connection`."""
        if self._client is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not connected")
        return self._client

    @property
    def where(self) -> str:
        """The address of the server."""
        config = self.config
        return f"{config.host}:{config.port or NATS_PORT}"

    def open_connection(self) -> None:
        """Connect and log in; raises `Unavailable`, which names the setting to change."""
        self._refusals: list[str] = []
        self.open_loop()
        self.loop.run(self._connect(), self.config.connect_timeout + 1, "connect_timeout")

    def close_connection(self) -> None:
        """Send what is left, close the connection and end its loop; may be called more than once."""
        self._closing = True
        if self._client is not None and self._loop is not None:
            try:
                self.loop.run(self._close(self._client), 2)
            except HansaError as error:
                self.log.debug("not closed in good order: %s", error)
            self._client = None
        self.close_loop()

    def ping(self) -> str:
        """Have the server answer and return how long it took.

        Raises `Unavailable` or `TimedOut`.
        """
        began = time.perf_counter()
        self.loop.run(self.flush(), self.config.timeout)
        return f"answered in {(time.perf_counter() - began) * 1000:.1f} ms"

    async def flush(self) -> None:
        """Wait until the server has what was sent; raises `Unavailable`."""
        from nats.errors import Error

        try:
            await self.client.flush(timeout=round(self.config.timeout) + 1)
        except Error as error:
            raise self.unavailable(error) from None

    def fits(self, message: bytes, headers: Mapping[str, str]) -> bool:
        """Return whether the server takes a message with these headers.

        It counts them, which nats-py does not, and closes the connection over one that is too large.
        """
        lines = sum(len(f"{name}: {value}\r\n".encode()) for name, value in headers.items())
        size = len(message) + (lines + HEADER_LINES if headers else 0)
        return size <= self.client.max_payload

    def unavailable(self, error: BaseException) -> Unavailable:
        """Return what to raise for an error of the library."""
        fault = f"the server at {self.where}: {_text(error)}"
        return Unavailable(advised(fault, remedy_of(error, tls=self.config.tls)))

    def refused(self, subject: str) -> Unavailable | None:
        """Return what to raise if the server has refused what was sent to a subject.

        Permissions last as long as the connection.
        """
        for refusal in self._refusals:
            if f'"{subject}"' in refusal:
                fault = f"the server at {self.where}: {refusal}"
                return Unavailable(f"{fault}; check the setting username and its permissions")
        return None

    # -- in the loop -------------------------------------------------------------------------------

    async def _connect(self) -> None:
        # a worker that does without NATS saves the memory of the library
        from nats.aio.client import Client

        config = self.connection_config
        options = self._login_options(config)
        client = Client()
        try:
            await client.connect(
                f"nats://{config.host}:{config.port or NATS_PORT}",
                name=f"hansa {self.kind} {self.name}",
                allow_reconnect=False,
                connect_timeout=config.connect_timeout,  # type: ignore[arg-type]  # any number
                ping_interval=config.heartbeat,  # type: ignore[arg-type]  # any number
                max_outstanding_pings=2,
                error_cb=self._noted,
                closed_cb=self._closed,
                **options,
            )
            await client.flush(timeout=round(config.connect_timeout) + 1)
        except Exception as error:
            with contextlib.suppress(Exception):  # it was never open
                await asyncio.wait_for(client.close(), CLOSE_WAIT)
            raise self._refusal(client, error) from error
        self._client = client
        self.loop.spawn(self._watch(client), "watch of the connection")

    def _refusal(self, client: Client, error: Exception) -> HansaError:
        """Return what to raise for a connection that was not made."""
        from nats.errors import Error

        found = self.unavailable(error)
        tls = any(isinstance(one, ssl.SSLError) for one in causes(error))
        if tls and not self.config.tls:
            return Unavailable(advised(f"the server at {self.where} asks for TLS", SET_TLS))
        greeted = bool(client._server_info)
        # what a server says or does after its greeting is about the login: it closes at once
        if greeted and not tls and isinstance(error, Error | ConnectionError):
            fault = f"the server at {self.where}: {_text(error)}"
            return Unavailable(f"{fault}; {CHECK_LOGIN}, or credentials")
        return found

    def _login_options(self, config: ServerT) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if config.credentials:
            if not Path(config.credentials).is_file():
                raise Unavailable(f"there is no file {config.credentials}: check credentials")
            options["user_credentials"] = config.credentials
        elif config.username:
            options |= {"user": config.username, "password": str(config.password or "")}
        elif config.password is not None:
            options["token"] = str(config.password)
        context = config.context()
        if context is not None:
            options |= {"tls": context, "tls_hostname": config.host}
        return options

    async def _close(self, client: Client) -> None:
        if client.is_connected:
            await client.flush(timeout=1)
        await client.close()

    async def _noted(self, error: Exception) -> None:
        """Note what the server refuses besides its answers."""
        if self._client is None:
            raise error  # else the library goes on trying to connect
        self.log.warning("the server at %s: %s", self.where, error)
        self._refusals = [*self._refusals[-99:], str(error)]
        self.noted(error)

    def noted(self, error: Exception) -> None:
        """Take an error that concerns no single call; by default nothing more happens."""

    async def _watch(self, client: Client) -> None:
        """Notice a connection that has ended untold.

        nats-py calls nobody where what was left to be sent fails while it closes.
        """
        while not client.is_closed:
            await asyncio.sleep(WATCH_INTERVAL)
        if not self._told:
            await self._closed()

    async def _closed(self) -> None:
        if self._client is not None and not self._closing:
            self._told = True
            cause = self._client.last_error
            self.lost(self.unavailable(cause or ConnectionResetError("the connection was closed")))


def _text(error: BaseException) -> str:
    """Return the text of an error of the library on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.removeprefix("nats: ")
