"""The base of channels that read on from a mark: in order, each message settled once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

from hansa import Request, Response, Unavailable, backoff_delay, setting

from .marks import Mark, Marks, Position
from .polling import PollingChannel, PollingSettings

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at a message, at most."""


class MarkSettings(PollingSettings):
    """Attempts.

    Settings of every channel that reads on from a mark.
    """

    max_attempts: Annotated[
        int, setting("Maximum delivery attempts before a message is given up", ge=1)
    ] = 10
    give_up: Annotated[
        Literal["skip", "hold"],
        setting(
            "After the last attempt: skip the message, or hold the channel at it and keep trying"
        ),
    ] = "skip"


MarkT = TypeVar("MarkT", bound=MarkSettings)


class MarkedChannel(PollingChannel[MarkT]):
    """Base of channels that read on from a mark.

    A subclass defines `messages_after`, and `settle` if the source is to know the outcome. The mark
    is written after the service has handled a message, and the number of attempts before each, so
    that neither a restart nor a message that ends the process is counted wrongly.
    """

    exclusive = True  # else the old and the new object would both deliver what is after the mark
    first_mark: Mark = None
    """The mark before the very first message."""

    def messages_after(self, mark: Mark) -> Iterable[tuple[Mark, Request]]:
        """Return the messages after a mark, each with its own mark, the oldest first.

        They are held in memory.
        """
        raise NotImplementedError

    def settle(self, request: Request, response: Response) -> None:
        """Tell the source that a message was handled (`response.ok`) or given up.

        Raises if that fails. A crash may cause it to be called twice for a message.
        """

    def connect(self) -> None:
        """Find out how far the source was read."""
        self._marks = Marks(self.server, f"{self.kind} {self.type} {self.name}")
        self.position = self._marks.read() or Position(self.first_mark)

    def poll(self) -> bool:
        """Deliver what is after the mark, one message after another.

        Ends at one that is to be tried again.
        """
        found = list(self.messages_after(self.position.mark))
        if found:
            self._count_attempt(found[0][0])
        for index, (mark, request) in enumerate(found):
            if self.stopping:
                self._move(Position(self.position.mark, mark, self.position.attempts - 1))
                return False
            request.attempt = self.position.attempts
            if request.attempt <= self.config.max_attempts:
                response = self.deliver(request)
            else:
                response = _ended_process()
            if not response.ok and not self._given_up(mark, request, response):
                self.pause(backoff_delay(request.attempt, self.config.interval, LONGEST_PAUSE))
                return True
            self.settle(request, response)
            # one write both settles this message and counts the attempt at the next one
            if index + 1 < len(found):
                self._move(Position(mark, found[index + 1][0], 1))
            else:
                self._move(Position(mark))
        return bool(found)

    def _count_attempt(self, mark: Mark) -> None:
        tried = self.position.attempts if self.position.next == mark else 0
        self._move(Position(self.position.mark, mark, tried + 1))

    def _move(self, position: Position) -> None:
        self._marks.write(position)
        self.position = position

    def _given_up(self, mark: Mark, request: Request, response: Response) -> bool:
        """Return whether a message that was not handled is to be skipped.

        Raises if the channel is held at it.
        """
        if response.outcome == "retry" and request.attempt < self.config.max_attempts:
            return False
        what = (
            f"message {mark!r} was given up after {request.attempt} attempts"
            f" (cid {request.cid}): {response.error}"
        )
        if self.config.give_up == "hold":
            if request.attempt <= self.config.max_attempts:
                # one more attempt after each pause
                attempts = self.config.max_attempts - 1
                self._move(Position(self.position.mark, mark, attempts))
            raise Unavailable(f"held: {what}")
        self.log.error("%s", what)
        return True


def _ended_process() -> Response:
    """Return the answer for a message that has ended the process as often as it may."""
    response = Response()
    response.outcome = "reject"
    response.error = Unavailable("the process ended while the message was being handled")
    return response
