"""WS-Security: a SOAP channel whose callers send a UsernameToken with a digest, each with a nonce of its
own, against the same channel without security, on one server.

`python -m bench wss` measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from hansa import load
from hansa_devkit.harness.api_server import RunningServer
from hansa_wss.settings import WssSettings
from hansa_wss.signing import sign_envelope

from tools.project import TOP

from .measure import Figure, compare
from .programs import SOAP_BODY, SOAP_HEADERS, Target, wrk

CONNECTIONS = 64
THREADS = 32
"""Threads of the server: as many as keep the processor busy while others wait for the disk."""
MESSAGES = 8000
"""Messages of one run, more than the requests that are answered in its second."""
SETTINGS = {
    "username": "bench",
    "password": "a-password-for-the-benchmark",
    "password_type": "digest",
    "signs": True,
}
CONFIG = f"""
[services]
files = ["{TOP}/bench/orders.py"]

[http]
threads = {THREADS}

[security.wss.digests]
username = "{SETTINGS["username"]}"
password = "{SETTINGS["password"]}"
password_type = "digest"

[channel.soap.open]
url_path = "/open"
service = "orders.echo"

[channel.soap.digests]
url_path = "/digests"
service = "orders.echo"
security = "digests"
"""


@dataclass
class SignedTarget(Target):
    """A target whose requests carry tokens that were not used before."""

    folder: Path

    def script(self) -> str:
        """Return what wrk does: send messages that are signed now, each once."""
        settings = load(WssSettings, SETTINGS)
        body = self.body.encode()
        path = self.folder / "signed"
        path.write_bytes(b"\n".join(sign_envelope(body, settings) for _ in range(MESSAGES)))
        reading = f"""
local messages = io.open("{path}")
function request()
  return wrk.format(nil, nil, nil, messages:read("*l"))
end
"""
        return super().script() + reading


def wss(folder: Path) -> Iterator[Figure]:
    """A digest with a nonce, which is kept on disk before the service is called, against plain SOAP."""
    server = RunningServer(folder / "server", CONFIG, workers=1)
    server.start()
    try:
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        plain = Target(process, server.port, "/open", SOAP_BODY, SOAP_HEADERS)
        signed = SignedTarget(process, server.port, "/digests", SOAP_BODY, SOAP_HEADERS, folder)
        yield compare(
            "server CPU per request: SOAP with a WS-Security digest / without security",
            lambda: wrk(signed, folder, connections=CONNECTIONS).cpu_us,
            lambda: wrk(plain, folder, connections=CONNECTIONS).cpu_us,
            bound=1.5,
            note="µs of CPU",
        )
    finally:
        server.stop()
