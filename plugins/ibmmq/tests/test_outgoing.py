"""What is put arrives as it was, and refusals are told apart."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa import Invalid, TimedOut, TooLarge, Unavailable, load
from hansa_connect.remote import RemoteNotFound
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.local.registry import definition_model
from hansa_ibmmq.outgoing import IbmmqOutgoing

from plugins.ftp.tests.servers import certificate
from plugins.ibmmq.tests.mqweb_server import MqwebServer


@contextmanager
def outgoing(mqweb, **settings: Any):
    """A running connection."""
    given = {**mqweb.settings, "timeout": 5.0, "queue": "OUT", **settings}
    config: Any = load(definition_model(IbmmqOutgoing), given)
    one = IbmmqOutgoing("test", IbmmqOutgoing.prepare(config), LocalServer())
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize("text", ["plain", "", "Grüße \U0001f600", "a\r\nb\0", '{"a": 1}'])
def test_texts_arrive(mqweb, text):
    with outgoing(mqweb) as out:
        assert out.send(text) == "ID:414d5120" + f"{1:040x}"
    assert mqweb.bodies("OUT") == [text]


def test_the_descriptor_arrives(mqweb):
    with outgoing(mqweb) as out:
        out.send(
            "x",
            "IN.1",
            correlation_id="order 7",
            reply_to="ANSWERS@QM.1",
            priority=9,
            time_to_live=60.5,
        )
        out.send("y", persistent=False)
    [first] = mqweb.queues["IN.1"]
    assert first.fields == {
        "persistence": "persistent",
        "correlationid": "order 7",
        "replyto": "ANSWERS@QM.1",
        "priority": "9",
        "expiry": "60500",
    }
    assert mqweb.queues["OUT"][0].fields == {"persistence": "nonPersistent"}


def test_all_faults_at_once(mqweb):
    with outgoing(mqweb, queue="") as out:
        with pytest.raises(Invalid) as caught:
            out.send(
                b"bytes",
                correlation_id="ü",
                reply_to="a b",
                priority=10,
                time_to_live=-1,
            )
    faults = {"message", "queue", "correlation_id", "reply_to", "priority", "time_to_live"}
    assert set(caught.value.errors) == faults


def test_the_largest_message_and_one_byte_more(mqweb):
    with outgoing(mqweb) as out:
        out.send("x" * 4 * 1024 * 1024)
        with pytest.raises(TooLarge, match="max_body is 4194304"):
            out.send("x" * (4 * 1024 * 1024 + 1))
    with outgoing(mqweb, max_body=10_000_000) as out:
        with pytest.raises(Invalid) as caught:
            out.send("x" * (4 * 1024 * 1024 + 1))
    assert "2030" in caught.value.explanation
    assert len(mqweb.bodies("OUT")) == 1


def test_refusals_are_told_apart(mqweb):
    with outgoing(mqweb) as out:
        with pytest.raises(RemoteNotFound):
            out.send("x", "NOWHERE")
        for status, error in ((503, Unavailable), (500, Unavailable), (400, Invalid)):
            mqweb.statuses.append(status)
            with pytest.raises(error) as caught:
                out.send("x")
            assert "2059" in caught.value.explanation and "2059" not in caught.value.detail
        out.send("x")
    assert mqweb.bodies("OUT") == ["x"]


def test_a_message_is_never_put_twice(mqweb):
    """An answer that does not come leaves open whether it was put: it is not tried again."""
    with outgoing(mqweb) as out:
        out.send("w")  # else the connection of the next one would not be made, and nothing be put
        mqweb.pause()
        with pytest.raises(TimedOut):
            out.send("x", timeout=0.3)
        mqweb.resume()
        out.send("y")
        # what was sent before may be read after it
        wait_until(lambda: "x" in mqweb.bodies("OUT"), 30)
    assert sorted(mqweb.bodies("OUT")) == ["w", "x", "y"]


def test_logins(mqweb):
    with pytest.raises(Unavailable, match="check the settings username and password") as caught:
        with outgoing(mqweb, password="wrong-one"):
            pass
    assert "wrong-one" not in str(caught.value)


@pytest.mark.evidence("tls")
@pytest.mark.parametrize(
    ("changes", "works"), [({}, True), ({"tls_ca": ""}, False), ({"host": "localhost"}, False)]
)
def test_tls(tmp_path, changes, works):
    pem = tmp_path / "server.pem"
    pem.write_text(certificate("127.0.0.1"))
    with MqwebServer(pem) as mqweb:
        mqweb.make("OUT")
        if works:
            with outgoing(mqweb, **changes) as out:
                out.send("over TLS")
            assert mqweb.bodies("OUT") == ["over TLS"]
        else:
            with pytest.raises(Unavailable):
                with outgoing(mqweb, **changes):
                    pass
