"""A client of HAProxy's runtime socket: one command, one answer, however many lines it has."""

from __future__ import annotations

import contextlib
import csv
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansa import Conflict, Unavailable

from .generate import BACKEND, FRONTENDS

TIMEOUT = 5.0
PROMPT = b"\n> "
_DOWN, _MAINTENANCE = 0, 0x01 | 0x02 | 0x04 | 0x20


@dataclass(frozen=True)
class LiveServer:
    """A server as HAProxy has it at this moment."""

    name: str
    address: str
    weight: int
    up: bool
    maintenance: bool


class RuntimeSocket:
    """The socket at `path`; every method raises `Unavailable` if HAProxy does not answer within 5 s."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        try:
            # a path may be longer than the address of a socket, so its folder is named by a descriptor
            folder = os.open(self.path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.settimeout(TIMEOUT)
                with connection:
                    connection.connect(f"/proc/self/fd/{folder}/{self.path.name}")
                    yield connection
            finally:
                os.close(folder)
        except OSError as error:
            why = error.strerror or str(error)
            raise Unavailable(f"the load-balancer does not answer at {self.path}: {why}") from None

    def ask(self, command: str) -> str:
        """The answer to one command, without blank lines around it."""
        with self._connected() as connection:
            connection.sendall(command.encode() + b"\n")
            # without this end of our side HAProxy may wait for another command
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts).decode(errors="replace").strip()

    def change(self, command: str, expected: str = "") -> None:
        """Have HAProxy change something; raises `Conflict` with its words unless they are as expected."""
        answer = self.ask(command)
        if expected not in answer if expected else answer:
            raise Conflict(f"HAProxy refuses {command.split()[0]}: {answer}")

    def info(self) -> dict[str, str]:
        """`show info`, by name."""
        return dict(
            line.split(": ", 1) for line in self.ask("show info").splitlines() if ": " in line
        )

    def pid(self) -> int:
        """The process id of the HAProxy that answers."""
        return int(self.info().get("Pid", "0"))

    def statistics(self) -> list[dict[str, Any]]:
        """`show stat`: one row per frontend, backend and server; whole numbers are numbers, what is not told is left out."""
        lines = self.ask("show stat").removeprefix("# ").splitlines()
        rows = csv.DictReader(lines)
        return [
            {key: _number(value) for key, value in row.items() if key and value not in ("", None)}
            for row in rows
        ]

    def servers(self) -> dict[str, LiveServer]:
        """The servers by name."""
        lines = self.ask(f"show servers state {BACKEND}").splitlines()
        header = next(
            (line.removeprefix("# ").split() for line in lines if line.startswith("# ")), []
        )
        rows = [
            dict(zip(header, line.split(), strict=False))
            for line in lines
            if line.count(" ") > 10 and line[0] != "#"
        ]
        return {row["srv_name"]: _live(row) for row in rows}

    @contextlib.contextmanager
    def watch(self) -> Iterator[Any]:
        """A function that counts the requests in hand, which goes on working while HAProxy ends."""
        with self._connected() as connection:
            connection.sendall(b"prompt\n")
            _until_prompt(connection)

            def requests() -> int:
                connection.sendall(b"show sess\n")
                lines = _until_prompt(connection).splitlines()
                return sum(any(f"fe={name} " in line for name in FRONTENDS) for line in lines)

            yield requests


def _until_prompt(connection: socket.socket) -> str:
    found = b"\n"
    while not found.endswith(PROMPT):
        part = connection.recv(65536)
        if not part:
            raise ConnectionResetError("the connection was closed")
        found += part
    return found.decode(errors="replace")


def _number(value: str) -> int | str:
    return int(value) if value.removeprefix("-").isdecimal() else value


def _live(row: dict[str, str]) -> LiveServer:
    host, port = row["srv_addr"], row["srv_port"]
    return LiveServer(
        name=row["srv_name"],
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        weight=int(row["srv_uweight"]),
        up=int(row["srv_op_state"]) != _DOWN,
        maintenance=bool(int(row["srv_admin_state"]) & _MAINTENANCE),
    )
