"""Whole servers: what the integration layer costs, in process and in CPU time, how workers scale, how other
frameworks compare, how soon a server answers, and how much memory it takes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.processes import is_worker

from tools.project import TOP

from .measure import Figure, compare, several
from .peers import PEERS
from .programs import SOAP_BODY, SOAP_HEADERS, Target, hansa, measured, peer, wrk


def inside(folder: Path) -> Iterator[Figure]:
    """What the integration layer costs, in process."""
    with hansa(folder / "one") as (one, _), hansa(folder / "many", channels=1000) as (many, _):
        yield compare(
            "in process: typed JSON, Basic, cid, one wrap / bare falcon",
            lambda: measured(one, "hansa"),
            lambda: measured(one, "falcon"),
            pairs=25,
            bound=0.75,
            note="µs of CPU",
        )
        yield compare(
            "in process: 1,000 channels / 1 channel",
            lambda: measured(many, "hansa"),
            lambda: measured(one, "hansa"),
            pairs=25,
            bound=1.05,
            note="µs of CPU",
        )


def cpu(folder: Path) -> Iterator[Figure]:
    """CPU time of whole servers."""
    with hansa(folder / "cpu") as (_, ours), peer("falcon, same waitress") as bare:
        yield compare(
            "server CPU per request: Hansa / bare falcon on the same waitress",
            lambda: wrk(ours, folder).cpu_us,
            lambda: wrk(bare, folder).cpu_us,
            pairs=15,
            bound=1.10,
            note="µs of CPU",
        )
        soap = replace(ours, path="/soap", body=SOAP_BODY, headers=SOAP_HEADERS)
        yield compare(
            "server CPU per request: SOAP / JSON, 1 KB each",
            lambda: wrk(soap, folder).cpu_us,
            lambda: wrk(ours, folder).cpu_us,
            pairs=15,
            bound=2.2,
            note="µs of CPU",
        )


def burn(processes: int, seconds: float = 1.0) -> float:
    """Turns per second that so many bare CPU-bound processes make together."""
    script = (
        f"import time\nend = time.monotonic() + {seconds}\nturns = 0\n"
        "while time.monotonic() < end:\n"
        "    for _ in range(1000): sum(range(100))\n"
        "    turns += 1\n"
        "print(turns)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return sum(int(process.communicate()[0]) for process in running) / seconds


def workers(folder: Path) -> Iterator[Figure]:
    """How a second worker scales, against how a second process scales on this machine."""
    with hansa(folder / "w1", workers=1) as (_, one), hansa(folder / "w2", workers=2) as (_, two):
        targets = [Target(t.process, t.port, "/busy", "", {}) for t in (one, two)]

        def ours() -> float:
            first = wrk(targets[0], folder).rate
            return wrk(targets[1], folder).rate / first

        yield compare(
            "two workers with a 2 ms service / what two bare processes gain",
            ours,
            lambda: burn(2) / burn(1),
            pairs=15,
            bound=0.8,
            at_least=True,
            note="times the rate of one",
        )


def rate_of(target: Target, folder: Path) -> float:
    """Requests per second over 32 connections."""
    return wrk(target, folder, connections=32).rate


def peers(folder: Path) -> Iterator[Figure]:
    """Rates, one process each, all alive at the same time."""
    with contextlib.ExitStack() as stack:
        _, ours = stack.enter_context(hansa(folder / "peers"))
        others = {
            name: stack.enter_context(peer(name))
            for name in PEERS
            if name != "falcon, same waitress"
        }
        for name, other in others.items():
            yield compare(
                f"rate: Hansa / {name}",
                partial(rate_of, ours, folder),
                partial(rate_of, other, folder),
                pairs=15,
                note="requests/s",
            )


@contextlib.contextmanager
def made(directory: Path) -> Iterator[tuple[psutil.Process, int, float]]:
    """`make run` on the installed tree: its supervisor, its port, and the seconds until the first answer."""
    port = free_port()
    environment = {
        key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")
    }
    began = time.monotonic()
    process = subprocess.Popen(
        ["make", "run", f"HTTP=127.0.0.1:{port}", f"DIR={directory}"],
        cwd=TOP,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{port}/hansa/ping", timeout=1).ok:
                    break
            except requests.RequestException:
                pass
            if process.poll() is not None or time.monotonic() - began > 60:
                raise RuntimeError("make run does not start")
            time.sleep(0.01)
        took = time.monotonic() - began
        yield psutil.Process(process.pid), port, took
    finally:
        os.killpg(process.pid, 2)
        process.wait(60)


def worker_processes(top: psutil.Process) -> list[psutil.Process]:
    """The workers below a process."""
    return [one for one in top.children(recursive=True) if is_worker(one)]


BARE = """
import importlib, sys
for name in sys.argv[1].split(","):
    try:
        importlib.import_module(name)
    except Exception:
        pass
import psutil
print(psutil.Process().memory_info().rss)
"""
LOADED = """
import sys
from hansa import Service
class Modules(Service):
    def handle(self):
        ours = ("hansa", "psutil")
        left_out = ("__main__", "zato")
        names = [name for name in sys.modules if not name.startswith(ours) and "@" not in name]
        return {"names": sorted(name for name in names if name not in left_out)}
"""


def start(folder: Path) -> Iterator[Figure]:
    """How soon it answers, and how much memory it takes."""
    counter = iter(range(1000))
    # as an installation leaves it; whoever forbids Python to write such files would measure the compiler
    places = [sysconfig.get_path("purelib"), "core/src", *map(str, TOP.glob("plugins/*/src"))]
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", *places],
        cwd=TOP,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    config = (TOP / "config.toml").read_text().replace('"examples/', f'"{TOP}/examples/')

    def first_answer() -> float:
        with made(folder / f"made{next(counter)}") as (_, _, took):
            return took

    first_answer()
    yield several(
        "first answer after make run (a cluster), installed tree, fresh folder",
        first_answer,
        count=7,
        bound=2.0,
        note="s",
    )

    def first_answer_of_one() -> float:
        alone = RunningServer(folder / f"alone{next(counter)}", config, workers=2)
        began = time.monotonic()
        alone.start()
        took = time.monotonic() - began
        alone.stop()
        return took

    yield several(
        "first answer of a single server (hansa server run), fresh folder",
        first_answer_of_one,
        count=7,
        bound=2.0,
        note="s",
    )

    server = RunningServer(folder / "memory", config, workers=2)
    server.start()
    try:
        assert server.process is not None
        server.deploy("modules.py", LOADED)
        names = server.api("admin.service.invoke", name="modules.modules")["payload"]["names"]
        found = worker_processes(psutil.Process(server.process.pid))
        largest = max(process.memory_info().rss for process in found) / 2**20

        def bare() -> float:
            done = subprocess.run(
                [sys.executable, "-c", BARE, ",".join(names)],
                capture_output=True,
                text=True,
                check=True,
            )
            return int(done.stdout.splitlines()[-1]) / 2**20

        above = several(
            "RSS of a worker above the same libraries imported bare",
            lambda: largest - bare(),
            bound=30,
            note="MiB",
        )
        yield above
        yield several("RSS of a worker in all", lambda: largest, count=1, bound=100, note="MiB")
        everything = server.processes()
        yield several(
            "memory of the whole server, shared pages once (PSS)",
            lambda: sum(process.memory_full_info().pss for process in everything) / 2**20,
            count=1,
            note="MiB, two workers and Valkey",
        )
    finally:
        server.stop()
