"""The channel zeromq: a PULL or SUB socket that one thread owns, and threads that have its messages handled."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

import zmq
from hansa import Channel, Request, setting
from hansa_connect.sequence import Gaps

from .endpoint import Endpoint, open_socket

LOOK = 100  # milliseconds


class Receiving(Endpoint):
    """Settings of the channel."""

    socket: Annotated[
        Literal["PULL", "SUB"],
        setting("PULL takes its share of the work, SUB everything it subscribes to"),
    ] = "PULL"
    bind: Annotated[
        bool, setting("Whether senders come to the address, or it is theirs and is connected to")
    ] = True
    topics: Annotated[
        list[str],
        setting(
            "SUB: beginnings of the messages to get; an empty one gets all", example=["orders."]
        ),
    ] = [""]
    threads: Annotated[
        int, setting("Messages handled at a time; as many more wait for a thread", ge=1, le=1000)
    ] = 4
    max_size: Annotated[
        int, setting("Largest frame; a peer that sends a larger one is cut off", ge=1)
    ] = 16 * 2**20


class ZeroMQChannel(Channel):
    """Receives messages over ZeroMQ, in one worker of the cluster.

    ZeroMQ has no acknowledgements: what waits in memory when a process dies is lost (at most once). With `sequence` on both sides
    the channel counts what did not arrive; `ping` tells it. The service gets the last frame as its message, the first of several
    as the header `topic`, and all as `self.request.extra["frames"]`.
    """

    type = "zeromq"
    Config = Receiving
    placement = "cluster"
    exclusive = True  # the address is free only once the old object has let it go
    delivery = "at_most_once"

    _context: Any = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind or connect, and begin to receive."""
        self.received, self._gaps, self._stopping = 0, Gaps(), threading.Event()
        self._room = threading.Semaphore(self.config.threads * 2)
        self._context = zmq.Context()
        kind, bind, largest = (
            getattr(zmq, self.config.socket),
            self.config.bind,
            self.config.max_size,
        )
        self._socket = open_socket(self._context, kind, self.config, bind=bind, maxmsgsize=largest)
        for topic in self.config.topics if kind == zmq.SUB else ():
            self._socket.subscribe(topic)
        self._pool = ThreadPoolExecutor(self.config.threads, f"zeromq {self.name}")
        (
            thread := threading.Thread(
                target=self._receive, name=f"zeromq {self.name}", daemon=True
            )
        ).start()
        self._thread = thread

    def stop(self) -> None:
        """Take nothing new, have what was taken handled, and let the address go."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join()
            self._pool.shutdown()
        if self._context is not None:
            self._context.destroy(0)

    def ping(self) -> str:
        """How many messages came, and how many are known not to have."""
        told = f", {self._gaps.missing} lost" if self.config.sequence else ""
        return f"{self.config.socket} at {self.config.address}: {self.received} received{told}"

    def _receive(self) -> None:
        try:
            while not self._stopping.is_set():
                # what there is no room for is kept by ZeroMQ, up to the high-water mark
                if self._socket.poll(LOOK) and self._room.acquire(timeout=LOOK / 1000):
                    self._pool.submit(
                        self._handle, self._counted(self._socket.recv_multipart(zmq.NOBLOCK))
                    )
        except zmq.ZMQError as error:
            self.lost(error)
        finally:
            self._socket.close(0)

    def _counted(self, frames: list[bytes]) -> list[bytes]:
        self.received += 1
        if self.config.sequence:
            try:
                self._gaps.take(frames[-1], frames[0] if len(frames) > 2 else b"")
                return frames[:-1]
            except ValueError as error:
                self.log.error(
                    "a message that its sender did not number, as `sequence` asks for: %s", error
                )
        return frames

    def _handle(self, frames: list[bytes]) -> None:
        try:
            headers = {"topic": frames[0].decode("utf-8", "replace")} if len(frames) > 1 else {}
            self.dispatch(
                Request(raw=b"".join(frames[-1:]), headers=headers, extra={"frames": frames})
            )
        finally:
            self._room.release()
