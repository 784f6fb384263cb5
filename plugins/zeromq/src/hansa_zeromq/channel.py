"""The channel zeromq: a PULL or SUB socket, whose messages several threads have handled."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import zmq
from hansa import Channel, Request
from hansa_connect.sequence import Gaps

from .connection import Context, Socket, open_socket
from .settings import ReceivingSettings

TYPES = {"PULL": zmq.PULL, "SUB": zmq.SUB}
POLL = 100
"""Milliseconds to wait for a message before looking whether the channel is to stop."""


class ZeroMQChannel(Channel[ReceivingSettings]):
    """Receives messages over ZeroMQ, in one worker of the cluster.

    ZeroMQ has no acknowledgements: what waits in memory when a process dies is lost (at most once).
    With `sequence` on both sides the channel counts what did not arrive, for `ping`. The service
    gets the last frame as its message, the first of several as the header `topic`, and all as
    `self.request.extra["frames"]`.
    """

    type = "zeromq"
    placement = "cluster"
    exclusive = True  # the address is free only once the old object has closed its socket
    delivery = "at_most_once"

    _context: Context | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind or connect, and begin to receive; raises `Unavailable`."""
        config = self.config
        self.received = 0
        self._gaps = Gaps()
        self._stopping = threading.Event()
        # messages that are handled or wait for a thread
        self._room = threading.Semaphore(config.threads * 2)
        self._context = zmq.Context()
        self._socket = self._open(self._context)
        self._pool = ThreadPoolExecutor(config.threads, f"zeromq {self.name}")
        thread = threading.Thread(target=self._receive, name=f"zeromq {self.name}", daemon=True)
        thread.start()
        self._thread = thread

    def _open(self, context: Context) -> Socket:
        config = self.config
        type = TYPES[config.socket]
        socket = open_socket(context, type, config, bind=config.bind, maxmsgsize=config.max_size)
        if type == zmq.SUB:
            for topic in config.topics:
                socket.subscribe(topic)
        return socket

    def stop(self) -> None:
        """Take nothing new, have what was taken handled, and close the socket."""
        thread = self._thread
        self._thread = None
        if thread is not None:
            self._stopping.set()
            thread.join()
            self._pool.shutdown()
        if self._context is not None:
            self._context.destroy(0)

    def ping(self) -> str:
        """Return how many messages came, and how many are known to be lost."""
        config = self.config
        text = f"{config.socket} at {config.address}: {self.received} received"
        if config.sequence:
            text += f", {self._gaps.missing} lost"
        return text

    def _receive(self) -> None:
        try:
            while not self._stopping.is_set():
                # what there is no room for stays with ZeroMQ, up to the high-water mark
                if self._socket.poll(POLL) and self._room.acquire(timeout=POLL / 1000):
                    frames = self._socket.recv_multipart(zmq.NOBLOCK)
                    self._pool.submit(self._handle, self._without_number(frames))
        except zmq.ZMQError as error:
            self.lost(error)
        finally:
            self._socket.close(0)

    def _without_number(self, frames: list[bytes]) -> list[bytes]:
        """Count a message, and take off the frame that numbers it."""
        self.received += 1
        if not self.config.sequence:
            return frames
        stream = frames[0] if len(frames) > 2 else b""
        try:
            self._gaps.take(frames[-1], stream)
        except ValueError as error:
            self.log.error(
                "a message that its sender did not number, as `sequence` asks for: %s", error
            )
            return frames
        return frames[:-1]

    def _handle(self, frames: list[bytes]) -> None:
        headers: dict[str, str] = {}
        if len(frames) > 1:
            headers["topic"] = frames[0].decode("utf-8", "replace")
        message = frames[-1] if frames else b""
        try:
            self.dispatch(Request(message, headers=headers, extra={"frames": frames}))
        finally:
            self._room.release()
