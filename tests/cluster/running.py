"""A cluster under test, driven from outside: by its commands and its admin API, and by killing its
processes by their ids.

Two servers of two workers behind HAProxy, with a Valkey, as `hansa quickstart` makes them.

HANSA_SIZE=full runs every proof at its full size (default: small). HANSA_SEED=N repeats what chance
decided in another run.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.processes import is_worker, workers_of
from hansa_devkit.harness.server import BIN
from hansa_devkit.harness.waiting import wait_until

from plugins.quickstart.tests.conftest import Cluster
from tests.cluster.accounting import Receipts
from tests.cluster.clients import Clients

__all__ = ["BIN"]
FULL = os.environ.get("HANSA_SIZE", "small") == "full"
SEED = int(os.environ.get("HANSA_SEED") or time.time())
os.environ["HANSA_SEED"] = str(SEED)  # for the processes of pytest-xdist
SERVERS = ("server1", "server2")
WORKERS = 2
THREADS = 4  # of the queue, in each worker
LEASE = 15 if FULL else 4  # seconds
MAX_QUEUED = 2000 if FULL else 500
SETTINGS = f"\n[queue]\nlease = {LEASE}\nmax_queued = {MAX_QUEUED}\nasync_threads = {THREADS}\n"
T = TypeVar("T")


@dataclass
class Kill:
    """A process that was killed or stopped: its pid, server, and when (seconds of the epoch)."""

    pid: int
    server: str
    at: float


class RunningCluster(Cluster):
    """The cluster under test. `port` is the load-balancer's; `receipts` has what services wrote
    outside of it.
    """

    forked = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self.outside = self.base, folder / "outside"
        self.outside.mkdir(parents=True)
        self.rng = random.Random(SEED)
        self.kills: list[Kill] = []

    def make(self) -> RunningCluster:
        """Create and start it, with the services that record and their channels."""
        self.create()
        for server in SERVERS:
            with open(self.path / server / "config.toml", "a") as config:
                config.write(SETTINGS)
        self.run("start", self.path)
        self.deploy()
        for name in ("record", "accept"):
            self.must(
                "admin.channel.http.create",
                name=name,
                url_path=f"/{name}",
                service=f"recorder.{name}",
                format="json",
            )
        return self

    def deploy(self) -> None:
        """Deploy the services that record."""
        source = (Path(__file__).parent / "recorder.py").read_text()
        self.must(
            "admin.service.deploy",
            file="recorder.py",
            source=source.replace('"."', repr(str(self.outside)), 1),
        )

    def must(self, service: str, /, **settings: Any) -> Any:
        """Call an admin service, again while a server that was killed still got the call; raises
        `ApiError`.
        """
        deadline = time.monotonic() + 20
        while True:
            try:
                answer = self.api(service, **settings)
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                continue
            if answer.ok:
                return answer.json() if answer.content else None
            if answer.status_code not in (502, 503) or time.monotonic() > deadline:
                raise ApiError(answer.status_code, answer.json())
            time.sleep(0.1)

    def ask(self, path: str, data: Any, **options: Any) -> requests.Response:
        """POST something to a channel, once."""
        return requests.post(
            self.front + path, json=data, timeout=options.pop("timeout", 60), **options
        )

    def receipts(self, log: str) -> Receipts:
        """What services wrote into one file."""
        return Receipts(self.outside / log)

    def clients(self, path: str, account: Any, **options: Any) -> Clients:
        """Clients of the load-balancer."""
        return Clients(self.port, path, account, **options)

    # -- processes ---------------------------------------------------------------------------------

    def workers(self, *servers: str) -> list[psutil.Process]:
        """The living worker processes of these servers, or of all."""
        found = []
        for server in servers or SERVERS:
            with contextlib.suppress(OSError):  # it has no process
                found += workers_of(self.pid(server))
        return found

    def process(self, pid: int) -> psutil.Process:
        """A worker by its process id; fails the test when it is none of this cluster."""
        return next(worker for worker in self.workers() if worker.pid == pid)

    def server_of(self, pid: int) -> str:
        """The server that a process belongs to."""
        parent = psutil.Process(pid).ppid()
        return next(server for server in SERVERS if self.pid(server) in (pid, parent))

    def kill_worker(
        self, process: psutil.Process | None = None, number: int = signal.SIGKILL
    ) -> Kill:
        """Send a signal, SIGKILL unless told otherwise, to a worker, one by chance unless told
        otherwise; a killed one is gone then.
        """
        chosen = process or self.rng.choice(self.workers())
        kill = Kill(chosen.pid, self.server_of(chosen.pid), time.time())
        os.kill(chosen.pid, number)
        if number == signal.SIGKILL:  # else chance may choose it again
            wait_until(lambda: not is_worker(chosen), 10, f"worker {chosen.pid} is gone")
        self.kills.append(kill)
        return kill

    def kill_server(self, server: str) -> None:
        """SIGKILL a server's supervisor, with which its workers end, and start the server again."""
        pid, workers = self.pid(server), self.workers(server)
        self.kills += [Kill(worker.pid, server, time.time()) for worker in workers]
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs(workers, 10)
        self.run("start", self.path / server)

    def memory(self) -> int:
        """Bytes of memory that all workers have resident."""
        return sum(worker.memory_info().rss for worker in self.workers())

    def whole(self, seconds: float = 40) -> None:
        """Wait until every worker of every server serves, at the newest revision."""

        def all_there() -> bool:
            alive = {worker.pid for worker in self.workers()}
            if len(alive) < WORKERS * len(SERVERS):
                return False
            status = self.must("admin.server.status")
            workers = [
                worker
                for worker in status["workers"].values()
                if worker["revision"] == status["revision"]
            ]
            idle = {one["state"] for worker in workers for one in worker["not_running"].values()}
            return len(workers) >= WORKERS * len(SERVERS) and idle <= {"elsewhere", "inactive"}

        wait_until(all_there, seconds, "every worker serves")
        wait_until(
            lambda: all(self.ready(server) for server in SERVERS), seconds, "every server is ready"
        )

    def ready(self, server: str) -> bool:
        """Whether a server itself says that it is."""
        return self.status(server, "/hansa/ready") == 200

    def status(self, server: str, path: str) -> int:
        """The status of a server's own answer, past the load-balancer; 0 if there is none."""
        try:
            url = f"http://127.0.0.1:{self.base + 10 + SERVERS.index(server)}{path}"
            return requests.get(url, timeout=5, headers={"Connection": "close"}).status_code
        except requests.RequestException:
            return 0

    def settled(self, seconds: float = 120) -> dict[str, Any]:
        """The status of the queue once nothing waits or runs, everything accounted for."""

        def done() -> dict[str, Any] | None:
            found: dict[str, Any] = self.must("admin.queue.status")
            if "error" in found or found["queued"] or found["running"] or found["delayed"]:
                return None
            return found

        found: dict[str, Any] = wait_until(done, seconds, "the queue is empty")
        counts = found["counts"]
        assert counts["accepted"] == counts["finished"] + counts["deleted"] + found["failed"], found
        return found


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[RunningCluster]:
    """A cluster made and started in a folder; at the end it is stopped, and must leave no process
    behind.
    """
    made = RunningCluster(folder)
    try:
        yield made.make()
        made.run("stop", made.path)
        assert not made.processes()
    finally:
        made.kill()


def within(seconds: Sequence[float], limit: float) -> bool:
    """Whether what was measured keeps a limit: at the full size each time, on a machine with
    nothing else to do.

    The small size runs anywhere, next to anything: there each keeps twice the limit, and of three
    or more their median keeps it.
    """
    worst = max(seconds, default=0.0)
    if FULL:
        return worst <= limit
    return worst <= 2 * limit and (len(seconds) < 3 or statistics.median(seconds) <= limit)


def sized(small: T, full: T) -> T:
    """One of two numbers, by the size of this run."""
    return full if FULL else small
