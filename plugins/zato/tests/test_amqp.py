"""`self.outgoing.amqp` as services written for Zato use it, over the real plugin amqp and a real
RabbitMQ.
"""

from __future__ import annotations

import json

import pytest
from hansa_amqp.outgoing import AmqpOutgoing
from hansa_zato.outgoing import Outgoing
from zato.common import ConnectionException, Inactive
from zato.server.service import Service

from plugins.amqp.tests.rabbitmq import RabbitMQ
from plugins.amqp.tests.support import made


@pytest.fixture
def rabbit(real_server):
    node = real_server(RabbitMQ)
    node.make("crm", "other")
    return node


@pytest.fixture
def out(server, rabbit):
    live = made(AmqpOutgoing, rabbit, server, routing_key="crm")
    live.start()
    server.objects["outgoing", "amqp", "CRM"] = live
    server.objects["outgoing", "amqp", "Off"] = None
    yield Outgoing(server)
    live.stop()


def test_send_as_in_zato_2(out, rabbit):
    out.amqp.send("Grüße", "CRM", "", "other", {"priority": 3, "expiration": 60000}, {"a": "b"})
    out.amqp.send(
        b"\x00",
        "CRM",
        exchange="",
        routing_key="other",
        properties={"delivery_mode": 1},
        headers={},
    )
    (_, properties, body), (_, second, raw) = rabbit.read("other")
    assert body.decode() == "Grüße" and raw == b"\x00"
    assert (
        properties.priority,
        properties.expiration,
        properties.delivery_mode,
        second.delivery_mode,
    ) == (
        3,
        "60000",
        2,
        1,
    )
    assert properties.headers["a"] == "b"


def test_send_and_invoke_as_in_zato_3(out, rabbit):
    out.amqp.send("CRM", "first")
    out.amqp.invoke("CRM", {"second": 2}, exchange="/", routing_key="other", headers={"a": 1})
    assert [body for _, _, body in rabbit.read("crm")] == [b"first"]
    ((_, properties, body),) = rabbit.read("other")
    assert json.loads(body) == {"second": 2}
    assert (properties.content_type, properties.headers["a"]) == ("application/json", 1)


def test_by_name(out, rabbit):
    assert out.amqp["CRM"].config.routing_key == "crm"
    out.amqp.get("CRM").conn.send("x")
    assert "ms" in out.amqp["CRM"].conn.ping()
    assert [body for _, _, body in rabbit.read("crm")] == [b"x"]


def test_what_goes_wrong_is_told_in_the_words_of_zato(out):
    with pytest.raises(KeyError, match="None"):
        out.amqp.send("x", "None")
    with pytest.raises(Inactive):
        out.amqp.send("x", "Off")
    with pytest.raises(ConnectionException, match="no queue takes"):
        out.amqp.send("x", "CRM", "", "nowhere")
    with pytest.raises(ConnectionException, match="no exchange 'none'"):
        out.amqp.send("x", "CRM", "none", "crm")


def test_from_a_service(out, server, rabbit):
    class Notify(Service):
        name = "notify"

        def handle(self):
            self.outgoing.amqp.send(
                self.request.payload, "CRM", "", "crm", properties={"app_id": "hansa"}
            )

    server.add(Notify)
    server.invoke("notify", "hello", cid="K-notify")
    ((_, properties, body),) = rabbit.read("crm")
    assert (body, properties.app_id, properties.headers["x-hansa-cid"]) == (
        b"hello",
        "hansa",
        "K-notify",
    )
