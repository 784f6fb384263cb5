"""The web admin as a program that the supervisor of a single server runs beside its workers."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from hansa import Engine

from .settings import split_address

CONNECT_LIMIT = 0.5
"""Seconds to wait for a connection while it starts."""


class WebAdmin(Engine):
    """Runs `hansa web run` with the configuration of the server."""

    name = "web"

    def __init__(self, config: Path, directory: Path, address: str) -> None:
        self.config = config
        self.directory = directory
        self._address = address

    @property
    def address(self) -> str:
        """HOST:PORT where browsers reach it."""
        return self._address

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        options = ["--config", str(self.config), "--dir", str(self.directory)]
        return [sys.executable, "-m", "hansa", "web", "run", *options]

    def ready(self) -> bool:
        """Whether it accepts connections."""
        host, port = split_address(self._address)
        try:
            with socket.create_connection((host, port), CONNECT_LIMIT):
                return True
        except OSError:
            return False
