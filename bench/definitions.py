"""What it costs to have many definitions: the start, one change among them until every worker has
it, and making them all at once.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

from tools.project import TOP

from .measure import Figure, compare, several

SIZES = (10, 100, 1000, 10_000)
EDITS = 5
RUNS = "runs with 2 workers"
CONFIG = f"""
[services]
files = ["{TOP}/bench/orders.py"]
[plugins]
enabled = ["admin", "http", "json", "redis", "security"]
"""


def channels(count: int) -> dict[str, Any]:
    """So many channels, all of which one security definition protects."""
    each = {"service": "orders.echo", "format": "json", "security": "bench"}
    many = {f"bench-{number}": {"url_path": f"/bench/{number}", **each} for number in range(count)}
    return {
        "security": {
            "basic": {"bench": {"username": "bench", "password": "a-password-for-the-benchmark"}}
        },
        "channel": {"http": many},
    }


def apply(server: RunningServer, config: dict[str, Any]) -> float:
    """Seconds until what is defined is this and nothing else, in every worker."""
    began = time.monotonic()
    answer = requests.post(
        f"{server.url}/hansa/api/admin.config.apply",
        json={"config": config, "prune": True},
        auth=("admin", server.password),
        timeout=120,
    )
    answer.raise_for_status()
    revision, pending = answer.json()["revision"], answer.json()["pending"]
    while pending:  # it waits 5 s at most
        time.sleep(0.1)
        workers = server.api("admin.server.status")["workers"]
        pending = [name for name, worker in workers.items() if worker["revision"] < revision]
    return time.monotonic() - began


def edit(server: RunningServer, numbers: Iterator[int]) -> float:
    """Milliseconds from the call that changes one channel to the answer that every worker serves it
    so; the mean of some.
    """
    began = time.monotonic()
    for _ in range(EDITS):
        path = f"/moved/{next(numbers)}"
        answer = server.api("admin.channel.http.edit", name="bench-0", url_path=path)
        assert not answer["pending"], answer
    took = time.monotonic() - began
    assert server.post(path).status_code == 401  # there, and protected
    return took / EDITS * 1000


def start(server: RunningServer) -> float:
    """Seconds until a server that was stopped has all its workers serve all that is defined; stops
    it again.
    """
    before = server.log().count(RUNS)
    began = time.monotonic()
    server.launch()
    wait_until(lambda: server.log().count(RUNS) > before, 120, "all workers run")
    took = time.monotonic() - began
    server.stop()
    return took


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[int, RunningServer]]:
    """A server of two workers for each number of definitions."""
    made = {count: RunningServer(folder / str(count), CONFIG, workers=2) for count in SIZES}
    try:
        for count, server in made.items():
            server.start()
            apply(server, channels(count))
        yield made
        for server in made.values():
            server.stop()
    finally:
        for server in made.values():
            server.kill()


def definitions(folder: Path, pairs: int = 15) -> Iterator[Figure]:
    """10,000 definitions: how the cost of a change, of the start and of making them grows from 10."""
    few, *more = SIZES
    numbers = itertools.count()
    with servers(folder) as made:
        for count in more:
            yield compare(
                f"one change until all workers have it: among {count:,} definitions / among {few}",
                partial(edit, made[count], numbers),
                partial(edit, made[few], numbers),
                pairs=pairs,
                bound=1.5 if count == max(more) else None,
                note="ms",
            )
        for server in made.values():
            server.stop()
        for count in more:
            yield compare(
                f"start until all workers serve: {count:,} definitions / {few}",
                partial(start, made[count]),
                lambda: start(made[few]),
                pairs=min(pairs, 7),
                note="s",
            )
        made[few].start()
        for count in more:

            def all_at_once(count: int = count) -> float:
                apply(made[few], {})
                return apply(made[few], channels(count)) / count * 1000

            yield several(
                f"{count:,} definitions made by one apply, for each",
                all_at_once,
                count=min(pairs, 5),
                note="ms",
            )
