"""R1: AMQP -> service -> AMQP, while workers, whole servers and the broker are killed: what was
confirmed arrives.
"""

from __future__ import annotations

import contextlib
import threading
import time

import pika
import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.amqp.tests.rabbitmq import RabbitMQ
from tests.cluster import figures
from tests.cluster.accounting import Account
from tests.cluster.running import SEED, SERVERS, WORKERS, running_cluster, sized

pytestmark = [pytest.mark.proof, pytest.mark.evidence("kills")]
PREFETCH, PRODUCERS = 20, 4
IN_THE_MIDDLE = 500  # messages that are on their way, or still come, when a process is killed
IN, OUT = "relay-in", "relay-out"
RELAY = """
from hansa import Service


class Relay(Service):
    def handle(self):
        headers = {"redelivered": self.request.extra["redelivered"]}
        self.outgoing.amqp["relay"].publish(self.request.raw, headers=headers)
"""


class Producers:
    """Threads that publish numbers with bare pika as long as fewer than `allowed` are confirmed;
    each number once, whatever becomes of it.
    """

    def __init__(self, rabbit: RabbitMQ, account: Account) -> None:
        self.rabbit, self.account, self.allowed = rabbit, account, 0
        self.ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(PRODUCERS)]

    def __enter__(self) -> Producers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self.ended.is_set():
            with (
                contextlib.suppress(pika.exceptions.AMQPError, OSError),
                self.rabbit.broker() as channel,
            ):
                channel.confirm_delivery()
                while not self.ended.is_set():
                    if len(self.account.acknowledged) >= self.allowed:
                        self.ended.wait(0.01)
                        continue
                    (number,) = self.account.attempt()
                    body, properties = str(number).encode(), pika.BasicProperties(delivery_mode=2)
                    channel.basic_publish("", IN, body, properties, mandatory=True)
                    self.account.acknowledge([number])
            self.ended.wait(0.2)  # the broker is not there


def consumers(rabbit: RabbitMQ) -> int:
    """How many workers take messages from the first queue; 0 also while it has no leader yet."""
    try:
        with rabbit.broker() as channel:
            return int(channel.queue_declare(IN, passive=True).method.consumer_count)
    except pika.exceptions.AMQPError:
        return 0


def drained(rabbit: RabbitMQ) -> bool:
    """Whether nothing waits and nothing is in hand."""
    listed = rabbit.control("list_queues", "--no-table-headers", "name", "messages").splitlines()
    return dict(line.split("\t") for line in listed).get(IN) == "0"


def readable(rabbit: RabbitMQ) -> bool:
    """Whether the last queue has a leader again: the broker answers consumers with INTERNAL_ERROR
    until then.
    """
    try:
        with rabbit.broker() as channel:
            channel.basic_cancel(channel.basic_consume(OUT, lambda *message: None))
    except pika.exceptions.AMQPError:
        return False
    return True


def received(rabbit: RabbitMQ) -> tuple[list[int], int]:
    """The numbers in the last queue, repeated ones repeatedly, and how many of them a service had
    got as redelivered.
    """
    wait_until(lambda: readable(rabbit), 60, "the last queue can be read")
    numbers, redelivered = [], 0
    with rabbit.broker() as channel:
        channel.basic_qos(prefetch_count=500)
        for method, properties, body in channel.consume(OUT, inactivity_timeout=2):
            if method is None:
                break
            numbers.append(int(body))
            redelivered += properties.headers["redelivered"]
            channel.basic_ack(method.delivery_tag)
        channel.cancel()
    return numbers, redelivered


@pytest.fixture
def cluster(tmp_path):
    """A cluster of its own."""
    with running_cluster(tmp_path) as running:
        yield running


@pytest.fixture
def relay(cluster, rabbit):
    """A service that moves messages from one quorum queue into another."""
    rabbit.make(IN, f"{IN}.dead-letter", OUT, type="quorum")
    cluster.must("admin.service.deploy", file="relay.py", source=RELAY)
    out = {"port": rabbit.port, "routing_key": OUT, "timeout": 5}
    cluster.must("admin.outgoing.amqp.create", name="relay", **out)
    taken = {
        "port": rabbit.port,
        "queue": IN,
        "service": "relay.relay",
        "prefetch": PREFETCH,
        "max_attempts": 50,
    }
    cluster.must(
        "admin.channel.amqp.create",
        name="relay",
        first_delay=0.2,
        last_delay=2,
        heartbeat=5,
        **taken,
    )
    return rabbit


@pytest.mark.timeout(1200)
@pytest.mark.proves("channel amqp", "guarantee")
@pytest.mark.proves(
    "outgoing amqp", "guarantee", "at least once: the broker has confirmed it, or it is an error"
)
def test_kills_of_workers_servers_and_the_broker_lose_nothing(cluster, relay):
    """Each kind of process is killed in the middle of the work, in an order and at moments that
    chance chooses.
    """
    rabbit, rng, began = relay, cluster.rng, time.monotonic()
    print(f"HANSA_SEED={SEED} repeats this")
    total, workers, servers, brokers = sized((10_000, 4, 1, 1), (100_000, 30, 10, 10))
    plan = ["worker"] * workers + ["server"] * servers + ["broker"] * brokers
    rng.shuffle(plan)
    account = Account()
    in_hand = {
        "worker": PREFETCH,
        "server": PREFETCH * WORKERS,
        "broker": PREFETCH * WORKERS * len(SERVERS),
    }
    with Producers(rabbit, account) as producers:
        for moment, victim in zip(
            sorted(rng.randrange(total * 9 // 10) for _ in plan), plan, strict=True
        ):
            if victim != "broker":
                wait_until(
                    lambda: consumers(rabbit) > WORKERS,
                    60,
                    "more than half of the workers take messages",
                )
            producers.allowed = moment + IN_THE_MIDDLE
            wait_until(
                lambda moment=moment: len(account.acknowledged) >= moment,
                300,
                f"{moment} were accepted",
            )
            if victim == "broker":
                rabbit.kill()
                rabbit.start()
            elif victim == "server":
                cluster.kill_server(rng.choice(SERVERS))
            else:
                cluster.kill_worker()
        producers.allowed = total
        wait_until(lambda: len(account.acknowledged) >= total, 300, "all was accepted")
    wait_until(lambda: drained(rabbit), 300, "all was handled")
    numbers, redelivered = received(rabbit)
    result = account.result(numbers)
    seconds = time.monotonic() - began
    print(result, f"{seconds:.0f} s")
    figures.note(
        "R1",
        SEED,
        kills=len(plan),
        **result.counts,
        redelivered=redelivered,
        in_hand=sum(in_hand[victim] for victim in plan),
        seconds=round(seconds),
    )
    assert result.acknowledged >= total
    assert not result.lost
    assert not result.unexpected
    assert result.duplicates <= sum(in_hand[victim] for victim in plan), (
        "at most what was in hand came twice"
    )
    assert redelivered, "no kill hit a message in hand: the test proves nothing"
    assert not rabbit.read(f"{IN}.dead-letter")
