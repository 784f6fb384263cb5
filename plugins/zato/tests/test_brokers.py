"""Messages of brokers and WebSockets as services see them: `self.request.amqp`, `.wmq`, and so on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from zato.common.broker_message import MESSAGE_TYPE, SERVICE
from zato.server.service import Service, WSXAdapter

from plugins.zato.tests.facade import Facade


def service(action: Any) -> Any:
    return type("Some", (Service,), {"handle": lambda self: action(self)})


def test_a_message_of_amqp(server: Facade) -> None:
    found: list[Any] = []
    extra = {"redelivered": True, "properties": {"priority": 3}}
    server.call(
        service(lambda self: found.append(self.request.amqp.msg)),
        b"{}",
        type="amqp",
        extra=extra,
        headers={"a": "b"},
    )
    [message] = found
    assert (message.body, message.headers.a, message.redelivered) == (b"{}", "b", True)
    assert message.properties["priority"] == 3


def test_a_message_that_a_service_refuses(server: Facade) -> None:
    refused = server.call(service(lambda self: self.request.amqp.reject()), b"{}", type="amqp")
    assert (refused.outcome, refused.ok) == ("reject", False)

    def change_of_mind(self: Any) -> None:
        self.request.amqp.reject()
        self.request.amqp.ack()

    assert server.call(service(change_of_mind), b"{}", type="amqp").outcome == "done"
    assert server.call(service(lambda self: None), b"{}", type="amqp").outcome == "done"


def test_a_message_of_ibm_mq(server: Facade) -> None:
    found: list[Any] = []
    extra = {"message_id": "414d", "correlation_id": "0", "reply_to": "QM1/REPLIES", "expiry": ""}
    server.call(
        service(lambda self: found.append((self.channel, self.request.wmq))),
        b"{}",
        type="ibmmq",
        extra=extra,
    )
    [(channel, message)] = found
    assert channel == "jms-wmq"
    assert (message.msg_id, message.correlation_id, message.reply_to) == (
        "414d",
        "0",
        "QM1/REPLIES",
    )
    assert message.mqmd == extra


def test_the_client_of_a_websocket(server: Facade) -> None:
    client, found = object(), []
    server.call(
        service(lambda self: found.append((self.channel, self.wsgi_environ["zato.wsx"]))),
        b"{}",
        type="websocket",
        extra={"client": client},
    )
    assert found == [("web-socket", client)]


class Feed(WSXAdapter):
    """Answers what it hears."""

    def on_message_received(self, ctx: Any) -> Any:
        return {"heard": ctx.data, "type": ctx.type} if ctx.data else None


def test_messages_of_a_server_of_websockets(server: Facade) -> None:
    heard = server.call(Feed, b'{"a": 1}', type="websocket-client")
    assert json.loads(heard.raw) == {"heard": {"a": 1}, "type": "message"}
    assert server.call(Feed, b"{}", type="websocket-client").raw == b""


def test_messages_between_servers(server: Facade) -> None:
    called = service(lambda self: None)
    server.add(called)
    message = {"action": SERVICE.PUBLISH.value, "service": called.get_name(), "payload": {"a": 1}}
    faults: list[str] = []

    def send(self: Any) -> None:
        self.broker_client.invoke_async(message)
        for wrong in ({**message, "action": SERVICE.EDIT.value}, message):
            with pytest.raises(ValueError) as caught:
                self.broker_client.invoke_async(wrong, MESSAGE_TYPE.TO_PARALLEL_ALL)
            faults.append(str(caught.value))
        with pytest.raises(ValueError, match="admin API"):
            self.broker_client.invoke_async({**message, "action": SERVICE.EDIT.value})

    sender: Any = type("Sender", (Service,), {"handle": lambda self: send(self)})
    assert server.call(sender, "").ok
    assert [call["payload"] for call in server.pending] == [{"a": 1}]
    assert all("one worker" in fault for fault in faults)
