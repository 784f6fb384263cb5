"""The queue in a Redis Cluster: all of its features on one slot, and the loss of the node that holds
it under load.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hansa import Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.bus import RedisBus

from plugins.queue.tests.conftest import Cluster
from plugins.redis.tests.nodes import Cluster as Nodes, Node

REPLICATION = 0.5
"""Seconds before the fault within which what a primary accepted may not have reached its replica."""
LOAD = 2.0
"""Seconds of load before the fault."""


@pytest.fixture
def nodes(tmp_path) -> Iterator[Nodes]:
    made = Nodes(tmp_path)
    try:
        yield made.form()
    finally:
        made.end()


@pytest.fixture
def queue(nodes: Nodes) -> Iterator[Cluster]:
    bus = RedisBus(nodes.address, "proof")
    made = Cluster(bus.address)
    made.prefix = bus.key("async")
    yield made
    for worker in made.workers:
        worker.queue.stop(5.0)


class Load:
    """Calls that threads queue without a pause; `accepted` is when each was, by its number."""

    def __init__(self, queue: Cluster) -> None:
        self.accepted: dict[int, float] = {}
        self._queue = queue
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._put, args=(each,)) for each in range(2)]

    def _put(self, thread: int) -> None:
        number = thread
        worker = self._queue.workers[thread]
        while not self._stopped.is_set():
            number += 2
            try:
                worker.queue.put("note", number, "C")
            except Unavailable:
                continue
            self.accepted[number] = time.monotonic()
            time.sleep(0.002)

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join(10)

    def accepted_since(self, moment: float) -> bool:
        return any(accepted > moment for accepted in list(self.accepted.values()))


@contextmanager
def killed(node: Node) -> Iterator[None]:
    node.kill()
    try:
        yield
    finally:
        node.launch()


@pytest.mark.proof
@pytest.mark.parametrize("fault", [killed, Node.frozen], ids=["killed", "frozen"])
def test_the_primary_of_the_queue_is_lost_under_load(nodes: Nodes, queue: Cluster, fault):
    ran: list[tuple[int, float]] = []
    queue.service("note", lambda service: ran.append((service.request.payload, time.monotonic())))
    workers = [queue.worker(), queue.worker()]
    load = Load(queue)
    key = workers[0].queue.store.stream
    with load.running():
        time.sleep(LOAD)
        primary = nodes.primary_of(key)
        replica = nodes.other_of(primary)
        with fault(primary):
            lost_at = time.monotonic()
            wait_until(lambda: replica.info("replication")["role"] == "master", 20)
            promoted = time.monotonic()
            wait_until(lambda: load.accepted_since(promoted + 0.5), 20)
        nodes.wait_until_whole(30)
        whole = time.monotonic()
        wait_until(lambda: load.accepted_since(whole), 20)
    wait_until(lambda: _is_idle(workers[0].status()), 60)
    times = Counter(number for number, _ in ran)
    lost = set(load.accepted) - set(times)
    # what the replica had not got yet; calls that met the fault were refused, not accepted
    assert all(load.accepted[number] > lost_at - REPLICATION for number in lost), sorted(lost)
    first = dict(reversed(ran))
    twice = {number for number, count in times.items() if count > 1}
    # those whose end the replica had not heard of
    assert all(first[number] > lost_at - REPLICATION for number in twice), sorted(twice)
    print(f"{len(load.accepted)} accepted, {len(lost)} lost, {len(twice)} ran twice")
    print(f"promoted after {promoted - lost_at:.1f} s")
    assert nodes.primary_of(key) is replica


def _is_idle(status: dict[str, object]) -> bool:
    return all(status.get(state) == 0 for state in ("queued", "running", "delayed"))
