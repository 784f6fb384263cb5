"""A TCP proxy for fault tests: between a client and a server it passes bytes, holds them back,
resets or refuses.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Literal, Self

from .harness.ports import free_port

Mode = Literal["pass", "drop", "reset", "refuse"]


class Proxy:
    """Forwards `port` of 127.0.0.1 to a server, as a context manager; `mode` may be changed at any
    time and holds at once.

    `pass` forwards. `drop` is half-open: connections stay and new ones are accepted, but nothing
    goes either way, as behind a firewall that drops packets; what was held back goes on with
    `pass`. `reset` answers every byte and every new connection by RST. `refuse` closes the
    listening socket and resets what is open.
    """

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self.target = (target_host, target_port)
        self.port = free_port()
        self._mode: Mode = "pass"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"proxy {self.port}", daemon=True
        )
        self._listening: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self.accepted = 0

    @property
    def mode(self) -> Mode:
        """What is done to connections."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._run(self._change(mode))

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *error: object) -> None:
        """Close everything."""
        self.mode = "refuse"
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=65536
        )
        self._passing = asyncio.Event()
        self._passing.set()

    async def _change(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "pass":
            self._passing.set()
        else:
            self._passing.clear()
        if mode == "refuse" and self._listening is not None:
            self._listening.close()
            self._listening = None
        elif mode != "refuse" and self._listening is None:
            self._listening = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, limit=65536
            )
        if mode in ("reset", "refuse"):
            tasks = list(self._connections)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        ends = self._connections[task] = [writer]
        try:
            if self._mode in ("reset", "refuse"):
                return
            await self._passing.wait()
            back, forth = await asyncio.open_connection(*self.target)
            ends.append(forth)
            await asyncio.gather(self._copy(reader, forth), self._copy(back, writer))
            for end in ends:
                end.close()
        except (OSError, asyncio.CancelledError):
            pass  # that connections end is what this is for
        finally:
            for end in ends:
                if not end.is_closing():
                    _reset(end)
            del self._connections[task]

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._passing.wait()
            sink.write(data)
            await sink.drain()
        await self._passing.wait()
        if sink.can_write_eof():
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets RST."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
