"""What stands in front of a broker in tests: HAProxy, which speaks TLS, and a door that asks for a
login by SASL, checks it with scramp, and passes on what comes after it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

import scramp
from hansa_devkit.harness.ports import free_port
from hansa_devkit.servers import RealServer

from plugins.ftp.tests.servers import certificate

HANDSHAKE, AUTHENTICATE, VERSIONS = 17, 36, 18
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen kafka
    bind 127.0.0.1:{port} ssl crt {folder}/server.pem
    server broker 127.0.0.1:{target}
"""


class Tls(RealServer):
    """HAProxy in front of a port; `pem` has its certificate, which signs itself."""

    name, package, programs = "haproxy", "haproxy", ("haproxy",)
    target = 0

    def prepare(self) -> None:
        self.pem = self.write("server.pem", certificate("127.0.0.1"))
        text = HAPROXY.format(port=self.port, target=self.target, folder=self.folder)
        self.write("haproxy.cfg", text)

    def command(self) -> list[str]:
        return [self.program("haproxy"), "-db", "-f", f"{self.folder}/haproxy.cfg"]

    @classmethod
    def version(cls) -> str:
        return "2"


class Door:
    """Asks each connection for a login before it passes it on (KIP-152); `users` are passwords."""

    def __init__(self, target: int, users: dict[str, str]) -> None:
        self.target, self.users = target, users
        self.port = free_port()
        self.mechanisms: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", self.port))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, struct.error),
            client,
            socket.create_connection(("127.0.0.1", self.target)) as broker,
        ):
            if self._admit(client, broker):
                back = threading.Thread(target=_pump, args=(broker, client), daemon=True)
                back.start()
                _pump(client, broker)

    def _admit(self, client: socket.socket, broker: socket.socket) -> bool:
        steps = None
        while frame := _frame(client):
            key, _, number = struct.unpack(">hhi", frame[:8])
            body = frame[10 + struct.unpack(">h", frame[8:10])[0] :]
            if key == VERSIONS:
                _send(broker, frame)
                _send(client, _frame(broker))
            elif key == HANDSHAKE:
                mechanism = body[2:].decode()
                self.mechanisms.append(mechanism)
                steps = self._plain if mechanism == "PLAIN" else self._scram(mechanism)
                text = struct.pack(">h", len(mechanism)) + mechanism.encode()
                _send(client, struct.pack(">ihi", number, 0, 1) + text)
            elif key == AUTHENTICATE and steps is not None:
                done, answer = steps(body[4:])
                code, why = (0, struct.pack(">h", -1)) if answer is not None else (58, b"\0\2no")
                raw = answer or b""
                payload = struct.pack(">ih", number, code) + why
                _send(client, payload + struct.pack(">i", len(raw)) + raw + struct.pack(">q", 0))
                if answer is None or done:
                    return answer is not None
            else:
                return False
        return False

    def _plain(self, token: bytes) -> tuple[bool, bytes | None]:
        _, user, password = token.decode().split("\0")
        return True, b"" if self.users.get(user) == password else None

    def _scram(self, mechanism: str):
        checked = scramp.ScramMechanism(mechanism)

        def stored(user: str):
            return checked.make_auth_info(self.users[user], iteration_count=4096)

        server = checked.make_server(stored)
        rounds = []

        def step(token: bytes) -> tuple[bool, bytes | None]:
            rounds.append(token)
            try:
                if len(rounds) == 1:
                    server.set_client_first(token.decode())
                    return False, server.get_server_first().encode()
                server.set_client_final(token.decode())
                return True, server.get_server_final().encode()
            except (scramp.ScramException, KeyError):
                return True, None

        return step


def _frame(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return _exactly(source, struct.unpack(">i", head)[0]) if head else b""


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            return b""
        found += part
    return found


def _send(target: socket.socket, frame: bytes) -> None:
    target.sendall(struct.pack(">i", len(frame)) + frame)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
