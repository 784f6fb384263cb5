"""Start servers, load them with wrk, and read how much CPU time their processes used."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port

from tests.scenarios.load import basic
from tools.project import TOP

from .peers import PATH, SAMPLE

BODY = json.dumps(SAMPLE)
USER, PASSWORD = "bench", "a-password-for-the-benchmark"
CREDENTIALS = basic(USER, PASSWORD)
HEADERS = {
    "Content-Type": "application/json",
    **CREDENTIALS,
}  # sent to peers, too: all get the same bytes
ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soapenv:Body><request>{}</request></soapenv:Body></soapenv:Envelope>"
)
SOAP_HEADERS = {**CREDENTIALS, "Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def _elements(name: str, value: object) -> str:
    values = value if isinstance(value, list) else [value]
    return "".join(f"<{name}>{item}</{name}>" for item in values)


SOAP_BODY = ENVELOPE.format(
    "".join(_elements(name, value) for name, value in SAMPLE.items())
).replace(">True<", ">true<")
"""The same message over SOAP."""


@dataclass
class Target:
    """Something that listens: the processes to watch, and what to send."""

    process: psutil.Process
    port: int
    path: str
    body: str
    headers: dict[str, str]

    def cpu(self) -> float:
        """Seconds of CPU time that its processes have used."""
        total = 0.0
        for process in [self.process, *self.process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def script(self) -> str:
        """Return what wrk does, in Lua: send the same request again and again."""
        lines = ['wrk.method = "POST"', f"wrk.body = [==[{self.body}]==]"]
        for name, value in self.headers.items():
            lines.append(f'wrk.headers["{name}"] = [==[{value}]==]')
        return "\n".join(lines)


@dataclass
class Run:
    """One run of wrk."""

    requests: int
    rate: float
    cpu_us: float
    p99_ms: float


def wrk(target: Target, folder: Path, *, connections: int = 16, seconds: float = 1.0) -> Run:
    """Load a target for a while; fails when an answer was no success."""
    script = folder / f"{target.port}{target.path.replace('/', '_')}.lua"
    script.write_text(target.script())
    before = target.cpu()
    done = subprocess.run(
        [
            "wrk",
            "-t1",
            "--latency",
            "--timeout=30s",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "-s",
            str(script),
            f"http://127.0.0.1:{target.port}{target.path}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = target.cpu() - before
    if "Non-2xx" in done or "Socket errors" in done:
        raise RuntimeError(done)
    found = re.search(r"(\d+) requests in", done)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", done)
    assert found and rate and slowest, done
    p99_ms = float(slowest[1]) * MILLISECONDS[slowest[2]]
    return Run(int(found[1]), float(rate[1]), used / max(1, int(found[1])) * 1e6, p99_ms)


@contextlib.contextmanager
def peer(name: str) -> Iterator[Target]:
    """A peer, listening."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.peers", name, str(port)], cwd=TOP, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not start") from None
                time.sleep(0.05)
        yield Target(psutil.Process(process.pid), port, PATH, BODY, HEADERS)
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def hansa(
    folder: Path, *, channels: int = 1, workers: int = 1, server: str = "waitress"
) -> Iterator[tuple[RunningServer, Target]]:
    """A server with the benchmark's services, its channel and so many others like it, on this HTTP
    server.
    """
    plugin = folder / "plugins"
    info = plugin / "hansa_count-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hansa-count\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hansa]\ncount = bench.count\n")
    files = [str(TOP / "bench/orders.py"), str(TOP / "bench/inside.py")]
    config = [
        f'[http]\nserver = "{server}"',
        f"[services]\nfiles = {json.dumps(files)}",
        f'[security.basic.bench]\nusername = "{USER}"\npassword = "{PASSWORD}"',
    ]
    for number in range(channels):
        path = PATH if not number else f"/bench/other/{number}"
        config.append(
            f'[channel.http.bench-{number}]\nurl_path = "{path}"\n'
            'service = "orders.echo"\nformat = "json"\nsecurity = "bench"'
        )
    config.append(
        '[channel.http.measure]\nurl_path = "/measure"\nservice = "inside.measure"\nformat = "json"'
    )
    config.append('[channel.http.busy]\nurl_path = "/busy"\nservice = "orders.busy"')
    config.append(
        '[channel.soap.soap]\nurl_path = "/soap"\nservice = "orders.echo"\nsecurity = "bench"'
    )
    running = RunningServer(
        folder / "server",
        "\n".join(config) + "\n",
        workers=workers,
        env={"PYTHONPATH": f"{plugin}:{TOP}"},
    )
    running.start_limit = 120
    running.start()
    try:
        assert running.process is not None
        process = psutil.Process(running.process.pid)
        yield running, Target(process, running.port, PATH, BODY, HEADERS)
    finally:
        running.stop()


def measured(server: RunningServer, which: str, *, path: str = PATH, calls: int = 2000) -> float:
    """Microseconds of CPU time for one request inside the worker, without what the measuring itself costs."""

    def one(which: str) -> float:
        answer = server.post(
            "/measure",
            {
                "which": which,
                "path": path,
                "body": BODY,
                "calls": calls,
                "headers": {"HTTP_AUTHORIZATION": CREDENTIALS["Authorization"]},
            },
        ).json()
        assert answer["status"].startswith("200"), answer
        return float(answer["microseconds"])

    return one(which) - one("nothing")
