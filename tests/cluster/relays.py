"""What moves messages through a connector in a proof: the real server of its other side, the definitions
that reach it, and how messages get there and are found again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Self

import redis
import sqlalchemy
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from hansa_hl7.acknowledgement import read_acknowledgement

from plugins.files.tests.folders import ExchangeFolder
from plugins.ftp.tests.servers import Vsftpd
from plugins.hl7.tests.servers import Hl7Receiver, Sender, message
from plugins.ibmmq.tests.mqweb_server import MqwebServer
from plugins.imap.tests.servers import Dovecot
from plugins.jms.tests.activemq import ActiveMQ
from plugins.jms.tests.rabbit import RabbitAmqp
from plugins.kafka.tests.brokers import Tansu
from plugins.mqtt.tests.mosquitto import Mosquitto
from plugins.nats.tests.nats_server import NatsServer
from plugins.redis.tests.test_channel_contract import Peer as Valkey
from plugins.s3.tests.seaweed import BUCKET, SeaweedFS
from plugins.sftp.tests.servers import OpenSsh
from plugins.sql.tests.support import settings_of
from plugins.swift.tests.swift_server import CONTAINER, Storage, Swift

PREFETCH = 20
THREADS = 4
NUMBER = "self.request.raw.decode()"

Settings = dict[str, Any]


class Relay:
    """A way in and, where the connector has one, a way out again.

    The service behind the channel gets a message, whose number is `number` there, and hands it on
    by `send`.
    """

    type: ClassVar[str]
    """Of the channel and of the outgoing connection."""
    make_peer: ClassVar[Callable[[], Any]]
    number: ClassVar[str] = NUMBER
    """The expression by which the service finds the number."""
    send: ClassVar[str] = ""
    """The statement by which the service hands the number on through the outgoing connection `out`; without
    one the message ends with the service.
    """
    in_hand: ClassVar[int] = PREFETCH
    """Messages that may come twice when one worker is killed."""

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self.peer = self._stack.enter_context(type(self).make_peer())
        self.prepare()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def prepare(self) -> None:
        """Make what the peer needs; by default nothing."""

    @property
    def channel(self) -> Settings:
        """The settings of the channel, but for service and attempts."""
        raise NotImplementedError

    @property
    def outgoing(self) -> Settings:
        """The settings of the outgoing connection."""
        return {}

    def put(self, numbers: Iterable[int]) -> None:
        """Put messages where the channel takes them from; returns once the peer has them."""
        raise NotImplementedError

    def arrived(self) -> list[int] | None:
        """The numbers of the messages that were handed on, repeated ones repeatedly; None where nobody
        keeps them.
        """
        return None

    def left(self) -> int:
        """How many messages were not settled, and how many were given up."""
        return 0


class JmsRelay(Relay):
    """Two queues of ActiveMQ, filled and read by a JMS client in Java."""

    type = "jms"
    make_peer: ClassVar[Callable[[], Any]] = ActiveMQ
    send = "out.send(number)"

    @property
    def channel(self) -> Settings:
        return {**self.peer.settings, "queue": "in", "prefetch": PREFETCH}

    @property
    def outgoing(self) -> Settings:
        return {**self.peer.settings, "queue": "out", "timeout": 5}

    def put(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.send("/queue/in", str(number))

    def arrived(self) -> list[int]:
        found = self.peer.read("/queue/out", most=100_000, patience=2.0)
        return [int(each[".body"]) for each in found]

    def left(self) -> int:
        return int(self.peer.count("in") + self.peer.count("in.dead-letter"))


class JmsAmqpRelay(JmsRelay):
    """Two queues of RabbitMQ, over AMQP 1.0."""

    make_peer = RabbitAmqp

    def put(self, numbers: Iterable[int]) -> None:
        self.peer.send_all("/queue/in", "text", map(str, numbers))


class IbmMqRelay(Relay):
    """Two queues of the strict stand-in for mqweb."""

    type, make_peer = "ibmmq", MqwebServer
    send = "out.send(number)"

    def prepare(self) -> None:
        self.peer.make("IN", "OUT", "DEAD")

    @property
    def channel(self) -> Settings:
        own = {"queue": "IN", "dead_letter_queue": "DEAD", "interval": 0.1, "prefetch": PREFETCH}
        return {**self.peer.settings, **own}

    @property
    def outgoing(self) -> Settings:
        return {**self.peer.settings, "queue": "OUT", "timeout": 5}

    def put(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.put("IN", str(number))

    def arrived(self) -> list[int]:
        return [int(body) for body in self.peer.bodies("OUT")]

    def left(self) -> int:
        assert not self.peer.complaints
        return len(self.peer.bodies("IN")) + len(self.peer.bodies("DEAD"))


class PostgresRelay(Relay):
    """Two tables of PostgreSQL; rows are flagged as they are handled."""

    type = "sql"
    make_peer: ClassVar[Callable[[], Any]] = PostgreSQL
    engine: ClassVar[str] = "postgresql"
    number = 'self.request.input["id"]'
    send = 'out.execute("INSERT INTO departed (id) VALUES (:id)", id=number)'
    in_hand = 1

    def prepare(self) -> None:
        self.url = self.peer.database()
        self._run("CREATE TABLE arrived (id BIGINT PRIMARY KEY, state VARCHAR(10) DEFAULT 'new')")
        self._run("CREATE TABLE departed (id BIGINT)")

    @property
    def channel(self) -> Settings:
        return {
            "connection": "relay",
            "query": "SELECT id FROM arrived WHERE state = 'new' ORDER BY id",
            "on_success": "UPDATE arrived SET state = 'done' WHERE id = :id",
            "on_failure": "UPDATE arrived SET state = 'failed' WHERE id = :id",
            "interval": 0.1,
        }

    @property
    def outgoing(self) -> Settings:
        return {**settings_of(self.url, self.engine), "timeout": 5}

    def put(self, numbers: Iterable[int]) -> None:
        rows = [{"id": number} for number in numbers]
        self._run("INSERT INTO arrived (id) VALUES (:id)", rows)

    def arrived(self) -> list[int]:
        return [int(id) for (id,) in self._run("SELECT id FROM departed")]

    def left(self) -> int:
        [(count,)] = self._run("SELECT count(*) FROM arrived WHERE state <> 'done'")
        return int(count)

    def _run(self, statement: str, rows: list[dict[str, int]] | None = None) -> list[Any]:
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.pool.NullPool)
        with engine.begin() as connection:
            done = connection.execute(sqlalchemy.text(statement), rows)
            return list(done) if done.returns_rows else []


class MariaDbRelay(PostgresRelay):
    """Two tables of MariaDB."""

    make_peer, engine = MariaDB, "mariadb"


class NatsRelay(Relay):
    """Two streams of JetStream."""

    type, make_peer = "nats", NatsServer
    send = "out.store(number)"

    def prepare(self) -> None:
        self.first = self.peer.stream()
        self.last = self.peer.stream()

    @property
    def channel(self) -> Settings:
        return {
            "port": self.peer.port,
            "subject": f"{self.first}.in",
            "stream": self.first,
            "dead_letter_subject": f"dead.{self.first}",
            "ack_wait": 2,
            "interval": 1,
            "prefetch": PREFETCH,
        }

    @property
    def outgoing(self) -> Settings:
        return {"port": self.peer.port, "subject": f"{self.last}.out", "timeout": 5}

    def put(self, numbers: Iterable[int]) -> None:
        self.peer.store(f"{self.first}.in", *_bodies(numbers))

    def arrived(self) -> list[int]:
        return [int(each.data) for each in self.peer.read(self.last)]

    def left(self) -> int:
        pending = self.peer.pending(self.first, "hansa-relay")
        return pending + len(self.peer.read(f"{self.first}-dead"))


class MqttRelay(Relay):
    """Two topics of Mosquitto, QoS 1."""

    type, make_peer = "mqtt", Mosquitto
    send = "out.publish(number)"

    def prepare(self) -> None:
        self.found = self._stack.enter_context(self.peer.reading("out"))
        self.dead = self._stack.enter_context(self.peer.reading("dead"))

    @property
    def channel(self) -> Settings:
        own = {"topic": "in", "qos": 1, "prefetch": PREFETCH, "timeout": 3}
        return {**self.peer.settings, **own, "dead_letter_topic": "dead"}

    @property
    def outgoing(self) -> Settings:
        return {**self.peer.settings, "topic": "out", "qos": 1, "timeout": 5}

    def put(self, numbers: Iterable[int]) -> None:
        self.peer.send("in", *_bodies(numbers))

    def arrived(self) -> list[int]:
        # what was confirmed to the publisher is still on its way to the subscriber
        self.peer.send("out", b"end")
        wait_until(lambda: self.found[-1].payload == b"end", 60)
        return [int(each.payload) for each in self.found if each.payload != b"end"]

    def left(self) -> int:
        return len(self.dead)


class RedisStreamRelay(Relay):
    """Two streams of Valkey, and a consumer group."""

    type, make_peer = "redis", Valkey
    source: ClassVar[str] = "stream"
    send = 'out.xadd("out", {"body": number})'

    @property
    def channel(self) -> Settings:
        own = {"key": "in", "source": self.source, "prefetch": PREFETCH, "timeout": 3}
        return {**self.peer.settings, **own}

    @property
    def outgoing(self) -> Settings:
        address = f"redis://127.0.0.1:{self.peer.port}/0"
        return {"address": address, "password": self.peer.password}

    def put(self, numbers: Iterable[int]) -> None:
        self._pipelined("xadd", [("in", {"body": body}) for body in _bodies(numbers)])

    def arrived(self) -> list[int]:
        with self.peer.client() as client:
            return [int(fields[b"body"]) for _, fields in client.xrange("out")]

    def left(self) -> int:
        with self.peer.client() as client:
            groups = client.xinfo_groups("in")
            waiting = sum(group["pending"] + (group["lag"] or 0) for group in groups)
            return int(waiting + client.xlen("in.dead-letter"))

    def _pipelined(self, command: str, calls: list[tuple[Any, ...]]) -> None:
        client: redis.Redis
        with self.peer.client() as client, client.pipeline(transaction=False) as pipeline:
            for given in calls:
                getattr(pipeline, command)(*given)
            pipeline.execute()


class RedisListRelay(RedisStreamRelay):
    """Two lists of Valkey."""

    source = "list"
    send = 'out.lpush("out", number)'

    def put(self, numbers: Iterable[int]) -> None:
        self._pipelined("lpush", [("in", body) for body in _bodies(numbers)])

    def arrived(self) -> list[int]:
        with self.peer.client() as client:
            return [int(each) for each in client.lrange("out", 0, -1)]

    def left(self) -> int:
        with self.peer.client() as client:
            return int(client.llen("in") + client.xlen("in.dead-letter"))


class KafkaRelay(Relay):
    """Two topics of Tansu, the first of which has four partitions."""

    type, make_peer = "kafka", Tansu
    send = "out.publish(number)"
    partitions = 4
    # a partition that moves is taken up where its offset was committed last
    in_hand = 4 * PREFETCH

    def prepare(self) -> None:
        self.first = self.peer.topic(partitions=self.partitions)
        self.last = self.peer.topic()

    @property
    def channel(self) -> Settings:
        own = {"topics": [self.first], "group": "relay", "session_timeout": 6}
        return {"port": self.peer.port, **own, "timeout": 5, "connect_timeout": 3}

    @property
    def outgoing(self) -> Settings:
        own = {"topic": self.last, "timeout": 5, "connect_timeout": 3}
        return {"port": self.peer.port, **own}

    def put(self, numbers: Iterable[int]) -> None:
        bodies = _bodies(numbers)
        for number in range(self.partitions):
            self.peer.send(self.first, *bodies[number :: self.partitions], partition=number)

    def arrived(self) -> list[int]:
        return [int(each.value()) for each in self.peer.read(self.last)]

    def left(self) -> int:
        return len(self.peer.read(f"{self.first}.dead-letter"))


class FolderRelay(Relay):
    """Two folders; each message is a file."""

    type = "file"
    make_peer: ClassVar[Callable[[], Any]] = ExchangeFolder
    send = 'out.write(f"out/{number}", number)'
    in_hand = THREADS

    def prepare(self) -> None:
        for name in ("in", "out"):
            (self.peer.root / name).mkdir()
            self.peer.own(self.peer.root / name)

    @property
    def channel(self) -> Settings:
        settings = self.peer.settings
        folder = "/".join(filter(None, [settings.get("folder", ""), "in"]))
        return {**settings, "folder": folder, "interval": 0.1, "settle": 0}

    @property
    def outgoing(self) -> Settings:
        return dict(self.peer.settings)

    def put(self, numbers: Iterable[int]) -> None:
        folder = self.peer.root / "in"
        for number in numbers:
            part = folder / f".{number}.part"
            part.write_text(str(number))
            self.peer.own(part)
            part.rename(folder / str(number))

    def arrived(self) -> list[int]:
        # what a killed worker had begun to write has the name of an unfinished file
        return [int(path.name) for path in (self.peer.root / "out").glob("[!.]*")]

    def left(self) -> int:
        return sum(path.is_file() for path in (self.peer.root / "in").rglob("*"))


class FtpRelay(FolderRelay):
    """Two folders of vsftpd."""

    type, make_peer = "ftp", Vsftpd


class SftpRelay(FolderRelay):
    """Two folders of OpenSSH."""

    type, make_peer = "sftp", OpenSsh


class S3Relay(Relay):
    """Two prefixes of a bucket of SeaweedFS."""

    type, make_peer = "s3", SeaweedFS
    send = 'out.put(f"out/{number}", number)'
    in_hand = PREFETCH

    @property
    def channel(self) -> Settings:
        own = {"prefix": "in/", "after": "delete", "interval": 0.2}
        return {**self.peer.settings, **own}

    @property
    def outgoing(self) -> Settings:
        return dict(self.peer.settings)

    def put(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.put(f"in/{number}", str(number).encode())

    def arrived(self) -> list[int]:
        return [int(key.removeprefix("out/")) for key in self._keys("out/")]

    def left(self) -> int:
        return len(self._keys("in/")) + len(self._keys("failed/"))

    def _keys(self, prefix: str) -> list[str]:
        pages = self.peer.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in found for one in page.get("Contents", ())]


def _swift() -> Iterator[Swift]:
    with Storage() as storage, Swift(storage) as proxy:
        yield proxy


class SwiftRelay(Relay):
    """Two prefixes of a container of Swift."""

    type, make_peer = "swift", contextlib.contextmanager(_swift)
    send = 'out.put(f"out/{number}", number)'

    @property
    def channel(self) -> Settings:
        login = {name: value for name, value in self.peer.settings.items() if name != "container"}
        own = {"containers": [CONTAINER], "prefix": "in/", "after": "delete", "interval": 0.2}
        return {**login, **own}

    @property
    def outgoing(self) -> Settings:
        return dict(self.peer.settings)

    def put(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.put(f"in/{number}", str(number).encode())

    def arrived(self) -> list[int]:
        return [int(name.removeprefix("out/")) for name in self.peer.names("out/")]

    def left(self) -> int:
        return len(self.peer.names("in/")) + len(self.peer.names("failed/"))


class ImapRelay(Relay):
    """A mailbox of Dovecot; the subject is the number."""

    type, make_peer = "imap", Dovecot
    number = 'self.request.payload["subject"]'

    @property
    def channel(self) -> Settings:
        return {**self.peer.settings, "interval": 0.2, "after": "delete"}

    def put(self, numbers: Iterable[int]) -> None:
        client = self.peer.client()
        for number in numbers:
            text = f"From: ada@example.com\r\nSubject: {number}\r\n\r\nHello\r\n"
            status, told = client.append("INBOX", "", "", text.encode())
            assert status == "OK", told
        client.logout()

    def left(self) -> int:
        return len(self.peer.messages("INBOX")) + len(self.peer.messages("Failed"))


class MllpRelay(Relay):
    """A sender of HL7 that sends again what was not accepted, and a receiver."""

    type, make_peer = "mllp", Hl7Receiver
    number = 'self.request.headers["hl7-control-id"]'
    send = "out.send(self.request.raw)"
    in_hand = 1

    def prepare(self) -> None:
        self.port = free_port()

    @property
    def channel(self) -> Settings:
        return {"port": self.port}

    @property
    def outgoing(self) -> Settings:
        return {**self.peer.settings, "timeout": 5}

    def put(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            wait_until(lambda number=number: self._accepted(number), 60)

    def _accepted(self, number: int) -> bool:
        try:
            with Sender(self.port) as sender:
                answer = sender.send(message(control_id=str(number)))
        except OSError:
            return False
        return bool(answer) and read_acknowledgement(answer).code == "AA"


def _bodies(numbers: Iterable[int]) -> list[bytes]:
    return [b"%d" % number for number in numbers]


RELAYS: tuple[type[Relay], ...] = (
    JmsRelay,
    JmsAmqpRelay,
    IbmMqRelay,
    PostgresRelay,
    MariaDbRelay,
    NatsRelay,
    MqttRelay,
    RedisStreamRelay,
    RedisListRelay,
    KafkaRelay,
    FolderRelay,
    FtpRelay,
    SftpRelay,
    S3Relay,
    SwiftRelay,
    ImapRelay,
    MllpRelay,
)
