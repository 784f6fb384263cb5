"""Types `memory`: a channel and an outgoing connection over a named queue in this process, for
tests and first steps.

Nothing survives the process. What a broker does is all there: acknowledgement, redelivery, dead
letters, being down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from hansa import Channel, Model, Outgoing, Request, Server, TimedOut, Unavailable, setting


@dataclass(frozen=True, slots=True)
class Message:
    """One message in a queue; `due` is the monotonic time before which it is not handed out again."""

    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1
    due: float = 0.0


class MemoryQueue:
    """A bounded queue with acknowledgement; `dead` holds what was given up. `down` and `up` play an
    outage.
    """

    def __init__(self, name: str, capacity: int = 10_000) -> None:
        self.name = name
        self.capacity = capacity
        self.dead: list[Message] = []
        self._waiting: list[Message] = []
        self._taken = 0
        self._up = True
        self._changed = threading.Condition()

    def put(
        self, raw: bytes, headers: Mapping[str, str] | None = None, *, timeout: float = 0.0
    ) -> None:
        """Add a message; raises `Unavailable` while it is down, `TimedOut` if it stays full for
        `timeout` seconds.
        """
        with self._changed:
            self._check()
            if not self._changed.wait_for(
                lambda: len(self._waiting) < self.capacity or not self._up, timeout
            ):
                raise TimedOut(f"the queue {self.name} is full")
            self._check()
            self._waiting.append(Message(bytes(raw), dict(headers or {})))
            self._changed.notify_all()

    def take(self, timeout: float = 0.0) -> Message | None:
        """The oldest message that is due, to be settled by `done`, `again` or `bury`; None if none
        comes in time.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                self._check()
                now = time.monotonic()
                for index, message in enumerate(self._waiting):
                    if message.due <= now:
                        self._taken += 1
                        self._changed.notify_all()
                        return self._waiting.pop(index)
                if now >= end:
                    return None
                due = min((message.due for message in self._waiting), default=end)
                self._changed.wait(min(end, due) - now)

    def done(self, message: Message) -> None:
        """Acknowledge a message that was taken."""
        self._settle()

    def again(self, message: Message, delay: float = 0.0) -> None:
        """Put a message that was taken back, to be handed out again after `delay` seconds."""
        self._settle(
            back=replace(message, attempt=message.attempt + 1, due=time.monotonic() + delay)
        )

    def bury(self, message: Message) -> None:
        """Give a message up: it goes to `dead`."""
        self.dead.append(message)
        self._settle()

    def wait_until_empty(self, timeout: float = 10.0) -> bool:
        """Wait until every message was settled; False if that takes longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._taken, timeout)

    def down(self) -> None:
        """Play an outage: until `up`, everything raises `Unavailable`. Messages are kept."""
        self._switch(False)

    def up(self) -> None:
        """End the outage."""
        self._switch(True)

    def check(self) -> None:
        """Raise `Unavailable` while it is down."""
        with self._changed:
            self._check()

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def _check(self) -> None:
        if not self._up:
            raise Unavailable(f"the queue {self.name} is down")

    def _switch(self, up: bool) -> None:
        with self._changed:
            self._up = up
            self._changed.notify_all()

    def _settle(self, back: Message | None = None) -> None:
        with self._changed:
            self._taken -= 1
            if back is not None:
                self._waiting.insert(0, back)
            self._changed.notify_all()


_queues: dict[str, MemoryQueue] = {}
_making = threading.Lock()


def memory_queue(name: str) -> MemoryQueue:
    """The queue of this name in this process, made when it is first asked for."""
    with _making:
        return _queues.setdefault(name, MemoryQueue(name))


class Queue(Model):
    """What channel and outgoing connection have in common."""

    queue: Annotated[
        str, setting("Name of the queue in this process", min_length=1, example="orders")
    ]


class Consumption(Queue):
    """How a channel takes messages from its queue."""

    consumers: Annotated[int, setting("Messages handled at the same time", ge=1, le=100)] = 1
    max_attempts: Annotated[int, setting("Attempts before a message is given up as dead", ge=1)] = 5
    retry_delay: Annotated[
        float, setting("Seconds before a failed message is tried again", ge=0)
    ] = 0.05


class MemoryChannel(Channel[Consumption]):
    """Takes messages from a queue in this process; each is acknowledged once its service handled
    it.
    """

    type = "memory"
    delivery = "at_least_once"

    def __init__(self, name: str, config: Consumption, server: Server) -> None:
        super().__init__(name, config, server)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to take messages; raises `Unavailable` while the queue is down."""
        queue = memory_queue(self.config.queue)
        queue.check()
        for number in range(self.config.consumers):
            thread = threading.Thread(
                target=self._consume,
                args=(queue,),
                name=f"memory-{self.name}-{number}",
                daemon=True,
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Take no more, and wait for the messages that are being handled."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _consume(self, queue: MemoryQueue) -> None:
        while not self._stopping.is_set():
            try:
                message = queue.take(timeout=0.1)
            except Unavailable:
                self._stopping.wait(0.1)
                continue
            if message is None:
                continue
            request = Request(message.raw, headers=message.headers, attempt=message.attempt)
            outcome = self.dispatch(request).outcome
            if outcome == "done":
                queue.done(message)
            elif outcome == "retry" and message.attempt < self.config.max_attempts:
                queue.again(message, self.config.retry_delay)
            else:
                queue.bury(message)


class Publication(Queue):
    """How an outgoing connection puts messages into its queue."""

    timeout: Annotated[float, setting("Seconds to wait for room in a full queue", ge=0)] = 1.0


class MemoryOutgoing(Outgoing[Publication]):
    """Puts messages into a queue in this process."""

    type = "memory"

    def put(self, raw: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Add a message; raises `Unavailable` while the queue is down, `TimedOut` if it stays full."""
        memory_queue(self.config.queue).put(raw, headers, timeout=self.config.timeout)

    def ping(self) -> str:
        """How many messages wait; raises `Unavailable` while the queue is down."""
        queue = memory_queue(self.config.queue)
        queue.check()
        return f"{len(queue)} waiting"
