"""The admin services of Redis: `admin.redis.{command,write}`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Annotated, ClassVar, TypeAlias

from hansa import Invalid, Model, Unavailable, setting
from hansa_admin.operation import Operation
from redis.exceptions import ResponseError

from .answer_text import answer_text
from .client import Client, open_client
from .cluster import ClusterClient
from .outgoing import RedisOutgoing
from .permitted import LARGEST_VALUE, LONGEST_COMMAND, MOST_SCANNED, Command, Effect, parse_command

TIMEOUT = 3.0
"""Seconds that one command may take."""
RedisClient: TypeAlias = Client | ClusterClient


class AskedCommand(Model):
    """A command to be run."""

    command: Annotated[
        str,
        setting(
            "The command with its arguments; an argument with spaces is in quotes",
            example="LRANGE orders 0 9",
            min_length=1,
            max_length=LONGEST_COMMAND,
        ),
    ]
    outgoing: Annotated[
        str,
        setting(
            "Outgoing connection redis to run it by; empty for the Redis of the cluster itself",
            refers="outgoing redis",
        ),
    ] = ""


class CommandAnswer(Model):
    """What Redis answered."""

    answer: Annotated[str, setting("The answer as text; (None) for nothing")]
    truncated: Annotated[bool, setting("Whether the answer was longer than what is returned")]
    ms: Annotated[float, setting("How long Redis took, in ms")]


class RedisOperation(Operation):
    """An operation that runs one command."""

    abstract = True
    effect: ClassVar[Effect]
    Input = AskedCommand
    Output = CommandAnswer

    def run(self) -> CommandAnswer:
        """Run the command; raises `Invalid` for one that may not be run, or that Redis refuses."""
        asked: AskedCommand = self.request.input
        command = parse_command(asked.command)
        if command.effect != self.effect:
            raise Invalid({"command": f"{command.name} {command.effect}: {OTHER[self.effect]}"})
        with self._client(asked.outgoing) as client:
            try:
                refuse_large(client, command)
                began = time.perf_counter()
                answer = client.execute_command(*command.words)
                ms = (time.perf_counter() - began) * 1000
            except ResponseError as error:
                raise Invalid({"command": f"Redis refuses it: {error}"}) from None
        text, truncated = answer_text(answer)
        return CommandAnswer(answer=text, truncated=truncated, ms=round(ms, 3))

    @contextlib.contextmanager
    def _client(self, outgoing: str) -> Iterator[RedisClient]:
        """Open a client for one command, which shares no connection with services."""
        client = self._opened(outgoing)
        try:
            yield client
        finally:
            client.close()

    def _opened(self, outgoing: str) -> RedisClient:
        if outgoing:
            connection = self.server.objects.get("outgoing", RedisOutgoing.type, outgoing)
            assert isinstance(connection, RedisOutgoing)
            return connection.open_plain()
        address = self.server.bus.address
        if address is None:
            raise Unavailable("this cluster has no Redis: name an outgoing connection")
        client = open_client(address, "the cluster's Redis", timeout=TIMEOUT)
        client.response_callbacks.clear()
        return client


OTHER: dict[Effect, str] = {
    "reads": "admin.redis.write runs commands that write",
    "writes": "admin.redis.command runs commands that read",
}
"""What runs the commands that a service does not run."""


def refuse_large(client: RedisClient, command: Command) -> None:
    """Raise `Invalid` for a command that reads so much that Redis would answer nobody meanwhile."""
    if command.name == "KEYS":
        count = int(client.execute_command("DBSIZE"))
        if count > MOST_SCANNED:
            fault = f"KEYS is refused: the database has {count} keys; use SCAN 0 MATCH pattern"
            raise Invalid({"command": fault})
    if command.effect == "writes" and not command.copies:
        return
    sizes = [_size(client, key) for key in _keys(client, command)]
    if sum(sizes) > LARGEST_VALUE:
        fault = (
            f"{command.name} is refused: what it reads has {sum(sizes)} bytes, more than "
            f"{LARGEST_VALUE}; read a part of it, as by HSCAN or LRANGE 0 99"
        )
        raise Invalid({"command": fault})


def _keys(client: RedisClient, command: Command) -> list[str | bytes]:
    """Return the keys whose values a command reads."""
    if command.reads_a_part:
        return []
    try:
        found: list[str | bytes] = client.execute_command("COMMAND", "GETKEYS", *command.words)
    except ResponseError:
        # it has no keys, or Redis will say what is wrong with it
        return []
    return found


def _size(client: RedisClient, key: str | bytes) -> int:
    return int(client.execute_command("MEMORY", "USAGE", key) or 0)


class RedisCommand(RedisOperation):
    """Run one Redis command that reads, and return its answer as text."""

    name = "admin.redis.command"
    right = "operate"
    effect = "reads"

    def handle(self) -> CommandAnswer:
        """Run it."""
        return self.run()


class RedisWrite(RedisOperation):
    """Run one Redis command that writes, and return its answer as text; what it changes is not kept."""

    name = "admin.redis.write"
    right = "administer"
    final = "always"
    effect = "writes"

    def handle(self) -> CommandAnswer:
        """Run it."""
        return self.run()


OPERATIONS: tuple[type[Operation], ...] = (RedisCommand, RedisWrite)
