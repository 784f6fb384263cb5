"""How servers ask each other: through what the cluster has in common, its Redis or its ODB.

So no server needs an address that others reach, and whoever may ask is whoever may use the
cluster's Redis or ODB, over TLS where these are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from .query import LogAnswer, LogQuery

Answerer = Callable[[LogQuery], LogAnswer]
"""Answers a query from the logs of this server."""


class Exchange(Protocol):
    """Carries questions and answers. Its methods raise what keeps them from being done."""

    def announce(self, server: str) -> None:
        """Say that a server runs now."""

    def known(self) -> Mapping[str, float]:
        """Return when each server of the last week was last there, in seconds of the Unix epoch."""

    def send(self, servers: Iterable[str], query: LogQuery) -> str:
        """Ask servers; returns the id of the question."""

    def receive(self, id: str, count: int, seconds: float) -> dict[str, LogAnswer]:
        """Wait for so many answers at most so long; returns those that came, by server."""

    def serve(self, server: str, answer: Answerer, stopped: threading.Event) -> None:
        """Answer questions to a server until stopped; raises what keeps it from going on."""
