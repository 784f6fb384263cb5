"""What each further worker of a cluster costs the engines that all of them share: one PostgreSQL as the
operational database (ODB) and one Valkey, measured while nothing is asked of the workers.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
import redis
from hansa import KeyFile
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers import RealServer
from hansa_devkit.servers_redis import Valkey
from hansa_devkit.servers_sql import PostgreSQL

from tools.project import TOP

from .measure import Figure, short

SIZES = (10, 50, 100, 200)
"""Workers of the cluster."""
WORKERS = 25
"""Workers of one server, at most."""
WINDOW = 20.0
"""Seconds of one measurement."""
EDITS = 5
PLUGINS = ("history", "odb", "redis", "samples", "scheduler", "stats", "trace")
"""What the servers load besides that by which they are driven."""
CONFIG = f"""
[server]
name = "{{name}}"
secret_key = "{{key}}"
[services]
files = ["{TOP}/bench/orders.py"]
[odb]
url = "{{odb}}"
[redis]
address = "{{redis}}"
"""


class RoomyPostgreSQL(PostgreSQL):
    """A PostgreSQL that takes connections of all workers."""

    options: ClassVar[dict[str, str]] = {**PostgreSQL.options, "max_connections": "2000"}


@dataclass(frozen=True)
class Usage:
    """What the engines have done since they were started, and how many connections they have."""

    at: float
    odb_cpu: float
    odb_transactions: float
    odb_connections: int
    redis_cpu: float
    redis_commands: float
    redis_connections: int


@dataclass(frozen=True)
class Load:
    """What a cluster of so many workers asks of the engines while it is idle: milliseconds of
    processor time and calls in each second, and connections; and what a change takes, in
    milliseconds, until every worker has it.
    """

    workers: int
    odb_cpu: float
    odb_transactions: float
    odb_connections: int
    redis_cpu: float
    redis_commands: float
    redis_connections: int
    change: float


def cpu_of(server: RealServer) -> float:
    """Seconds of processor time that a server's processes have used, those that have ended too."""
    used = 0.0
    for process in server.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


class Engines:
    """The ODB and the Valkey of one cluster."""

    def __init__(self) -> None:
        self.odb = RoomyPostgreSQL()
        self.valkey = Valkey()
        self.url = ""
        self.key = KeyFile.new_key()

    def __enter__(self) -> Engines:
        self.odb.start()
        self.valkey.start()
        self.url = self.odb.database()
        return self

    def __exit__(self, *error: object) -> None:
        self.valkey.close()
        self.odb.close()

    def usage(self) -> Usage:
        """Return what they have done until now."""
        transactions, connections = self.odb.execute(
            "SELECT sum(xact_commit + xact_rollback), sum(numbackends) FROM pg_stat_database "
            "WHERE datname LIKE 'odb%'"
        )[0]
        client = redis.Redis.from_url(self.valkey.address)
        with contextlib.closing(client):
            told = client.info()
        return Usage(
            time.monotonic(),
            cpu_of(self.odb),
            float(transactions),
            int(connections),
            cpu_of(self.valkey),
            float(told["total_commands_processed"]),
            int(told["connected_clients"]) - 1,
        )


def server_of(folder: Path, engines: Engines, workers: int) -> RunningServer:
    """Return a server of the cluster with so many workers, which is named as its folder is."""
    config = CONFIG.format(
        name=folder.name, key=engines.key, odb=engines.url, redis=engines.valkey.address
    )
    return RunningServer(folder, config, workers=workers, plugins=PLUGINS)


def settled(servers: Sequence[RunningServer]) -> bool:
    """Whether every worker runs and has reported it."""
    workers = servers[0].api("admin.server.status")["workers"]
    return len(workers) == sum(server.worker_count for server in servers)


def change(server: RunningServer, numbers: Iterator[int]) -> float:
    """Milliseconds from the call that makes a channel to the answer that every worker serves it."""
    began = time.monotonic()
    number = next(numbers)
    answer = server.api(
        "admin.channel.http.create",
        name=f"scale-{number}",
        url_path=f"/scale/{number}",
        service="orders.echo",
        security=["admin"],
    )
    took = time.monotonic() - began
    assert not answer["pending"], answer
    return took * 1000


def load(folder: Path, workers: int) -> Load:
    """Run a cluster of so many workers, and measure what it asks of the engines."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        engines = stack.enter_context(Engines())
        servers = [
            server_of(folder / f"{workers}-{first}", engines, min(WORKERS, workers - first))
            for first in range(0, workers, WORKERS)
        ]
        for server in servers:
            stack.callback(server.kill)
            server.start()
        wait_until(lambda: settled(servers), 120, "all workers have reported")
        before = engines.usage()
        time.sleep(WINDOW)
        after = engines.usage()
        changes = [change(servers[0], numbers) for _ in range(EDITS)]
        for server in servers:
            server.stop()
    seconds = after.at - before.at
    return Load(
        workers,
        (after.odb_cpu - before.odb_cpu) / seconds * 1000,
        (after.odb_transactions - before.odb_transactions) / seconds,
        after.odb_connections,
        (after.redis_cpu - before.redis_cpu) / seconds * 1000,
        (after.redis_commands - before.redis_commands) / seconds,
        after.redis_connections,
        statistics.median(changes),
    )


UNITS = {
    "odb_cpu": "processor time of the ODB, ms in a second",
    "odb_transactions": "transactions of the ODB in a second",
    "odb_connections": "connections to the ODB",
    "redis_cpu": "processor time of Valkey, ms in a second",
    "redis_commands": "commands of Valkey in a second",
    "redis_connections": "connections to Valkey",
    "change": "a change until all workers have it, ms",
}
MANY = 4000
"""Workers to which the figures are carried on: of 1,000 servers."""


def slope(loads: Sequence[Load], name: str) -> float:
    """What one worker more costs: the slope of the line of least squares."""
    sizes = [one.workers for one in loads]
    values = [float(getattr(one, name)) for one in loads]
    return statistics.linear_regression(sizes, values).slope


def scale(folder: Path) -> Iterator[Figure]:
    """What each further worker costs the ODB and the Redis of its cluster, and a change."""
    loads = [load(folder, workers) for workers in SIZES]
    for name, unit in UNITS.items():
        each = slope(loads, name)
        seen = ", ".join(f"{one.workers}: {short(getattr(one, name))}" for one in loads)
        carried_on = f"{MANY:,} workers would be {short(each * MANY)}"
        note = f"workers {seen}; {carried_on}"
        yield Figure(f"each worker more: {unit}", each, each, each, 1, note=note)
