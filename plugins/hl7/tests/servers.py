"""Receivers of other make in processes of their own, a sender, and messages."""

from __future__ import annotations

import base64
import itertools
import socket
import ssl
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from hansa_devkit.servers import RealServer

from plugins.sql.tests.support import certificate, pem

RECEIVER = Path(__file__).with_name("receiver.py")
_numbers = itertools.count(1)


def message(content: bytes = b"", control_id: str = "", **fields: str) -> bytes:
    """A message with a content in its segment ZZZ; fields are those of MSH, such as `f18`."""
    given = {"f9": "ADT^A01", "f11": "P", "f12": "2.5", **fields}
    named = {int(name[1:]): value for name, value in given.items()}
    named[10] = control_id or f"M{next(_numbers)}"
    named = {3: "SENDER", 4: "WARD", 5: "HANSA", 6: "HOUSE", 7: "20261130140500", **named}
    head = "|".join(["MSH", "^~\\&", *(named.get(at, "") for at in range(3, max(named) + 1))])
    coded = base64.b64encode(content).decode()
    return f"{head}\rPID|1||4711||Lovelace^Ada\rZZZ|{coded}\r".encode()


def content_of(raw: bytes) -> bytes:
    """The content of such a message."""
    return base64.b64decode(raw.partition(b"\rZZZ|")[2])


def asking(what: str) -> bytes:
    """A message that tells the receiver what to do."""
    return message().partition(b"\rZZZ|")[0] + b"\rZZZ|" + what.encode() + b"\r"


class Hl7Receiver(RealServer):
    """The server of the library hl7."""

    name, package, programs, as_nobody = "hl7", "python3", ("python3",), False
    library: ClassVar[str] = "hl7"

    @classmethod
    def version(cls) -> str:
        return version(cls.library)

    def command(self) -> list[str]:
        return [sys.executable, str(RECEIVER), self.library, str(self.port)]

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port}

    def clear(self) -> None:
        """It keeps nothing."""


class SecureHl7Receiver(Hl7Receiver):
    """The same over TLS."""

    def prepare(self) -> None:
        issuer = certificate("issuer")
        key, signed = certificate("hl7", issuer, "127.0.0.1")
        self.authority = self.write("ca.pem", pem(issuer[1]))
        self.write("server.pem", pem(key) + pem(signed))

    def command(self) -> list[str]:
        return [*super().command(), str(self.folder / "server.pem")]

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "tls": True, "tls_ca": str(self.authority)}


class Hl7apyReceiver(Hl7Receiver):
    """The server of the library hl7apy, which ends each connection after its answer."""

    name, library = "hl7apy", "hl7apy"


class Sender:
    """A plain connection, for what no library sends."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> bytes:
        """Send a message and return the answer, empty if the connection was closed instead."""
        self.socket.sendall(b"\x0b" + raw + b"\x1c\r")
        return self.receive()

    def receive(self) -> bytes:
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            piece = self.socket.recv(65536)
            if not piece:
                return b""
            answer += piece
        return answer.removeprefix(b"\x0b").removesuffix(b"\x1c\r")
