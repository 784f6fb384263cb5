"""The questions that threads ask over one connection, whose server answers in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Message: TypeAlias = str | bytes


class Question:
    """A message whose answer a thread waits for."""

    __slots__ = ("_answer", "_ended", "_error", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._answer: Message = b""
        self._error: Exception | None = None
        self._ended = threading.Lock()
        self._ended.acquire()

    # -- in the thread that waits ------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Return whether it was answered, or failed, within so many seconds."""
        return self._ended.acquire(timeout=seconds)

    def result(self) -> Message:
        """Return the answer; raises what it failed with."""
        error = self._error
        if error is None:
            return self._answer
        self._error = None  # else the two would hold each other
        try:
            raise error
        finally:
            del error

    # -- in the loop -------------------------------------------------------------------------------

    def answer(self, message: Message) -> None:
        """Be answered."""
        self._answer = message
        self._ended.release()

    def fail(self, error: Exception) -> None:
        """Not be answered."""
        self._error = error
        self._ended.release()


class Questions:
    """Those of one connection: one is with the server, the others wait for their turn.

    A task for each costs three times as much as this. All is called in the loop. `send` sends a
    message without waiting, and raises if it cannot.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._waiting: deque[Question] = deque()
        self._ended: Callable[[], Exception] | None = None

    def ask(self, question: Question) -> None:
        """Send a question, once those before it are answered."""
        if self._ended is not None:
            question.fail(self._ended())
            return
        self._waiting.append(question)
        if len(self._waiting) == 1:
            self._send_first()

    def answer(self, message: Message) -> None:
        """Take what the server sends: the answer to the first question, or nobody's."""
        if self._waiting:
            self._waiting.popleft().answer(message)
            self._send_first()

    def give_up(self, question: Question) -> bool:
        """Forget a question; returns whether it is with the server, which may answer it yet."""
        if question not in self._waiting:
            return False
        is_sent = self._waiting[0] is question
        self._waiting.remove(question)
        return is_sent

    def end(self, error: Callable[[], Exception]) -> None:
        """Fail all questions, those to come included, with an error of its own each."""
        self._ended = error
        while self._waiting:
            self._waiting.popleft().fail(error())

    def _send_first(self) -> None:
        while self._waiting:
            try:
                self._send(self._waiting[0].message)
                return
            except Exception as error:
                self._waiting.popleft().fail(error)
