"""A partition that a worker has: what is ready, what is in hand, and how far it is done.

The messages of a partition are handled in their order, one call at a time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import Message

WINDOW = 1000
"""Offsets beyond the committed one that may be begun, so that few are suspects after a crash."""
NONE = -1
"""An offset that is not known yet."""


@dataclass(slots=True, eq=False)
class Partition:
    """A partition of a topic, as one member of its group has it; used under the channel's lock.

    `suspect` says that an earlier owner ended without letting it go, so that the first messages may
    have ended it. Offsets: `first` is the first one that came, all before `done` are handled, and
    the group knows that all before `committed` are.
    """

    topic: str
    number: int
    suspect: bool
    first: int = NONE
    done: int = NONE
    committed: int = NONE
    ready: deque[Message] = field(default_factory=deque)
    busy: bool = False
    failed: bool = False
    begun: bool = False
    dropped: bool = False
    paused: bool = False
    singles: int = 0

    @property
    def name(self) -> str:
        """What records call it."""
        return f"{self.topic}/{self.number}"

    def add(self, message: Message) -> None:
        """Take a message that the cluster has delivered."""
        if self.first == NONE:
            self.first = self.committed = self.done = offset_of(message)
        self.ready.append(message)

    def next(self, batch: int, max_body: int) -> list[Message]:
        """Take out what is to be handled now; nothing if that is to wait."""
        if self.busy or self.dropped or not self.ready:
            return []
        limit = self.committed + WINDOW
        if offset_of(self.ready[0]) >= limit and self.done > self.committed:
            return []
        found = [self.ready.popleft()]
        size = len(found[0])
        self.busy = True
        if self.singles:
            self.singles -= 1
            return found
        while self.ready and len(found) < batch and offset_of(self.ready[0]) < limit:
            size += len(self.ready[0])
            if size > max_body:  # one that is too large is told by itself
                break
            found.append(self.ready.popleft())
        return found

    def is_suspect(self, message: Message) -> bool:
        """Whether an earlier owner may have begun a message and ended with it."""
        return self.suspect and offset_of(message) < self.first + WINDOW

    def split(self, messages: list[Message]) -> None:
        """Have messages handled one by one that failed together."""
        self.ready.extendleft(reversed(messages))
        self.singles = len(messages)
        self.busy = False

    def finished(self, messages: list[Message]) -> None:
        """Note that messages were handled or given up."""
        self.done = offset_of(messages[-1]) + 1
        self.busy = self.failed = self.begun = False


def offset_of(message: Message) -> int:
    """Return the offset of a message that the cluster has delivered."""
    offset = message.offset()
    return NONE if offset is None else offset
