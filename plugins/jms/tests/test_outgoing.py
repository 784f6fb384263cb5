"""What a service sends, a client in Java receives; what cannot be sent is told, all of it at once."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hansa import Invalid, TooLarge, Unavailable, load
from hansa_devkit import Inbox
from hansa_devkit.harness import objects
from hansa_devkit.inbox import answer
from hansa_jms.outgoing import JmsOutgoing
from hansa_jms.settings import SendingSettings
from hansa_jms.stomp.connection import StompConnection
from hansa_jms.stomp.frames import encoded

from plugins.jms.tests.activemq import ActiveMQ
from plugins.jms.tests.test_channel import channel

_numbers = itertools.count()


@pytest.fixture
def queue():
    """The name of a queue that is empty."""
    return f"out-{next(_numbers)}"


def outgoing(broker, **settings: Any) -> AbstractContextManager[Any]:
    """A running connection."""
    given = {**broker.settings, "timeout": 5.0, **settings}
    return objects.running(objects.made(JmsOutgoing, given))


@pytest.mark.parametrize(
    "text", ["plain", "", "Grüße, мир", "\U0001f600 \0 end", "a\r\nb:\\c", "<map/>"]
)
def test_texts_reach_java(broker, queue, text):
    with outgoing(broker, queue=queue) as out:
        out.send(text)
    [message] = broker.read(f"/queue/{queue}", most=1)
    assert (message[".kind"], message[".body"]) == ("text", text)


@pytest.mark.parametrize("body", [b"", b"\0\n\0", bytes(range(256)) * 1000])
def test_bytes_reach_java(broker, queue, body):
    with outgoing(broker, queue=queue) as out:
        out.send(body)
    [message] = broker.read(f"/queue/{queue}", most=1)
    assert (message[".kind"], message[".body"]) == ("bytes", body.hex())


def test_maps_reach_java(broker, queue):
    items = {"i": 7, "l": 2**40, "d": 1e22, "b": True, "t": "007 <&ü\r\n ", "e": "", "n": None}
    with outgoing(broker, queue=queue) as out:
        out.send(items)
        out.send({})
    first, second = broker.read(f"/queue/{queue}", most=2)
    assert first[".kind"] == second[".kind"] == "map"
    found = {name[5:]: value for name, value in first.items() if name.startswith(".map.")}
    assert found == {
        "i": "Integer 7",
        "l": "Long 1099511627776",
        "d": "Double 1.0E22",
        "b": "Boolean true",
        "t": "String 007 <&ü\r\n ",
        "e": "String ",
        "n": "null",
    }


def test_headers_of_jms_reach_java(activemq, queue):
    with outgoing(activemq, time_to_live=60, priority=2) as out:
        out.send(
            "x",
            queue,
            properties={
                "kind": "ü: \\n\r\n",
                "number": 7,
                "big": 1.5,
                "flag": True,
                "JMSXGroupID": "g",
            },
            correlation_id="c:ü",
            reply_to="answers",
            message_type="order",
            priority=9,
        )
        out.send("y", f"/queue/{queue}", persistent=False, time_to_live=0)
    first, second = activemq.read(
        f"/queue/{queue}", most=2, selector="number = '7' OR kind IS NULL"
    )
    assert first["kind"] == "ü: \\n\r\n"
    assert (first["number"], first["big"], first["flag"], first["JMSXGroupID"]) == (
        "7",
        "1.5",
        "true",
        "g",
    )
    assert (first[".correlation"], first[".reply"], first[".type"]) == (
        "c:ü",
        "queue://answers",
        "order",
    )
    assert (first[".priority"], first[".persistent"]) == ("9", "true")
    assert 0 < int(first[".expires"]) / 1000 - time.time() < 61
    assert (second[".priority"], second[".persistent"], second[".expires"]) == ("2", "false", "0")
    assert first["hansaCid"]


def test_what_expires_is_not_delivered(broker, queue):
    with outgoing(broker, queue=queue) as out:
        out.send("old", time_to_live=0.001)
        out.send("new", time_to_live=60)
    assert [message[".body"] for message in broker.read(f"/queue/{queue}")] == ["new"]


def test_a_question_of_java_is_answered(activemq, queue):
    """Over the temporary queue that the client names in reply_to."""
    with outgoing(activemq) as out:

        def reply(request):
            extra = request.extra
            out.send(
                request.raw.decode().upper(),
                extra["reply_to"],
                correlation_id=extra["correlation_id"],
            )
            return answer(request, "done")

        with channel(activemq, reply, queue=queue):
            found = activemq.ask(queue, "question")
    assert (found[".body"], found[".correlation"]) == ("QUESTION", "question-1")


def test_all_faults_at_once(broker, queue):
    properties = {
        "a-b": 1,
        "JMSPriority": 2,
        "select": 1,
        "not": 1,
        "destination": "x",
        "n": None,
        "emoji": "\U0001f600",
        "nul": "\0",
    }
    with outgoing(broker) as out:
        with pytest.raises(Invalid) as caught:
            out.send(
                7, "a,b", properties=properties, priority=10, time_to_live=-1, correlation_id=3
            )
        faults = {f"properties.{name}" for name in properties if name != "select"}
        assert set(caught.value.errors) == faults | {
            "message",
            "destination",
            "priority",
            "time_to_live",
            "correlation_id",
        }
        for wrong in ("/queue/", "/topic/a?b=c", "a\nb", "x" * 600, None):
            with pytest.raises(Invalid, match="destination"):
                out.send("x", wrong)
        out.send("x", queue)
    assert broker.count(queue) == 1


def test_bytes_in_maps_do_not_pass_stomp(activemq, queue):
    with outgoing(activemq, queue=queue) as out:
        with pytest.raises(Invalid, match=r"message\.a"):
            out.send({"a": b"bytes"})


def test_bytes_in_maps_pass_with_rabbitmq(rabbit, queue):
    inbox = Inbox()
    with channel(rabbit, inbox, queue=queue), outgoing(rabbit, queue=queue) as out:
        out.send({"a": b"bytes"})
        [request] = inbox.wait(1, 60)
    assert (request.extra["map"], request.raw) == ({"a": b"bytes"}, b'{"a": "Ynl0ZXM="}')


def test_the_largest_message_and_one_byte_more(broker, queue):
    with outgoing(broker, queue=queue, max_body=1_000_000) as out:
        out.send(bytes(1_000_000))
        with pytest.raises(TooLarge, match="1000001 bytes; max_body is 1000000"):
            out.send(bytes(1_000_001))
    assert broker.count(queue) == 1


def test_what_the_broker_refuses_ends_no_other_call(activemq, queue):
    """A temporary queue of a client that has gone."""
    with outgoing(activemq, queue=queue) as out:
        errors: list[Exception] = []

        def keep_sending():
            for _ in range(50):
                try:
                    out.send("x")
                except Exception as error:
                    errors.append(error)

        threads = [threading.Thread(target=keep_sending) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            with pytest.raises(Unavailable, match="refuses it"):
                out.send("x", "/remote-temp-queue/ID:nobody-1-1:1:1:1")
        for thread in threads:
            thread.join()
        assert not errors and not out.server.losses
    assert activemq.count(queue) == 150


def test_a_queue_that_rabbitmq_does_not_have_takes_nothing(rabbit, queue):
    """It would confirm the message, and drop it."""
    with outgoing(rabbit, queue_prefix="/amq/queue/") as out:
        with pytest.raises(Unavailable, match=f"refuses it: .*no queue '{queue}'"):
            out.send("x", queue)
        rabbit.make(queue)
        out.send("x", queue)
    assert rabbit.count(queue) == 1


# -- logins, TLS, and brokers without XStream ------------------------------------------------------


def test_a_wrong_password(broker):
    with pytest.raises(Unavailable, match="check the settings username and password") as caught:
        with outgoing(broker, password="wrong-one"):
            pass
    assert "wrong-one" not in str(caught.value)


def test_an_address_that_speaks_something_else(activemq):
    with pytest.raises(Unavailable, match="check the setting port"):
        with outgoing(activemq, port=activemq.ports["openwire"]):
            pass


@pytest.mark.parametrize("beats", ["0", "\u00b2,0", "a,b", "1,2,3", "9" * 5000 + ",0"])
def test_heart_beats_that_are_no_numbers_are_told(beats):
    answer = encoded("CONNECTED", {"version": "1.2", "heart-beat": beats})
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet():
            made, _ = listening.accept()
            with made:
                made.recv(1000)
                made.sendall(answer)
                made.recv(1000)

        greeting = threading.Thread(target=greet)
        greeting.start()
        settings = load(SendingSettings, {"port": listening.getsockname()[1]})
        connection = StompConnection(settings, heartbeat=1.0)
        with pytest.raises(Unavailable, match="heart-beat"):
            connection.open(5.0)
        assert connection.broken
        connection.close()
        greeting.join(5)


@pytest.mark.evidence("tls")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"tls_ca": ""}, "set tls_ca to a file with the authority"),
        ({"host": "localhost"}, "set host to a name that is in it"),
        ({"tls": False}, "if the server expects TLS there, set tls to true"),
        ({"port": "stomp"}, "it does not speak TLS here"),
    ],
)
def test_tls(broker, queue, changes, why):
    right = {"port": broker.ports["tls"], "tls": True, "tls_ca": str(broker.pem), "queue": queue}
    settings = {**right, **changes, "connect_timeout": 2.0}
    if settings["port"] == "stomp":
        settings["port"] = broker.port
    if why:
        with pytest.raises(Exception, match=why):
            with outgoing(broker, **settings):
                pass
        return
    inbox = Inbox()
    with channel(broker, inbox, **settings), outgoing(broker, **settings) as out:
        out.send("over TLS " + "x" * 100_000)
        [request] = inbox.wait(1, 60)
    assert request.raw.startswith(b"over TLS ")


def test_a_broker_without_xstream():
    with type("Plain", (ActiveMQ,), {"maps": False})() as plain:
        with pytest.raises(Unavailable, match="if the broker has no XStream, set maps to false"):
            with channel(plain, Inbox(), queue="q"):
                pass
        inbox = Inbox()
        with channel(plain, inbox, queue="q", maps=False), outgoing(plain, queue="q") as out:
            out.send("text")
            [request] = inbox.wait(1, 60)
    assert request.raw == b"text"
