"""SIGTERM and SIGINT to a command that runs in the foreground."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Termination:
    """Whether this process was asked to end, once one of the methods has installed its handlers."""

    def __init__(self) -> None:
        self.requested = False

    def interrupt(self) -> None:
        """From now on, a request raises KeyboardInterrupt wherever the program is."""
        for number in _SIGNALS:
            signal.signal(number, self._interrupt)

    def note(self) -> None:
        """From now on, a request is only noted."""
        for number in _SIGNALS:
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was a request.

        What a signal handler raises while an object is finalised gets lost.
        """
        if self.requested:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        raise KeyboardInterrupt
