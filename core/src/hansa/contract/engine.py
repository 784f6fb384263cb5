"""An engine: a program that the supervisor runs beside the workers, such as an embedded Valkey."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar


class Engine(ABC):
    """A program to run beside the workers; the supervisor starts it before them, restarts it and
    ends it after them.

    `name` names it in logs and in `server.engines`, `directory` is its working directory. It is
    ended by `stop_signal` and killed after `stop_timeout` seconds.
    """

    name: ClassVar[str] = ""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_timeout: ClassVar[float] = 10.0
    directory: Path

    @property
    @abstractmethod
    def address(self) -> str:
        """Where workers reach it; handed to them as `server.engines[name]`, and never logged."""

    @abstractmethod
    def command(self) -> list[str]:
        """Prepare a start, and return the program and its arguments."""

    def environment(self) -> Mapping[str, str]:
        """Return environment variables to add to the supervisor's own."""
        return {}

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves; asked every few milliseconds while it starts."""
