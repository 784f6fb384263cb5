"""Services that reach the clients of channels from anywhere in the cluster: `websocket.send`,
`websocket.ask` and `websocket.clients`, which ask every worker by `websocket.here`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypedDict

from hansa import HansaError, Model, Service, TimedOut, Unavailable, WorkerAnswer, setting

from .channel import WebSocketChannel

MARGIN = 1.0
"""Seconds beyond the time limit of a question within which its worker says that it was not answered."""


class AskedChannel(Model):
    """Which channel is meant."""

    channel: Annotated[str, setting("Name of the channel websocket", example="chat", min_length=1)]
    timeout: Annotated[
        float, setting("Seconds within which all workers have to answer", gt=0, le=500)
    ] = 5.0


class AskedMessage(AskedChannel):
    """What is sent to whom: to all clients, unless one, or a room, is named."""

    message: Annotated[str, setting("Text to send")]
    client: Annotated[str, setting("Id of a client; empty for all")] = ""
    room: Annotated[str, setting("Room that clients have to be in; empty for all")] = ""


class AskedQuestion(AskedChannel):
    """What one client is asked."""

    message: Annotated[str, setting("Text to send")]
    client: Annotated[str, setting("Id of the client", min_length=1)]


class AskedHere(Model):
    """What one worker is asked."""

    action: Annotated[Literal["send", "ask", "list"], setting("What to do")]
    channel: Annotated[str, setting("Name of the channel")]
    message: Annotated[str, setting("Text to send")] = ""
    client: Annotated[str, setting("Id of a client")] = ""
    room: Annotated[str, setting("Room that clients have to be in")] = ""
    timeout: Annotated[float, setting("Seconds to wait for an answer of a client")] = 5.0


class ConnectedClient(TypedDict):
    """What is told of a client; `connected_at` in seconds since the epoch."""

    id: str
    address: str
    security: str
    connected_at: float
    rooms: list[str]
    worker: str


class Sent(TypedDict):
    """To how many clients a message was sent, and which workers did not answer, whose clients may
    have it or not.
    """

    sent: int
    silent: list[str]


class Connected(TypedDict):
    """Who is connected, by time, and which workers did not answer, whose clients are left out."""

    clients: list[ConnectedClient]
    silent: list[str]


class Here(Service):
    """Does what is asked with the clients that are connected to this worker."""

    name = "websocket.here"
    Input = AskedHere

    @classmethod
    def is_administrative(cls) -> bool:
        """It reaches all clients, of any channel."""
        return True

    def handle(self) -> int | str | list[ConnectedClient] | None:
        """Return to how many it was sent, an answer, or a list; where the channel does not run, there
        is nobody.
        """
        asked: AskedHere = self.request.input
        try:
            channel = self.server.objects.get("channel", "websocket", asked.channel)
        except HansaError:
            channel = None
        if not isinstance(channel, WebSocketChannel):
            return None
        if asked.action == "send":
            return channel.send(asked.message, asked.client, asked.room)
        if asked.action == "ask":
            answer = channel.ask(asked.message, asked.client, asked.timeout)
            return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
        return [
            {
                "id": client.id,
                "address": client.address,
                "security": client.security,
                "connected_at": client.connected_at,
                "rooms": sorted(client.rooms),
                "worker": self.server.id,
            }
            for client in channel.clients()
        ]


class Send(Service):
    """Sends a text to the clients of a channel, wherever in the cluster they are connected: to all,
    to those in a room, or to one. Returns `sent`, to how many, and `silent`, the workers that did
    not answer.
    """

    name = "websocket.send"
    Input = AskedMessage

    @classmethod
    def is_administrative(cls) -> bool:
        """It reaches all clients, of any channel."""
        return True

    def handle(self) -> Sent:
        """Ask all workers."""
        asked: AskedMessage = self.request.input
        about = {"message": asked.message, "client": asked.client, "room": asked.room}
        found, silent = _ask(self, {"action": "send", "channel": asked.channel, **about}, asked)
        counts = [each for each in found if isinstance(each, int)]
        return {"sent": sum(counts), "silent": silent}


class Ask(Service):
    """Sends a text to one client of a channel, wherever in the cluster it is connected, and returns
    as `answer` the next message that comes from it. Raises `Unavailable` if it is not connected, or
    was with a worker that has ended, and `TimedOut` if the client did not answer, or a worker that
    may have it.
    """

    name = "websocket.ask"
    Input = AskedQuestion

    @classmethod
    def is_administrative(cls) -> bool:
        """It reaches all clients, of any channel."""
        return True

    def handle(self) -> dict[str, str]:
        """Ask all workers, of which one has the client."""
        asked: AskedQuestion = self.request.input
        payload: dict[str, str | float] = {
            "action": "ask",
            "channel": asked.channel,
            "client": asked.client,
            "message": asked.message,
            "timeout": asked.timeout,
        }
        answers = _answers(self, payload, asked.channel, asked.timeout + MARGIN)
        for answer in answers.values():
            if answer.ok and answer.payload is not None:
                return {"answer": answer.payload}
        raise _unanswered(asked, [answer for answer in answers.values() if not answer.ok])


class Clients(Service):
    """Lists the clients of a channel, wherever in the cluster they are connected: `clients`, and
    `silent`, the workers that did not answer.
    """

    name = "websocket.clients"
    Input = AskedChannel

    @classmethod
    def is_administrative(cls) -> bool:
        """It tells of all clients, of any channel."""
        return True

    def handle(self) -> Connected:
        """Ask all workers."""
        asked: AskedChannel = self.request.input
        found, silent = _ask(self, {"action": "list", "channel": asked.channel}, asked)
        clients = [client for each in found if isinstance(each, list) for client in each]
        clients.sort(key=lambda client: (client["connected_at"], client["id"]))
        return {"clients": clients, "silent": silent}


def _answers(
    service: Service, payload: Mapping[str, str | float], channel: str, timeout: float
) -> dict[str, WorkerAnswer]:
    """Return what each worker answered; raises `NotFound` where there is no such channel."""
    server = service.server
    server.definitions.get("channel", "websocket", channel)
    workers = server.cluster.workers()
    return server.invoke_on(workers, Here.name, payload, cid=service.cid, timeout=timeout)


def _unanswered(asked: AskedQuestion, failed: list[WorkerAnswer]) -> HansaError:
    """Return why no worker has an answer: of the client, or of a worker that may have the client."""
    errors = [answer.error for answer in failed if answer.error is not None]
    nobody = f"channel {asked.channel!r} has no client {asked.client}"
    if not errors:
        return Unavailable(nobody)
    if len(errors) == 1 and failed[0].pid:
        return errors[0]
    for answer in failed:  # a worker that has the client, and waited for it
        if answer.pid and isinstance(answer.error, TimedOut):
            return answer.error
    faults = "; ".join(error.detail for error in errors)
    told = f"{nobody}, unless at a worker that was not reached: {faults}"
    is_late = any(isinstance(error, TimedOut) for error in errors)
    return TimedOut(told) if is_late else Unavailable(told)


def _ask(
    service: Service, payload: Mapping[str, str], asked: AskedChannel
) -> tuple[list[object], list[str]]:
    """Return what the workers answered, and which did not."""
    answers = _answers(service, payload, asked.channel, asked.timeout)
    silent = [worker for worker, answer in answers.items() if not answer.ok]
    for worker in silent:
        service.log.warning("worker %s was not reached: %s", worker, answers[worker].error)
    return [answer.payload for answer in answers.values() if answer.ok], silent


SERVICES: tuple[type[Service], ...] = (Here, Send, Ask, Clients)
