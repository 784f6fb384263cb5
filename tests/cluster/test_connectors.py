"""R26: through the channel of a connector, a service and its outgoing connection, while workers are
killed that have messages in hand: all arrive.

R1 proves the same for AMQP, and kills servers and the broker, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account, Receipts
from tests.cluster.relays import RELAYS, Relay
from tests.cluster.running import SEED, RunningCluster, sized

pytestmark = pytest.mark.evidence("real_server", "kills")
IN_THE_MIDDLE = 200
"""Messages that are on their way, or still come, when a worker is killed."""
BATCH = 50
SOURCE = """
import json
import os
import time

from hansa import Service


class Relay(Service):
    name = "relay.TYPE"

    def handle(self):
        number = NUMBER
        SEND
        time.sleep(0.002)
        line = {"number": int(number), "pid": os.getpid()}
        file = os.open("LOG", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, json.dumps(line).encode() + b"\\n")
        os.close(file)
"""


@pytest.fixture(params=RELAYS, ids=lambda relay: relay.__name__.removesuffix("Relay"))
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    """The connector, with the server of its other side."""
    with request.param() as relay:
        yield relay


@pytest.fixture
def receipts(cluster: RunningCluster, relay: Relay) -> Iterator[Receipts]:
    """What the service wrote down, with the channel and the outgoing connection in place."""
    name = type(relay).__name__.lower()
    send = f'out = self.outgoing.{relay.type}["relay"]; {relay.send}' if relay.send else "pass"
    source = SOURCE.replace("TYPE", relay.type).replace("NUMBER", relay.number)
    source = source.replace("LOG", str(cluster.outside / name)).replace("SEND", send)
    cluster.must("admin.service.deploy", file=f"{name}.py", source=source)
    if relay.send:
        cluster.must(f"admin.outgoing.{relay.type}.create", name="relay", **relay.outgoing)
    yield Receipts(cluster.outside / name)
    if relay.send:
        cluster.must(f"admin.outgoing.{relay.type}.delete", name="relay")
    cluster.must("admin.service.delete", name=f"relay.{relay.type}")


@pytest.fixture
def channel(cluster: RunningCluster, relay: Relay, receipts: Receipts) -> Iterator[None]:
    """The channel, which is deleted before the service is."""
    cluster.must(
        f"admin.channel.{relay.type}.create",
        name="relay",
        service=f"relay.{relay.type}",
        **relay.channel,
        **_attempts(cluster, relay),
    )
    yield
    cluster.must(f"admin.channel.{relay.type}.delete", name="relay")


def _attempts(cluster: RunningCluster, relay: Relay) -> dict[str, int]:
    """More attempts than kills, where the channel counts any."""
    schema = cluster.must("admin.type.get", kind="channel", type=relay.type)
    return {"max_attempts": 50} if "max_attempts" in str(schema) else {}


def test_kills_of_workers_lose_nothing(
    cluster: RunningCluster,
    relay: Relay,
    receipts: Receipts,
    channel: None,
    figure: Callable[..., None],
) -> None:
    """Each time the worker is killed that handled the latest message, at a moment by chance."""
    began = time.monotonic()
    total, kills = sized((600, 2), (10_000, 5))
    moments = sorted(cluster.rng.randrange(20, total - IN_THE_MIDDLE) for _ in range(kills))
    account = Account()
    allowed = threading.Semaphore(0)

    def put() -> None:
        while len(account.attempted) < total:
            allowed.acquire()
            numbers = account.attempt(BATCH)
            relay.put(numbers)
            account.acknowledge(numbers)

    def allow(count: int) -> None:
        nonlocal batches
        fresh = min(total, count) // BATCH - batches
        if fresh > 0:
            batches += fresh
            allowed.release(fresh)

    batches = 0
    putting = in_background(put)
    for moment in moments:
        allow(moment + IN_THE_MIDDLE)
        wait_until(
            lambda moment=moment: len(receipts.lines()) >= moment or putting.done(),
            120,
            lambda: f"{len(receipts.lines())} were handled",
        )
        latest = receipts.lines()[-1]["pid"]
        alive = {worker.pid: worker for worker in cluster.workers()}
        cluster.kill_worker(alive.get(latest))
    allow(total)
    putting.result(600)
    wait_until(
        lambda: set(receipts.numbers()) >= account.acknowledged,
        300,
        lambda: f"missing: {sorted(account.acknowledged - set(receipts.numbers()))[:20]}",
    )
    wait_until(lambda: relay.left() == 0, 60, lambda: f"{relay.left()} are left")
    handled = account.result(receipts.numbers())
    kept = relay.arrived()
    arrived = handled if kept is None else account.result(kept)
    figure(
        f"R26 {type(relay).__name__.removesuffix('Relay')}",
        kills=kills,
        **handled.counts,
        seconds=round(time.monotonic() - began),
    )
    assert handled.acknowledged == total, f"HANSA_SEED={SEED}"
    for result in (handled, arrived):
        assert not result.lost
        assert not result.unexpected
    assert handled.duplicates <= kills * relay.in_hand, "at most what was in hand came twice"
