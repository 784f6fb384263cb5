"""The channel holds the contract on Swift: no object is lost, none is handled twice without need."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any, ClassVar

import pytest
import requests
from hansa import HansaError, Invalid, load
from hansa_connect.objects import StoredObject
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.local.registry import definition_model
from hansa_swift.channel import SwiftChannel
from hansa_swift.settings import SwiftWatchSettings

from plugins.connect.tests.object_contract import ObjectChannelContract
from plugins.swift.tests.on_swift import OnSwift
from plugins.swift.tests.swift_server import CONTAINER


@pytest.mark.evidence("tls", "real_server")
@pytest.mark.proves("channel swift", "guarantee")
@pytest.mark.proves(
    "channel swift", "durability", "objects stay in their container until the service has ended"
)
@pytest.mark.proves("channel swift", "loss window", "none")
@pytest.mark.proves("channel swift", "duplicates", "what is in hand when its worker dies")
class TestSwift(OnSwift, ObjectChannelContract):
    cls = SwiftChannel
    place, in_place = "container", CONTAINER
    refusals, longest_name = requests.RequestException, 1000
    killed_every, outage = 10, 30.0
    impatient: ClassVar[dict[str, Any]] = {"timeout": 3, "connect_timeout": 3, "retries": 1}
    silence = "has not answered"

    def settings(self):
        quick = {"interval": 0.3, "first_delay": 0.05, "timeout": 20, "after": "delete"}
        given = super().settings()
        containers = [given.pop("container")]
        return {**given, **quick, "containers": containers}

    def put_described(self, name, content, content_type, order):
        self.peer.put(name, content, **{"Content-Type": content_type, "X-Object-Meta-Order": order})

    # -- large objects, several containers -----------------------------------------------------------

    def large(self, name):
        """Store a large object of two segments."""
        self.peer.request("PUT", "parts")
        manifest = []
        for number in (1, 2):
            self.peer.request("PUT", f"parts/{number}", b"%d" % number * 10)
            manifest.append({"path": f"/parts/{number}"})
        body = json.dumps(manifest).encode()
        self.peer.request("PUT", f"{CONTAINER}/{name}", body, params={"multipart-manifest": "put"})

    @pytest.mark.parametrize(("after", "parts"), [("delete", []), ("move", ["1", "2"])])
    def test_a_large_object_is_one_message_and_goes_whole(self, after, parts):
        inbox = Inbox()
        done = {"done": "done/"} if after == "move" else {}
        with self.receiving(inbox, after=after, **done):
            self.large("in/large")
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.names("in/"), 30)
            wait_until(lambda: self.peer.names(container="parts") == parts, 30)
            assert not inbox.has(2, self.settle)
        assert request.raw == b"1" * 10 + b"2" * 10 and request.headers["object-size"] == "20"
        for moved in self.peer.names("done/"):
            assert self.peer.get(moved) == request.raw
        assert len(self.peer.names("done/")) == len(done)

    def test_an_object_joined_of_others_has_the_limit_of_its_content(self):
        self.peer.request("PUT", "parts")
        for number in (1, 2):
            self.peer.request("PUT", f"parts/j/{number}", b"%d" % number * 10)
        inbox = Inbox()
        joined = {"X-Object-Manifest": "parts/j/"}
        with self.receiving(inbox, max_body=20):
            self.peer.put("in/joined", b"", **joined)
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.names("in/"), 30)
        assert request.raw == b"1" * 10 + b"2" * 10
        with self.receiving(inbox, max_body=19):
            self.peer.put("in/joined", b"", **joined)
            wait_until(lambda: len(self.peer.names("failed/")) == 2, 30)
        assert len(inbox.requests) == 1

    def test_several_containers_are_watched(self):
        self.peer.request("PUT", "größe")
        inbox = Inbox()
        with self.receiving(inbox, containers=[CONTAINER, "größe"]):
            self.peer.put("a", b"1")
            self.peer.request("PUT", "größe/a", b"2")
            self.peer.request(
                "PUT", "größe/folder", headers={"Content-Type": "application/directory"}
            )
            inbox.wait(2, self.patience)
            wait_until(lambda: self.peer.names(container="größe") == ["folder"], 30)
        found = {(request.headers["object-container"], request.raw) for request in inbox.requests}
        assert found == {(CONTAINER, b"1"), ("größe", b"2")}

    def test_a_name_with_dots_is_that_of_one_object(self):
        inbox = Inbox()
        with self.receiving(inbox) as channel:
            for name in ("x/../y", "y"):
                with channel.call(name) as client:
                    client.put_object(CONTAINER, name, name.encode())
            inbox.wait(2, self.patience)
            wait_until(lambda: not self.peer.names())
        assert {request.raw for request in inbox.requests} == {b"x/../y", b"y"}

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"password": "wrong-one"}, "check the settings username and password"),
            ({"containers": ["nowhere-at-all"]}, "check the setting containers"),
            ({"tls_ca": ""}, "set tls_ca to"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, told):
        channel = self.make(**changes)
        with pytest.raises(HansaError, match=told) as caught:
            channel.start()
        self._stop(channel, "after a refusal")
        assert "wrong-one" not in str(caught.value)


class Endless:
    """Answers as Swift does of an object joined of very many: without its size; it never ends."""

    def __init__(self, blocks):
        self.blocks = iter(blocks)
        self.is_closed = False

    def __iter__(self):
        return self.blocks

    def close(self):
        self.is_closed = True


def unstarted():
    settings = {"auth_url": "http://127.0.0.1:1/auth/v1.0", "username": "a:b", "password": "c"}
    settings["auth_type"] = "v1password"
    given = {**settings, "containers": ["c"], "service": "x", "max_body": 20, "after": "remember"}
    config: Any = load(definition_model(SwiftChannel), given)
    return SwiftChannel("x", config, LocalServer())


def test_an_object_is_looked_at_once_before_it_is_deleted(monkeypatch):
    channel = unstarted()
    asked = []

    class Answering:
        def head_object(self, container, name):
            asked.append(f"HEAD {name}")
            return {"etag": "e"}

        def delete_object(self, container, name):
            asked.append(f"DELETE {name}")

    monkeypatch.setattr(channel, "call", lambda what: contextlib.nullcontext(Answering()))
    one, other = (StoredObject("c", name, 0, 0.0, "e") for name in ("one", "other"))
    assert channel.current_object(one).etag == "e"
    channel.delete_object(one)
    channel.delete_object(one)
    channel.current_object(one)
    channel.delete_object(other)
    before, again = ["HEAD one", "DELETE one"], ["HEAD one", "HEAD other", "DELETE other"]
    assert asked == [*before, *before, *again]


@pytest.mark.parametrize("blocks", [[b"1" * 10, b"2" * 10], itertools.repeat(b"1" * 10)])
def test_an_object_whose_size_is_not_told_has_the_limit_all_the_same(monkeypatch, blocks):
    channel = unstarted()
    body = Endless(blocks)

    class Answering:
        def get_object(self, container, name, resp_chunk_size):
            return {"etag": "e"}, body

    monkeypatch.setattr(channel, "call", lambda what: contextlib.nullcontext(Answering()))
    found = StoredObject("c", "joined", 0, 0.0, "e")
    if isinstance(blocks, list):
        assert channel.read_object(found).body == b"1" * 10 + b"2" * 10
        return
    delivery = channel._delivery(found)
    assert delivery is not None
    assert "more than 20 bytes, which max_body allows" in delivery.fault
    assert body.is_closed


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"after": "move"}, {"done"}),
        ({"done": "done/"}, {"done"}),
        ({"after": "move", "done": "failed/done/"}, {"done"}),
        ({"prefix": "failed/in/"}, {"failed"}),
        ({"prefix": "a\nb"}, {"prefix"}),
        ({"login": "c"}, {"login", "username", "password"}),
        ({"containers": []}, {"containers"}),
        ({"containers": ["a/b"]}, {"containers"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    good = {
        "auth_url": "https://a.example.com",
        "auth_type": "v1password",
        "username": "u",
        "password": "p",
        "containers": ["orders"],
    }
    with pytest.raises(Invalid) as caught:
        load(SwiftWatchSettings, {**good, **settings})
    assert set(caught.value.errors) == faults
