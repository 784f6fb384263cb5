"""`self.outgoing.jms_wmq` as services of the Zato dialect use it, over hansa-ibmmq: a stand-in for mqweb."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import Invalid, load
from hansa_ibmmq.outgoing import IbmmqOutgoing
from hansa_ibmmq.settings import PuttingSettings
from hansa_zato.outgoing import Outgoing
from zato.common import ConnectionException, Inactive

from plugins.ibmmq.tests.mqweb_server import MqwebServer
from plugins.zato.tests.facade import Facade


@pytest.fixture
def mqweb() -> Any:
    with MqwebServer() as server:
        server.make("ORDERS", "OTHER")
        yield server
        assert not server.complaints


@pytest.fixture
def out(server: Facade, mqweb: MqwebServer) -> Any:
    settings = load(PuttingSettings, {**mqweb.settings, "queue": "OTHER"})
    made = IbmmqOutgoing("My MQ", settings, server.as_server)
    made.start()
    server.objects["outgoing", "ibmmq", "My MQ"] = made
    server.objects["outgoing", "ibmmq", "Off"] = None
    yield Outgoing(server.as_server)
    made.stop()


def test_send(out: Any, mqweb: MqwebServer) -> None:
    id = out.jms_wmq.send(
        "Grüße",
        "My MQ",
        "ORDERS",
        1,
        60_000,
        7,
        200,
        jms_correlation_id=b"x" * 24,
        jms_reply_to="ANSWERS",
    )
    assert id.startswith("ID:")
    [message] = mqweb.queues["ORDERS"]
    assert message.body == "Grüße"
    assert message.fields == {
        "persistence": "nonPersistent",
        "expiry": "60000",
        "priority": "7",
        "correlationid": "ID:" + "78" * 24,
        "replyto": "ANSWERS",
    }


def test_other_names_and_orders(out: Any, mqweb: MqwebServer) -> None:
    out.wmq.send(b"bytes", "My MQ")
    out.ibm_mq.send("My MQ", "name first", delivery_mode=2, jms_correlation_id="order 7")
    out.jms_wmq["My MQ"].conn.send("x", "ORDERS")
    assert mqweb.bodies("OTHER") == ["bytes", "name first"]
    assert mqweb.queues["OTHER"][1].fields["persistence"] == "persistent"
    assert out.jms_wmq["My MQ"].conn.ping() and out.jms_wmq["My MQ"].config.queue == "OTHER"


def test_bytes_that_are_no_text_are_refused(out: Any, mqweb: MqwebServer) -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        out.jms_wmq.send(b"\xff\xfe", "My MQ")
    assert not mqweb.bodies("OTHER")


def test_what_is_not_there(out: Any, mqweb: MqwebServer) -> None:
    assert out.jms_wmq.get("Nope", None) is None
    with pytest.raises(Inactive):
        out.jms_wmq.send("x", "Off")
    mqweb.kill()
    with pytest.raises(ConnectionException):
        out.jms_wmq.send("x", "My MQ")
