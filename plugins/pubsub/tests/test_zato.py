"""Publish and subscribe as services written for Zato do it, and over HTTP in the shapes of Zato 2 and 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

pytestmark = pytest.mark.evidence("real_server")
PASSWORD = "the long password of a partner"
CONFIG = f"""
[services]
files = ["dialect.py"]

[zato]
pubsub_security = ["partner", "other"]

[security.basic.partner]
username = "partner"
password = "{PASSWORD}"

[security.basic.other]
username = "other"
password = "{PASSWORD}"

[topic.topic.demo]
topic = "/zato/demo"
publishers = ["partner"]
subscribers = ["partner"]
max_depth = 3

[topic.topic.hooked]
topic = "hooked"
before_publish = "dialect.hook"
before_delivery = "dialect.hook"

[subscription.subscription.hooked]
topic = "hooked"
deliver_to = "service"
service = "dialect.note"

[subscription.subscription.pulled]
topic = "hooked"
"""
SOURCE = """
from zato.server.service import PubSubHook, Service


class Hook(PubSubHook):
    name = "dialect.hook"

    def before_publish(self):
        message = self.request.input.ctx.msg
        if message.data == "secret":
            self.response.payload.hook_action = "skip"
        message.data = message.data.upper()

    def before_delivery(self):
        self.request.input.ctx.msg.data += "!"


class Note(Service):
    name = "dialect.note"

    def handle(self):
        self.kvdb.conn.rpush("noted", str(self.request.payload))


class Noted(Service):
    name = "dialect.noted"

    def handle(self):
        self.response.payload = self.kvdb.conn.lrange("noted", 0, -1)


class Publish(Service):
    name = "dialect.publish"

    def handle(self):
        self.pubsub.publish("hooked", data="three", priority=9, correl_id="c")
        self.pubsub.publish("two", "hooked", mime_type="text/plain", priority=1)
        self.pubsub.publish("secret", topic="hooked")
        self.pubsub.publish(Note, data="to a service")
        self.pubsub.publish("dialect.note", data="by its name")
        found = self.pubsub.get("pulled")
        self.pubsub.reject("pulled", [found[0].msg_id])
        self.pubsub.acknowledge("pulled", found[1].msg_id)
        again = self.pubsub.get_messages("hooked", "pulled")
        key = self.pubsub.subscribe("client", ["hooked"])
        same = self.pubsub.subscribe("hooked") == key
        self.pubsub.unsubscribe(key)
        self.response.payload = {
            "first": [one.payload for one in found],
            "again": [(one.data, one.delivery_count, one.correl_id) for one in again],
            "left": self.pubsub.get("pulled"),
            "same": same,
        }
"""


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    plugins = ["pubsub", "queue", "redis", "security", "http", "json", "zato"]
    files = {"dialect.py": SOURCE}
    return start_shared_server(CONFIG, files=files, workers=2, plugins=plugins)


def invoked(server: RunningServer, service: str) -> Any:
    return server.api("admin.service.invoke", name=service)["payload"]


def test_services_publish_and_pull_and_hooks_see_it(server: RunningServer):
    assert invoked(server, "dialect.publish") == {
        "first": ["THREE", "TWO"],
        "again": [["THREE", 2, "c"]],
        "left": [],
        "same": True,
    }
    expected = {"THREE!", "TWO!", "to a service", "by its name"}
    wait_until(lambda: set(invoked(server, "dialect.noted")) == expected, 60)


@pytest.fixture
def ask(server: RunningServer) -> Any:
    def asked(method: str, path: str, user: str = "partner", **options: Any) -> Any:
        auth = (user, PASSWORD) if user else None
        url = f"{server.url}/zato/pubsub/{path}"
        return requests.request(method, url, auth=auth, timeout=60, **options)

    return asked


def test_http_as_zato_3_has_it(ask: Any):
    assert ask("POST", "topic/zato/demo", user="", json={"data": 1}).status_code == 401
    assert ask("POST", "topic/zato/demo", user="other", json={"data": 1}).status_code == 403
    assert ask("POST", "topic/none", json={"data": 1}).status_code == 403
    subscribed = ask("POST", "subscribe/topic/zato/demo").json()
    assert subscribed["queue_depth"] == 0
    key = subscribed["sub_key"]
    assert ask("POST", "subscribe/topic/zato/demo").json()["sub_key"] == key
    assert ask("POST", "subscribe/topic/zato/demo", user="other").status_code == 403
    published = ask("POST", "topic/zato/demo", json={"data": {"n": 1}, "priority": 9})
    assert set(published.json()) == {"msg_id"}
    path = f"topic/zato/demo?sub_key={key}"
    assert ask("PATCH", path, user="other").status_code == 403
    [message] = ask("PATCH", path).json()
    assert (message["data"], message["priority"]) == ({"n": 1}, 9)
    assert message["msg_id"] == published.json()["msg_id"]
    assert ask("PATCH", path).json() == []
    for number in range(3):
        assert ask("POST", "topic/zato/demo", json={"data": number}).status_code == 200
    full = ask("POST", "topic/zato/demo", json={"data": 4})
    assert (full.status_code, full.headers["Retry-After"]) == (429, "5")
    assert ask("DELETE", f"subscribe/topic/zato/demo?sub_key={key}").status_code == 200
    assert ask("PATCH", path).status_code == 403


def test_http_as_zato_2_has_it(ask: Any):
    key = ask("POST", "subscribe/topic/zato/demo").json()["sub_key"]
    headers = {"X-Zato-PubSub-Key": key}
    path = "topic/zato/demo/?mime_type=text/csv&priority=7&expiration=60"
    answer = ask("POST", path, data='{"a": 1}').json()
    assert answer["status"] == "ZATO_OK"
    got = ask("POST", "msg/zato/demo/?max=10&dir=fifo&format=json", headers=headers).json()
    assert (got["status"], got["results_count"]) == ("ZATO_OK", 1)
    [result] = got["results"]
    assert result["payload"] == {"a": 1}
    assert result["metadata"]["msg_id"] == answer["msg_id"]
    assert (result["metadata"]["priority"], result["metadata"]["mime_type"]) == (7, "text/csv")
    one = f"msg/{answer['msg_id']}/"
    assert ask("DELETE", f"{one}?reject=1", headers=headers).json() == {"status": "ZATO_OK"}
    again = ask("POST", "msg/zato/demo/", headers=headers).json()["results"]
    assert again[0]["metadata"]["delivery_count"] == 2
    assert ask("DELETE", f"{one}?ack=1", headers=headers).status_code == 200
    assert ask("POST", "msg/zato/demo/", headers=headers).json()["results"] == []
    assert ask("POST", "msg/zato/demo/").status_code == 400
    assert ask("POST", "msg/zato/demo/?max=x", headers=headers).status_code == 400
