"""ActiveMQ as a real server for tests, and its other side: a JMS client in Java.

Both are compiled once, into the cache of the user.
"""

from __future__ import annotations

import fcntl
import functools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote_plus

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from hansa import spawn
from hansa_devkit.servers import RealServer
from hansa_jms.stomp.frames import encoded

from plugins.ftp.tests.servers import certificate

JAVA = Path(__file__).parent / "java"
LIBRARIES = (
    "/usr/share/activemq/lib/*",
    "/usr/share/activemq/lib/optional/*",
    "/usr/share/java/xstream.jar",
)
QUICK = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


@functools.cache
def compiled() -> tempfile.TemporaryDirectory[str]:
    """A folder with the classes, which is removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="hansa-jms-classes-")
    os.chmod(folder.name, 0o755)  # the broker runs as nobody, who may not read the cache
    shutil.copytree(cached_classes(), folder.name, dirs_exist_ok=True, copy_function=shutil.copy)
    return folder


def cached_classes() -> Path:
    """Return where the classes are, in the cache of the user; they are compiled if they are not there."""
    sources = sorted(JAVA.glob("*.java"))
    told = "".join(path.read_text() for path in sources) + ActiveMQ.version()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hansa-tests"
    place = cache / f"jms-{sha256(told.encode()).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            made = tempfile.mkdtemp(dir=cache)
            options = ["-nowarn", "-d", made, "-cp", ":".join(LIBRARIES)]
            command = ["javac", *options, *(str(path) for path in sources)]
            subprocess.run(command, check=True, timeout=120, capture_output=True)
            os.chmod(made, 0o755)
            os.rename(made, place)
    return place


class ActiveMQ(RealServer):
    """A broker with messages on disk and one user; STOMP with and without TLS, and OpenWire for the client
    in Java. Without `maps` it has no XStream.
    """

    name, package = "activemq", "activemq default-jdk-headless libxstream-java"
    programs = ("activemq", "java", "javac")
    port_names = ("stomp", "tls", "openwire")
    maps = True

    def __init__(self) -> None:
        super().__init__()
        self.username = "hansa"
        self.password = "sé:cr\\et " + secrets.token_urlsafe(9)
        self._client: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @classmethod
    @functools.cache
    def version(cls) -> str:
        found = sorted(Path("/usr/share/java").glob("activemq-broker-*.jar"))
        return found[-1].stem.rpartition("-")[2] if found else "of an unknown version"

    @property
    def classes(self) -> str:
        libraries = LIBRARIES if self.maps else LIBRARIES[:2]
        return ":".join([compiled().name, *libraries])

    def prepare(self) -> None:
        self.pem = self.write("server.pem", certificate("127.0.0.1"))
        pem = self.pem.read_bytes()
        store = pkcs12.serialize_key_and_certificates(
            b"test",
            serialization.load_pem_private_key(pem, None),  # type: ignore[arg-type] # an EC key
            x509.load_pem_x509_certificate(pem),
            None,
            serialization.BestAvailableEncryption(b"changeit"),
        )
        path = self.write("store.p12", "")
        path.write_bytes(store)

    def command(self) -> list[str]:
        ports = self.ports
        addresses = [
            f"stomp://127.0.0.1:{ports['stomp']}",
            f"stomp+ssl://127.0.0.1:{ports['tls']}",
            f"tcp://127.0.0.1:{ports['openwire']}",
        ]
        store = [
            f"-Djavax.net.ssl.keyStore={self.folder}/store.p12",
            "-Djavax.net.ssl.keyStorePassword=changeit",
        ]
        program = [self.program("java"), "-Xmx512m", *QUICK, *store, "-cp", self.classes, "Broker"]
        return [*program, str(self.folder / "data"), self.username, self.password, *addresses]

    def ready(self) -> bool:
        hello = encoded(
            "CONNECT",
            {
                "accept-version": "1.2",
                "host": "test",
                "login": self.username,
                "passcode": self.password,
            },
        )
        try:
            socket.create_connection(("127.0.0.1", self.ports["openwire"]), 1).close()
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                probe.sendall(hello)
                return probe.recv(9) == b"CONNECTED"
        except OSError:
            return False

    def environment(self) -> dict[str, str]:
        return {"LC_ALL": "C.UTF-8"}

    def start(self) -> Self:
        if self._client is None:
            self._client = self._start_client()  # it connects when it is first told something
        return super().start()

    def close(self) -> None:
        self._end_client()
        super().close()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "host": "127.0.0.1",
            "port": self.ports["stomp"],
            "username": self.username,
            "password": self.password,
        }

    # -- the other side ----------------------------------------------------------------------------

    def _tell(self, *fields: object) -> list[str]:
        """Have the client in Java do something, and return its answer; fails the test otherwise."""
        with self._lock:
            client = self._client
            assert client is not None and client.stdin is not None and client.stdout is not None
            line = " ".join(quote(str(field), safe="") for field in fields)
            client.stdin.write(f"{line}\n".encode())
            client.stdin.flush()
            answer = [unquote_plus(part) for part in client.stdout.readline().decode().split()]
        assert answer[:1] == ["ok"], answer
        return answer[1:]

    def _start_client(self) -> subprocess.Popen[bytes]:
        address = f"tcp://127.0.0.1:{self.ports['openwire']}"
        program = [self.program("java"), *QUICK, "-cp", self.classes, "Client"]
        return spawn(
            [*program, address, self.username, self.password],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment()},
        )

    def _end_client(self) -> None:
        client = self._client
        self._client = None
        if client is not None:
            client.kill()
            client.wait()
            for stream in (client.stdin, client.stdout):
                if stream is not None:
                    stream.close()

    def send(self, destination: str, body: str | bytes, /, count: int = 1, **more: str) -> None:
        """Send text or bytes; `{}` in a text is the number of the message.

        `more` are properties, and `correlation_`, `reply_`, `type_`, `priority_` and `live_`.
        """
        kind = "bytes" if isinstance(body, bytes) else "text"
        written = body.hex() if isinstance(body, bytes) else body
        self.send_kind(destination, kind, written, count, **more)

    def send_kind(
        self, destination: str, kind: str, body: str, /, count: int = 1, **more: str
    ) -> None:
        """Send a message of any type."""
        pairs = [
            part
            for name, value in more.items()
            for part in (f".{name[:-1]}" if name.endswith("_") else name, value)
        ]
        self._tell("send", destination, kind, body, count, *pairs)

    def read(
        self, destination: str, most: int = 1000, patience: float = 0.4, selector: str = ""
    ) -> list[dict[str, str]]:
        """Take messages; what is not a property begins with a dot."""
        more = [selector] if selector else []
        answers = self._tell("receive", destination, int(patience * 1000), most, *more)
        return [_pairs(answer) for answer in answers]

    def count(self, queue: str) -> int:
        """How many messages are in a queue."""
        [answer] = self._tell("count", f"/queue/{queue}")
        return int(answer)

    def ask(self, queue: str, text: str, patience: float = 5.0) -> dict[str, str]:
        """Send a question with a temporary queue for the answer, and return the answer."""
        [answer] = self._tell("ask", f"/queue/{queue}", text, int(patience * 1000))
        return _pairs(answer)


def _pairs(answer: str) -> dict[str, str]:
    fields: Iterator[str] = iter(unquote_plus(part) for part in answer.split(" "))
    return dict(zip(fields, fields, strict=True))
