"""TLS and logins: a broker behind HAProxy, which encrypts, and a door that asks for a login by SASL."""

from __future__ import annotations

import pytest
from hansa import Unavailable
from hansa_devkit import Inbox
from hansa_devkit.servers import RealServer

from plugins.kafka.tests.brokers import Tansu
from plugins.kafka.tests.fronts import Door, Tls
from plugins.kafka.tests.support import channel, outgoing

pytestmark = pytest.mark.evidence("tls")


class Behind(Tansu):
    """A broker behind both fronts."""

    front: Tls
    door: Door


@pytest.fixture(scope="module")
def behind():
    """A broker that is reached through TLS, with a login."""
    front, broker = Tls(), Behind()
    broker.advertised = front.port
    try:
        broker.start()
        with Door(broker.port, {"ада": "s3cret-пароль"}) as door:
            front.target = door.port
            front.start()
            broker.front, broker.door = front, door
            broker.login = {
                "bootstrap.servers": f"127.0.0.1:{front.port}",
                "security.protocol": "sasl_ssl",
                "ssl.ca.location": str(front.pem),
                "sasl.mechanism": "PLAIN",
                "sasl.username": "ада",
                "sasl.password": "s3cret-пароль",
            }
            yield broker
    finally:
        front.close()
        broker.close()


@pytest.fixture
def right(behind):
    return {
        "port": behind.front.port,
        "tls": True,
        "tls_ca": str(behind.front.pem),
        "username": "ада",
        "password": "s3cret-пароль",
    }


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256", "scram-sha-512"])
def test_it_logs_in_over_tls(behind, right, mechanism):
    topic = behind.topic()
    with outgoing(behind, topic=topic, mechanism=mechanism, **right) as out:
        out.publish("secret")
    assert mechanism.upper() in behind.door.mechanisms
    assert len(behind.read(topic)) == 1


def test_a_channel_consumes_over_tls(behind, right):
    topic, inbox = behind.topic(), Inbox()
    behind.send(topic, b"one")
    with channel(behind, inbox, topic, **right):
        assert inbox.wait(1, 60)[0].raw == b"one"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tls_ca": ""}, "set tls_ca to a file with the authority"),
        ({"host": "localhost"}, "set host to a name that is in it"),
        ({"tls": False}, "set tls to true"),
        ({"password": "wrong"}, "check the settings username and password, and mechanism"),
        ({"mechanism": "plain", "password": "wrong"}, "check the settings username and password"),
        ({"username": "nobody"}, "check the settings username and password"),
    ],
)
def test_what_is_wrong_is_said_and_which_setting_to_change(behind, right, changes, why):
    settings = {**right, **changes}
    for start in (
        lambda: outgoing(behind, **settings),
        lambda: channel(behind, Inbox(), "x", **settings),
    ):
        with pytest.raises(Unavailable, match=why) as told, start():
            pass
        assert settings["password"] not in str(told.value)


def test_tansu_itself_refuses_a_user_that_it_does_not_know():
    asking = type(
        "Asking", (Tansu,), {"options": ["--authentication"], "ready": RealServer.ready}
    )()
    with asking as broker:
        with pytest.raises(Unavailable, match="check the settings username and password"):
            with outgoing(broker, username="ada", password="wrong"):
                pass


def test_files_that_are_not_there_are_named(behind, right):
    with pytest.raises(OSError, match="No such file"):
        with outgoing(behind, **{**right, "tls_ca": "/not-there"}):
            pass
