"""The type `channel websocket`: listens, and passes each message of its clients to a service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from hansa import Channel, HansaError, Refused, Request, Response, Unavailable
from hansa_connect.event_loop import Asynchronous
from hansa_connect.threads import Threads
from hansa_connect.tls import definitions_of, present, resolved

from .settings import ListeningSettings

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request as Handshake, Response as Answer

    from .client import Client, Message
    from .places import Places
    from .presence import Presence

MOST_PARAMETERS = 100
"""Parameters that the query string of a client may have."""
GOING_AWAY = 1001
"""The close code of a server that ends (RFC 6455, section 7.4.1)."""
quiet = logging.getLogger("hansa.websocket")
"""What websockets logs of each connection; handshakes that fail are nobody's concern here."""
quiet.setLevel(logging.CRITICAL)


class WebSocketChannel(Asynchronous[ListeningSettings], Channel[ListeningSettings]):
    """Listens for WebSocket clients, and passes each of their messages to a service.

    One worker of each server listens. What the service returns is sent to the client, which
    services reach by `self.request.extra["client"]`: they send to it, and put it into rooms.
    """

    type = "websocket"
    placement = "server"
    exclusive = True  # the old object lets the port go before the new one takes it

    _threads: Threads | None = None
    _listening: Server | None = None
    _presence: Presence | None = None
    _places: Places

    @classmethod
    def logins(cls, config: ListeningSettings) -> Iterable[str]:
        """Return the security definitions that supply certificates."""
        return definitions_of(config)

    @classmethod
    def claims(cls, config: ListeningSettings) -> Iterable[str]:
        """Return the port: two channels cannot listen at it."""
        return (f"TCP port {config.port}",)

    def start(self) -> None:
        """Listen; raises what is wrong."""
        from .client import Rooms

        self._clients: dict[str, Client] = {}
        self._rooms = Rooms()
        self._busy = 0
        self._served = 0
        self._draining = False
        self._admitted: WeakKeyDictionary[ServerConnection, str] = WeakKeyDictionary()
        context = self._context()
        self.open_loop()
        self._threads = Threads(self.config.pool, f"websocket {self.name}")
        self._begin_to_tell()
        self.loop.run(self._listen(context), self.config.timeout)

    def _begin_to_tell(self) -> None:
        """Open what the hook service is told by, if there is one."""
        from .presence import Presence, forget_left

        service = self.config.hook_service
        if not service:
            forget_left(self.name, self.server)
            return
        presence = Presence(self.name, service, self.server, self.log)
        presence.open()
        self._presence = presence

    def stop(self) -> None:
        """Let clients have the answers to what was begun, close them with 1001, and end."""
        if self._listening is not None:
            # each of the three waits in it has the limit
            with contextlib.suppress(HansaError):
                self.loop.run(self._drain(), self.config.timeout * 3 + 1)
            self._listening = None
        if self._threads is not None:
            self._threads.end()
            self._threads = None
        self.close_loop()
        if self._presence is not None:
            self._presence.close(self.config.timeout)
            self._presence = None

    @property
    def threads(self) -> Threads:
        """The threads that services are called in; raises `Unavailable` when it does not run."""
        if self._threads is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not running")
        return self._threads

    def ping(self) -> str:
        """Return how many clients are connected."""
        return f"{len(self._clients)} clients are connected"

    def clients(self) -> list[Client]:
        """Return who is connected to this worker."""
        return list(self._clients.values())

    def send(self, message: Message, client: str = "", room: str = "") -> int:
        """Send to all who are connected to this worker, to those in a room, or to one of them by id;
        returns to how many. Who is gone, or is closed since it does not read, is left out.
        """
        count = 0
        for each in self._rooms.members(room) if room else self.clients():
            if client in ("", each.id):
                with contextlib.suppress(Unavailable):
                    each.send(message)
                    count += 1
        return count

    def ask(self, message: Message, client: str, timeout: float) -> Message | None:
        """Return what a client answers, None if it is not connected to this worker; raises as
        `Client.ask` does.
        """
        found = self._clients.get(client)
        return None if found is None else found.ask(message, timeout)

    def _context(self) -> ssl.SSLContext | None:
        config = resolved(self.config, self.server.objects)
        if not config.tls:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        present(context, config)
        if config.tls_ca:
            context.load_verify_locations(config.tls_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    # -- in the loop -------------------------------------------------------------------------------

    async def _listen(self, context: ssl.SSLContext | None) -> None:
        from websockets.asyncio.server import serve

        from .places import Places

        config = self.config
        self._places = Places(config.max_connections)
        try:
            self._listening = await serve(
                self._serve,
                config.host,
                config.port,
                ssl=context,
                ssl_handshake_timeout=config.timeout if context else None,
                origins=[None, *config.origins],  # type: ignore[list-item]  # texts
                process_request=self._admit,
                create_connection=self._places.connection,  # type: ignore[arg-type]  # makes one
                server_header=None,
                compression=None,
                max_size=config.max_body,
                open_timeout=config.timeout,
                close_timeout=config.timeout,
                ping_interval=config.ping_interval,
                ping_timeout=config.ping_timeout,
                logger=quiet,
            )
        except OSError as error:
            fault = f"cannot listen at {config.host}:{config.port}: {error.strerror or error}"
            raise Unavailable(f"{fault}; check the settings host and port") from error

    async def _admit(self, connection: ServerConnection, handshake: Handshake) -> Answer | None:
        """Return the answer that refuses a client; None for one that may connect."""
        if urlsplit(handshake.path).path != self.config.path:
            return connection.respond(HTTPStatus.NOT_FOUND, "there is no such path\n")
        if self._draining or not self._places.has(connection):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        try:
            request = self._request(connection, handshake)
        except ValueError:
            return connection.respond(HTTPStatus.BAD_REQUEST, "too many parameters\n")
        if not self.settings.security_names:
            return None
        try:
            self._admitted[connection] = await self.threads.call(self._authenticate, request)
        except HansaError as error:
            answer = connection.respond(HTTPStatus(error.status), f"{error.detail}\n")
            for name, value in error.headers.items():
                answer.headers[name] = value
            return answer
        return None

    def _authenticate(self, request: Request) -> str:
        """Return the security definition that knows a caller; raises `Refused` if none does.

        Core does so for each message, too: a token may end, and a definition be edited.
        """
        refusal: HansaError = Refused("the caller cannot be authenticated")
        for name in self.settings.security_names:
            try:
                self.server.objects.security(name).authenticate(request)
            except Refused as error:
                refusal = error
            else:
                return name
        raise refusal

    async def _serve(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        from .client import Client

        assert connection.request is not None  # else it would not be open
        # what the client said when it connected is the same for all its messages
        asked = self._request(connection, connection.request)
        security = self._admitted.pop(connection, "")
        client = Client(connection, self._rooms, self.config.max_waiting, asked.peer, security)
        self._clients[client.id] = client
        self._served += 1
        writing = asyncio.create_task(client.write())
        try:
            if self._presence is not None:
                await self.threads.call(self._presence.connected, client)
            while not self._draining:
                message = await client.next()
                if not self._draining:
                    await self._handle(client, asked, message)
            if self._draining:
                await connection.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            writing.cancel()
            client.forget()
            self._clients.pop(client.id, None)
            self._places.leave(connection)
            try:
                await self._tell_gone(client)
            finally:
                self._served -= 1

    async def _tell_gone(self, client: Client) -> None:
        """Tell the hook service, if there is one, that a client has gone."""
        if self._presence is not None:
            # when the threads have ended, the next one to listen tells it
            with contextlib.suppress(Unavailable):
                await self.threads.call(self._presence.disconnected, client)

    async def _handle(self, client: Client, asked: Request, message: Message) -> None:
        is_text = isinstance(message, str)
        request = replace(
            asked,
            raw=message.encode() if isinstance(message, str) else message,
            headers=dict(asked.headers),
            params=dict(asked.params),
            cid="",
            extra={**deepcopy(asked.extra), "client": client, "text": is_text},
        )
        self._busy += 1
        try:
            response = await self.threads.call(self.dispatch, request)
        finally:
            self._busy -= 1
        if self.config.respond and response.raw:
            with contextlib.suppress(Unavailable):  # the client is gone
                await client.answer(_answer(response, is_text))

    def _request(self, connection: ServerConnection, handshake: Handshake) -> Request:
        """Return a request with what the client said when it connected."""
        headers: dict[str, str] = {}
        for name, value in handshake.headers.raw_items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        parts = urlsplit(handshake.path)
        query = parse_qs(parts.query, max_num_fields=MOST_PARAMETERS)
        address = connection.remote_address
        encrypted = connection.transport.get_extra_info("ssl_object")
        certificate = encrypted.getpeercert(True) if encrypted is not None else None
        return Request(
            headers=headers,
            params={name: values[-1] for name, values in query.items()},
            method="GET",
            path=parts.path,
            peer=address[0] if address else "",
            certificates=(certificate,) if certificate else (),
            extra={"query": {name: _one_or_all(values) for name, values in query.items()}},
        )

    async def _drain(self) -> None:
        """Take nothing new, let what was begun end, and close all clients."""
        assert self._listening is not None
        self._draining = True
        self._listening.close(close_connections=False)
        limit = self.config.timeout
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self._busy:
                    await asyncio.sleep(0.01)
        clients = list(self._clients.values())
        endings = [client.finish(GOING_AWAY, "the channel ends") for client in clients]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await asyncio.gather(*endings, return_exceptions=True)
        for client in list(self._clients.values()):
            client.cut()
        if self._presence is not None:
            await self._wait_until_told(limit)
        self._listening.close()

    async def _wait_until_told(self, limit: float) -> None:
        """Wait until the hook service knows that all clients have gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self._served:
                    await asyncio.sleep(0.01)


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _answer(response: Response, is_text: bool) -> Message:
    """Return an answer as text to text, if it is some."""
    if is_text:
        with contextlib.suppress(UnicodeDecodeError):
            return response.raw.decode()
    return response.raw
