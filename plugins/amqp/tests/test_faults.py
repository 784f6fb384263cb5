"""A real server and its RabbitMQ: killed and back, paused, silent, refusing, with a wrong
certificate; edited under load.
"""

from __future__ import annotations

import datetime
import threading
import time
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until

from plugins.amqp.tests.rabbitmq import RabbitMQ

pytestmark = pytest.mark.proof

TIMEOUT = 2.0
SERVICES = """
import os
import threading

from hansa import Service

lock = threading.Lock()


class Send(Service):
    def handle(self):
        self.outgoing.amqp["out"].publish(self.request.raw)


class Note(Service):
    def handle(self):
        with lock, open("noted", "ab") as file:
            file.write(self.request.raw + b"\\n")
"""
CONFIG = """
[services]
files = ["services.py"]

[channel.http.send]
url_path = "/send"
service = "services.send"

[channel.amqp.in]
port = {port}
timeout = {timeout}
heartbeat = 1
queue = "loop"
declare = "classic"
service = "services.note"

[outgoing.amqp.out]
port = {port}
timeout = {timeout}
routing_key = "loop"
queue = "loop"
declare = "classic"
"""


def authority(name):
    """A private key and the certificate of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate(name, key, name, key, ca=True)


def _certificate(name, key, issuer, issuer_key, *, ca=False, address="127.0.0.1"):
    now = datetime.datetime.now(datetime.UTC)
    names = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    return builder.add_extension(alternative, critical=False).sign(issuer_key, hashes.SHA256())


def pem(thing):
    if hasattr(thing, "private_bytes"):
        format = serialization.PrivateFormat.PKCS8
        return thing.private_bytes(
            serialization.Encoding.PEM, format, serialization.NoEncryption()
        ).decode()
    return thing.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def rabbit():
    """A node of its own, with TLS."""
    issuer, certificate = authority("issuer")
    key = ec.generate_private_key(ec.SECP256R1())
    files = {
        "ca.pem": pem(certificate),
        "key.pem": pem(key),
        "certificate.pem": pem(_certificate("r", key, "issuer", issuer)),
    }
    with type("Tls", (RabbitMQ,), {"certificates": files})() as node:
        node.files = files
        yield node


@pytest.fixture(scope="module")
def proxy(rabbit):
    with Proxy(rabbit.port) as between:
        yield between


@pytest.fixture(scope="module")
def shared(proxy, start_shared_server):
    server = start_shared_server(
        CONFIG.format(port=proxy.port, timeout=TIMEOUT), start=False, workers=1
    )
    (server.folder / "services.py").write_text(SERVICES)
    return server.start()


@pytest.fixture
def server(shared, proxy):
    """The server, everything running."""
    proxy.mode = "pass"
    wait_until(lambda: not states(shared), 40, "everything runs")
    return shared


def states(server):
    """Why objects are not running, by `kind type name`."""
    (worker,) = server.api("admin.server.status")["workers"].values()
    return {
        key: f"{state['state']}: {state['why']}" for key, state in worker["not_running"].items()
    }


def noted(server):
    file = server.folder / "noted"
    return file.read_bytes().split() if file.exists() else []


def works(server, body):
    """Whether a message goes all the way round, however often it must be sent."""
    return server.post("/send", body).status_code == 200 and wait_until(
        lambda: body in noted(server), 10
    )


def fails(server, status, why, seconds=TIMEOUT + 5):
    began = time.monotonic()
    answer = server.post("/send", b"fails")
    took = time.monotonic() - began
    assert (answer.status_code, took < seconds) == (status, True), (answer.text, took)
    assert why in answer.text


BOTH = ("channel amqp in", "outgoing amqp out")


def test_a_killed_broker(server, rabbit):
    assert works(server, b"killed-before")
    rabbit.kill()
    assert server.post("/send", b"refused").status_code == 503
    wait_until(
        lambda: all("retrying: " in states(server).get(each, "") for each in BOTH),
        20,
        "both say that it is gone",
    )
    assert all("the broker at 127.0.0.1" in states(server)[each] for each in BOTH)
    fails(server, 503, "is retrying")
    rabbit.start()
    wait_until(lambda: not states(server), 30, "both run again")
    assert works(server, b"killed-after")


def test_a_broker_that_is_cut_off(server, proxy):
    assert works(server, b"cut-before")
    proxy.mode = "reset"
    assert server.post("/send", b"refused").status_code == 503
    wait_until(lambda: set(states(server)) == set(BOTH), 20)
    fails(server, 503, "is retrying")
    proxy.mode = "pass"
    wait_until(lambda: not states(server), 30, "both run again")
    assert works(server, b"cut-after")


def test_a_silent_broker(server, proxy):
    """Half-open connections: what the network drops, nobody tells."""
    assert works(server, b"silent-before")
    proxy.mode = "drop"
    fails(server, 504, "has not answered within 2 s")
    wait_until(lambda: set(states(server)) == set(BOTH), 30, "both notice it")
    fails(server, 503, "is retrying")
    proxy.mode = "pass"
    wait_until(lambda: not states(server), 30, "both run again")
    assert works(server, b"silent-after")


def test_a_broker_that_stands_still_for_a_moment(server, rabbit):
    """Slower than the deadline of a call, and not so slow that it is given up."""
    rabbit.pause()
    try:
        fails(server, 504, "has not answered within 2 s")
    finally:
        rabbit.resume()
    wait_until(lambda: not states(server), 30, "both run again")
    assert works(server, b"paused-after")


def edit(server, name, **settings):
    kind, type, name = name.split()
    current = server.api(f"admin.{kind}.{type}.get", name=name)
    server.api(
        f"admin.{kind}.{type}.edit", name=name, seen_revision=current["revision"], **settings
    )


def test_wrong_credentials(server, rabbit):
    settings = {
        "port": rabbit.port,
        "timeout": TIMEOUT,
        "username": "guest",
        "password": "wrong",
        "routing_key": "loop",
    }
    server.api("admin.outgoing.amqp.create", name="refused", **settings)
    found = wait_until(lambda: states(server).get("outgoing amqp refused"), 10)
    assert "ACCESS_REFUSED" in found
    assert found.endswith("check the settings username and password")
    assert "wrong" not in found
    with pytest.raises(Exception, match="ACCESS_REFUSED"):
        server.api("admin.outgoing.amqp.ping", name="refused")
    reading = {**settings, "queue": "loop", "service": "services.note"}
    del reading["routing_key"]
    server.api("admin.channel.amqp.create", name="refused", **reading)
    wait_until(lambda: "ACCESS_REFUSED" in states(server).get("channel amqp refused", ""), 10)
    edit(server, "outgoing amqp refused", password="guest")
    edit(server, "channel amqp refused", password="guest")
    wait_until(lambda: not states(server), 20, "with the right password both run")
    server.api("admin.channel.amqp.delete", name="refused")
    server.api("admin.outgoing.amqp.ping", name="refused")
    server.api("admin.outgoing.amqp.delete", name="refused")
    assert "wrong" not in server.log()


@pytest.mark.evidence("tls")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tls_ca": ""}, "set tls_ca to a file with the authority"),
        ({"host": "localhost"}, "set host to a name that is in it"),
        ({"tls": False}, "if the server expects TLS there, set tls to true"),
        ({"tls_ca": "/none"}, "No such file"),
    ],
)
def test_a_wrong_certificate(server, rabbit, changes, why):
    right = {
        "host": "127.0.0.1",
        "port": rabbit.ports["tls"],
        "tls": True,
        "tls_ca": str(server.folder / "ca.pem"),
    }
    (server.folder / "ca.pem").write_text(rabbit.files["ca.pem"])
    server.api("admin.outgoing.amqp.create", name="secure", **{**right, **changes})
    taken = {"queue": "secure", "declare": "classic", "service": "services.note"}
    server.api("admin.channel.amqp.create", name="secure", **{**right, **changes}, **taken)
    both = ("outgoing amqp secure", "channel amqp secure")
    for one in both:
        wait_until(lambda one=one: why in states(server).get(one, ""), 20, why)
        edit(server, one, **right)
    wait_until(lambda: not states(server), 20, "with the right authority they run")
    server.api("admin.outgoing.amqp.ping", name="secure")
    for kind in ("channel", "outgoing"):
        server.api(f"admin.{kind}.amqp.delete", name="secure")


def test_address_and_password_are_edited_under_load(server, rabbit, proxy):
    """Calls in flight finish on the old connection, new ones take the new one; none fails, none is
    lost.
    """
    rabbit.control("add_user", "clerk", "first")
    rabbit.control("set_permissions", "clerk", ".*", ".*", ".*")
    edit(server, "outgoing amqp out", username="clerk", password="first")
    answers, stop, numbers = [], threading.Event(), iter(range(10**6))

    def load():
        while not stop.is_set():
            body = b"load-%d" % next(numbers)
            answers.append((body, server.post("/send", body).status_code))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number, changes in enumerate(
            [{"port": rabbit.port}, {"password": "1"}, {"port": proxy.port}, {"password": "2"}]
        ):
            if "password" in changes:
                rabbit.control("change_password", "clerk", changes["password"])
            edit(server, "outgoing amqp out", **changes)
            edit(server, "channel amqp in", prefetch=10 + number)
            goal = len(answers) + 20
            wait_until(lambda goal=goal: len(answers) >= goal, 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for _, status in answers} == {200}, [
        answer for answer in answers if answer[1] != 200
    ][:3]
    wait_until(lambda: {body for body, _ in answers} <= set(noted(server)), 20, "all arrived")
    edit(server, "outgoing amqp out", username="guest", password="guest")
