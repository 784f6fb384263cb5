"""Publish and subscribe in a real server: definitions that are edited live, the admin API, the command
line, and the failed messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

pytestmark = pytest.mark.evidence("real_server")
PORT = free_port()
CONFIG = f"""
[services]
files = ["orders.py"]

[topic.topic.orders]
topic = "orders.new"

[subscription.subscription.billing]
topic = "orders.*"
deliver_to = "service"
service = "orders.bill"
max_attempts = 2
first_delay = 0.1

[subscription.subscription.archive]
topic = "orders.new"

[topic.topic.partners]
topic = "partner/ü"

[subscription.subscription.partner]
topic = "partner/**"
deliver_to = "http"
outgoing = "partner"
method = "PUT"
max_attempts = 100
first_delay = 0.1
last_delay = 0.1

[outgoing.http.partner]
address = "http://127.0.0.1:{PORT}"
url_path = "/partner"
security = "partner"

[channel.http.partner]
url_path = "/partner"
method = "PUT"
service = "orders.partner"
security = "partner"

[security.basic.partner]
username = "partner"
password = "the long password of a partner"
signs = true

[security.basic.vera]
username = "vera"
password = "the long password of vera"

[account.account.vera]
roles = ["viewer"]
credentials = ["vera"]
"""
SOURCE = """
from hansa import Invalid, Service, Unavailable
from hansa_pubsub import PubSub

SEEN = []


class Bill(Service):
    name = "orders.bill"

    def handle(self):
        if self.request.payload == "never":
            raise Unavailable("out of order")
        about = self.request.extra["pubsub"]
        self.server.redis.rpush("seen", f"{self.request.payload} {about['topic']} {about['publisher']}")


class Partner(Service):
    name = "orders.partner"

    def handle(self):
        body = self.request.raw.decode()
        headers = self.request.headers
        names = ("content-type", "x-hansa-topic", "x-hansa-message-id")
        line = " ".join([body, *(headers[name] for name in names)])
        if self.server.redis.rpush("sent", line) == 1:
            raise Unavailable("not at the first time")
        if body == "wrong":
            raise Invalid("no such order")


class Sent(Service):
    name = "orders.sent"

    def handle(self):
        return self.server.redis.lrange("sent", 0, -1)


class Send(Service):
    name = "orders.send"
    pubsub: PubSub

    def handle(self):
        publish = self.pubsub.publish
        publish("partner/ü", {"n": "ü"}, message_id="first")
        publish("partner/ü", b"wrong", mime_type="text/plain", message_id="second")
        publish("partner/ü", b"raw", message_id="a\\\\b\\nX-Evil: 1ü")


class Seen(Service):
    name = "orders.seen"

    def handle(self):
        return self.server.redis.lrange("seen", 0, -1)


class Publish(Service):
    name = "orders.publish"
    pubsub: PubSub

    def handle(self):
        return self.pubsub.publish("orders.new", self.request.input, priority=9)


class Pull(Service):
    name = "orders.pull"
    pubsub: PubSub

    def handle(self):
        name = self.request.input or self.pubsub.subscribe("orders.new")
        found = self.pubsub.get_messages(name, 10)
        self.pubsub.acknowledge(name, [one.id for one in found])
        return [name, [one.data for one in found]]


class Leave(Service):
    name = "orders.leave"
    pubsub: PubSub

    def handle(self):
        self.pubsub.unsubscribe(self.request.input)
