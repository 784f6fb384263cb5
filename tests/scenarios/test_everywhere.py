"""One service at the same time over HTTP, SOAP, AMQP, ZeroMQ, a watched FTP folder and the clock,
without a line changed.
"""

from __future__ import annotations

import json

import pika
import pytest
import requests
import zmq
from lxml import etree

from plugins.amqp.tests.rabbitmq import RabbitMQ
from plugins.ftp.tests.servers import Vsftpd

ORDERS = """
from typing import Annotated

from hansa import Model, Service, setting


class Take(Service):
    '''Takes an order, from wherever it comes.'''

    class Input(Model):
        number: Annotated[int, setting("Number of the order", ge=1)]
        source: Annotated[str, setting("Where it comes from")]

    class Output(Model):
        taken: int

    def handle(self):
        order = self.request.input
        self.server.redis.sadd(f"orders:{order.source}", order.number)
        return self.Output(taken=order.number)


class Taken(Service):
    '''Tells which orders came from a source.'''

    def handle(self):
        orders = self.server.redis.smembers(f"orders:{self.request.input['source']}")
        return sorted(int(number) for number in orders)
"""
SOAP = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><order>
<number>2</number><source>soap</source>
</order></e:Body></e:Envelope>"""


def order(number: int, source: str) -> bytes:
    """An order in JSON."""
    return json.dumps({"number": number, "source": source}).encode()


QUEUE = "everywhere"
"""No other test has it: the broker is shared with those of the same process."""


@pytest.fixture(scope="module")
def rabbit(real_server):
    return real_server(RabbitMQ)


@pytest.fixture(scope="module")
def ftp(real_server):
    return real_server(Vsftpd)


@pytest.fixture(scope="module")
def server(start_shared_server, rabbit, ftp):
    """All six channels to one service, made while the server runs."""
    server = start_shared_server(workers=1, env={"FTP_PASSWORD": ftp.password})
    server.deploy("orders.py", ORDERS)
    common = {"service": "orders.take", "format": "json"}
    server.api("admin.channel.http.create", common, name="orders", url_path="/orders")
    server.api(
        "admin.channel.soap.create",
        name="orders-soap",
        url_path="/orders.soap",
        service="orders.take",
        soap_action="take",
    )
    server.api(
        "admin.channel.amqp.create",
        common,
        name="orders-amqp",
        port=rabbit.port,
        username="guest",
        password="guest",
        queue=QUEUE,
        declare="classic",
    )
    server.api(
        "admin.channel.zeromq.create",
        common,
        name="orders-zeromq",
        address="ipc://" + str(server.dir / "orders.ipc"),
    )
    server.api(
        "admin.channel.ftp.create",
        common,
        name="orders-ftp",
        folder="",
        interval=0.2,
        settle=0.2,
        pattern=["*.json"],
        **{**ftp.settings, "password": {"$env": "FTP_PASSWORD"}},
    )
    server.api(
        "admin.channel.schedule.create",
        common,
        name="orders-clock",
        job_type="interval",
        seconds=1,
        payload=order(6, "clock").decode(),
    )
    return server


@pytest.fixture
def taken(server, wait):
    """Wait until the service had an order from a source."""

    def look(source: str, number: int) -> None:
        asked = {"name": "orders.taken", "payload": {"source": source}}
        wait(
            lambda: number in server.api("admin.service.invoke", **asked)["payload"],
            30,
            f"{number} from {source}",
        )

    return look


def test_http(server, taken):
    answer = server.post("/orders", order(1, "http"))
    assert answer.json() == {"taken": 1}
    taken("http", 1)


def test_soap(server, taken):
    headers = {"SOAPAction": '"take"', "Content-Type": "text/xml"}
    answer = requests.post(server.url + "/orders.soap", data=SOAP, headers=headers, timeout=20)
    found = etree.fromstring(answer.content).find(".//{*}taken")
    assert found is not None and found.text == "2"
    taken("soap", 2)


def test_amqp(server, rabbit, taken):
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", rabbit.port)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(QUEUE, durable=True, passive=True)
        channel.basic_publish("", QUEUE, order(3, "amqp"), mandatory=True)
    taken("amqp", 3)


def test_zeromq(server, taken):
    context = zmq.Context()
    sender = context.socket(zmq.PUSH)
    sender.connect("ipc://" + str(server.dir / "orders.ipc"))
    sender.send(order(4, "zeromq"))
    taken("zeromq", 4)
    context.destroy(0)


def test_a_watched_ftp_folder(server, ftp, taken):
    (ftp.root / "five.part").write_bytes(order(5, "ftp"))
    ftp.own(ftp.root / "five.part")
    (ftp.root / "five.part").rename(ftp.root / "five.json")
    taken("ftp", 5)


def test_the_clock(taken):
    taken("clock", 6)


def test_what_is_wrong_is_refused_everywhere_and_harms_nobody(server, rabbit, taken):
    assert server.post("/orders", b'{"number": 0, "source": "http"}').status_code == 400
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", rabbit.port)) as connection:
        channel = connection.channel()
        channel.basic_publish("", QUEUE, b'{"number": "many"}')
        channel.basic_publish("", QUEUE, order(7, "amqp"))
    taken("amqp", 7)
