"""A client of HAProxy's runtime socket: one command, one answer, however many lines it has."""

from __future__ import annotations

import contextlib
import csv
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hansa import Conflict, PlainSettings, Unavailable

from .generate import BACKEND, FRONTENDS

TIMEOUT = 5.0
PROMPT = b"\n> "
_DOWN = 0
"""The operational state of a server that is down."""
_MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20
"""The bits of administrative states that are maintenance."""


@dataclass(frozen=True)
class LiveServer:
    """A server as HAProxy has it at this moment."""

    name: str
    address: str
    weight: int
    up: bool
    maintenance: bool


class RuntimeSocket:
    """The socket at `path`; every method raises `Unavailable` if HAProxy does not answer within 5
    s.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        try:
            # a path may be longer than the address of a socket, so its folder is named by a
            # descriptor
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
        """Return the answer to one command, without blank lines around it."""
        with self._connected() as connection:
            connection.sendall(command.encode() + b"\n")
            # without this end of our side HAProxy may wait for another command
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts).decode(errors="replace").strip()

    def change(self, command: str, expected: str = "") -> None:
        """Have HAProxy change something; raises `Conflict` with its answer unless that is as
        expected.
        """
        answer = self.ask(command)
        done = expected in answer if expected else not answer
        if not done:
            raise Conflict(f"HAProxy refuses {command.split()[0]}: {answer}")

    def info(self) -> dict[str, str]:
        """Return the answer to `show info`, by name."""
        found: dict[str, str] = {}
        for line in self.ask("show info").splitlines():
            name, colon, value = line.partition(": ")
            if colon:
                found[name] = value
        return found

    def pid(self) -> int:
        """Return the process id of the HAProxy that answers."""
        return int(self.info().get("Pid", "0"))

    def statistics(self) -> list[PlainSettings]:
        """Return the answer to `show stat`: one row per frontend, backend and server, without empty
        fields.
        """
        lines = self.ask("show stat").removeprefix("# ").splitlines()
        found: list[PlainSettings] = []
        for row in csv.DictReader(lines):
            filled = {name: value for name, value in row.items() if name and value}
            found.append({name: _number(value) for name, value in filled.items()})
        return found

    def servers(self) -> dict[str, LiveServer]:
        """Return the servers by name."""
        lines = self.ask(f"show servers state {BACKEND}").splitlines()
        header: list[str] = []
        found: dict[str, LiveServer] = {}
        for line in lines:
            if line.startswith("# "):
                header = line.removeprefix("# ").split()
            elif line.count(" ") > 10:  # not the line with the version
                row = dict(zip(header, line.split(), strict=False))
                found[row["srv_name"]] = _live(row)
        return found

    @contextlib.contextmanager
    def watch(self) -> Iterator[Callable[[], int]]:
        """Yield a function that counts the running requests, also while HAProxy ends."""
        with self._connected() as connection:
            connection.sendall(b"prompt\n")
            _until_prompt(connection)

            def requests() -> int:
                connection.sendall(b"show sess\n")
                lines = _until_prompt(connection).splitlines()
                return sum(any(f"fe={name} " in line for name in FRONTENDS) for line in lines)

            yield requests


def escaped(word: str) -> str:
    """Return a word as HAProxy's commands have it, with nothing in it that would end it."""
    return "".join(f"\\{character}" if character in "\\ ;" else character for character in word)


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