"""


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    plugins = ["pubsub", "queue", "redis", "roles", "security", "http", "json"]
    files = {"orders.py": SOURCE}
    return start_shared_server(CONFIG, files=files, workers=2, port=PORT, plugins=plugins)


def invoked(server: RunningServer, service: str, payload: object = None) -> Any:
    return server.api("admin.service.invoke", name=service, payload=payload)["payload"]


def subscription(server: RunningServer, name: str) -> Any:
    found = server.api("admin.pubsub.status")["subscriptions"]
    return next(one for one in found if one["name"] == name)


def test_a_service_publishes_and_others_get_it(server: RunningServer):
    id = invoked(server, "orders.publish", "first")
    seen = wait_until(lambda: invoked(server, "orders.seen"), 30)
    assert [line.strip() for line in seen] == ["first orders.new"]
    assert invoked(server, "orders.pull", "archive") == ["archive", ["first"]]
    assert invoked(server, "orders.pull", "archive") == ["archive", []]
    assert id.startswith("msg.")
    wait_until(lambda: subscription(server, "billing")["delivered"] == 1, 30)


def test_services_subscribe_and_leave(server: RunningServer):
    name, found = invoked(server, "orders.pull")
    assert (name.startswith("sub."), found) == (True, [])
    assert invoked(server, "orders.pull") == [name, []]
    invoked(server, "orders.publish", "second")
    assert invoked(server, "orders.pull") == [name, ["second"]]
    invoked(server, "orders.publish", "left behind")
    invoked(server, "orders.leave", name)
    names = [one["name"] for one in server.api("admin.pubsub.status")["subscriptions"]]
    assert name not in names
    server.api("admin.pubsub.clear", subscription="archive")


def test_what_fails_stands_with_the_failed_messages_and_is_replayed(server: RunningServer):
    server.api("admin.pubsub.publish", topic="orders.new", data="never")
    server.api("admin.pubsub.publish", topic="orders.new", data="after")
    failed = wait_until(lambda: server.api("admin.failed.list")["items"], 60)
    assert [one["service"] for one in failed] == ["pubsub.deliver"]
    assert "out of order" in failed[0]["cause"]
    wait_until(lambda: "after orders.new admin" in invoked(server, "orders.seen"), 30)
    server.deploy("orders.py", SOURCE.replace('== "never"', '== "nothing"'))
    server.api("admin.failed.replay", ids=[failed[0]["id"]])
    wait_until(lambda: "never orders.new admin" in invoked(server, "orders.seen"), 30)
    assert server.api("admin.failed.list")["total"] == 0


def test_messages_are_pushed_over_http_and_an_outage_loses_none(server: RunningServer):
    away = f"http://127.0.0.1:{free_port()}"
    server.api("admin.outgoing.http.edit", name="partner", address=away)
    invoked(server, "orders.send")
    wait_until(lambda: subscription(server, "partner")["retried"] > 1, 30)
    assert invoked(server, "orders.sent") == []
    server.api("admin.outgoing.http.edit", name="partner", address=server.url)
    wait_until(lambda: subscription(server, "partner")["messages"] == 0, 60)
    topic = r"partner/\xfc"
    first = f'{{"n":"ü"}} application/json {topic} first'
    assert invoked(server, "orders.sent") == [
        first,
        first,
        f"wrong text/plain {topic} second",
        rf"raw application/octet-stream {topic} a\\b\nX-Evil: 1\xfc",
    ]
    found = subscription(server, "partner")
    assert (found["delivered"], found["failed"]) == (2, 1)
    [failed] = wait_until(lambda: server.api("admin.failed.list")["items"], 60)
    assert "partner answered 400" in failed["cause"]
    server.api("admin.failed.delete", ids=[failed["id"]])


def test_messages_by_the_admin_api_and_the_command_line(server: RunningServer):
    server.api("admin.pubsub.clear", subscription="archive")
    id = hansa(server, "pubsub", "publish", "orders.new", '{"n": "ü"}').stdout.strip()
    [listed] = server.api("admin.pubsub.list", subscription="archive")["items"]
    assert (listed["id"], listed["publisher"], "data" in listed) == (id, "admin", False)
    assert server.api("admin.pubsub.get", id=id)["data"] == {"n": "ü"}
    assert id in hansa(server, "pubsub", "list", "archive").stdout
    assert "ü" in hansa(server, "pubsub", "get", id).stdout
    assert "billing" in hansa(server, "pubsub", "status").stdout
    assert hansa(server, "pubsub", "clear", "archive").stdout == "deleted: 1\n"
    for service, asked, status in (
        ("admin.pubsub.publish", {"topic": "none", "data": 1}, 404),
        ("admin.pubsub.publish", {"topic": "orders.new", "data": None}, 400),
        ("admin.pubsub.list", {"subscription": "none"}, 404),
        ("admin.pubsub.get", {"id": "none"}, 404),
        ("admin.subscription.create", {"name": "a", "topic": "a", "deliver_to": "http"}, 400),
        ("admin.topic.create", {"name": "a", "topic": "orders.new"}, 409),
    ):
        with pytest.raises(ApiError) as refused:
            server.api(service, **asked)
        assert refused.value.status in (status, 400 if status == 409 else status), (service, asked)


def test_a_viewer_sees_no_data_and_publishes_nothing(server: RunningServer):
    auth = ("vera", "the long password of vera")
    assert server.post("/hansa/api/admin.pubsub.status", {}, auth=auth).status_code == 200
    asked = {"topic": "orders.new", "data": 1, "id": "a", "subscription": "archive"}
    for service in ("publish", "get", "clear"):
        answer = server.post(f"/hansa/api/admin.pubsub.{service}", asked, auth=auth)
        assert answer.status_code == 403


def test_live_edits_lose_nothing(server: RunningServer):
    server.api("admin.pubsub.clear", subscription="archive")
    for number in range(6):
        invoked(server, "orders.publish", f"live {number}")
        server.api("admin.subscription.edit", name="billing", max_attempts=2 + number % 2)
        server.api("admin.topic.edit", name="orders", max_depth=1000 + number)

    def seen() -> set[str]:
        return {line.partition(" orders")[0] for line in invoked(server, "orders.seen")}

    wait_until(lambda: {f"live {number}" for number in range(6)} <= seen(), 60)
    assert subscription(server, "archive")["messages"] == 6
    server.api("admin.subscription.delete", name="archive")
    wait_until(lambda: server.api("admin.pubsub.status")["topics"][0]["messages"] == 0, 30)
