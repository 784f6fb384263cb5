"""The channel holds the contract on Swift: no object is lost, none is handled twice without need."""

from __future__ import annotations

import contextlib
import itertools
import json

import pytest
import requests
from hansa import HansaError, Invalid, load
from hansa_devkit import ChannelContract, Inbox
from hansa_devkit.harness.waiting import wait_until
from hansa_swift.channel import SwiftChannel
from hansa_swift.settings import SwiftWatchSettings

from plugins.swift.tests.on_swift import OnSwift
from plugins.swift.tests.swift_server import CONTAINER

_numbers = itertools.count()


@pytest.mark.evidence("tls", "real_server")
@pytest.mark.proves("channel swift", "guarantee")
@pytest.mark.proves(
    "channel swift", "durability", "objects stay in their container until the service has ended"
)
@pytest.mark.proves("channel swift", "loss window", "none")
@pytest.mark.proves("channel swift", "duplicates", "what is in hand when its worker dies")
class TestSwift(OnSwift, ChannelContract):
    cls = SwiftChannel
    patience = 20.0

    def settings(self):
        quick = {"interval": 0.3, "first_delay": 0.05, "timeout": 20, "after": "delete"}
        given = super().settings()
        containers = [given.pop("container")]
        return {**given, **quick, "containers": containers}

    def send(self, raw):
        self.peer.put(f"in/{next(_numbers):06}", raw)

    # -- what arrives ------------------------------------------------------------------------------

    def test_an_object_arrives_with_what_is_stored_with_it(self):
        inbox = Inbox()
        stored = {"Content-Type": "text/csv", "X-Object-Meta-Order": "7"}
        with self.receiving(inbox):
            self.peer.put("in/Größe 1+2.csv", b"a;b", **stored)
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.names(), 30)
        headers = request.headers
        assert request.raw == b"a;b" and headers["content-type"] == "text/csv"
        assert headers["object-name"] == "in/Größe 1+2.csv" and headers["object-size"] == "3"
        assert headers["object-container"] == CONTAINER and headers["object-meta-order"] == "7"

    def test_only_the_pattern_is_taken(self):
        inbox = Inbox()
        ignored = ["other/c.csv", "in/", "in/d.txt", "in/.e.csv"]
        with self.receiving(inbox, prefix="in/", pattern=["*.csv"], ignore=[".*"]):
            for key in (*ignored, "in/a.csv", "in/sub/b.csv"):
                self.peer.put(key, b"")
            inbox.wait(2, self.patience)
            assert not inbox.has(3, self.settle)
        names = {request.headers["object-name"] for request in inbox.requests}
        assert names == {"in/a.csv", "in/sub/b.csv"}
        assert sorted(self.peer.names()) == sorted(ignored)

    def test_the_name_alone_may_be_delivered(self):
        inbox = Inbox()
        with self.receiving(inbox, deliver="name", max_body=1):
            self.peer.put("large", b"12345")
            [request] = inbox.wait(1, self.patience)
        assert request.payload["name"] == "large" and request.payload["size"] == 5
        assert request.payload["container"] == CONTAINER and request.raw == b""

    # -- what becomes of it ------------------------------------------------------------------------

    def test_what_was_handled_is_remembered_also_by_the_next_object(self):
        inbox = Inbox()
        with self.receiving(inbox, after="remember"):
            self.peer.put("a", b"1")
            inbox.wait(1, self.patience)
        with self.receiving(inbox, after="remember"):
            self.peer.put("b", b"2")
            inbox.wait(2, self.patience)
            assert not inbox.has(3, self.settle)
            self.peer.put("a", b"3")
            inbox.wait(3, self.patience)
        assert [request.raw for request in inbox.requests] == [b"1", b"2", b"3"]
        assert self.peer.names() == ["a", "b"]

    def test_no_more_is_remembered_than_may_be(self):
        inbox = Inbox()
        with self.receiving(inbox, after="remember", remember_limit=1):
            self.peer.put("a", b"1")
            inbox.wait(1, self.patience)
            self.peer.put("b", b"2")
            wait_until(lambda: "remember_limit" in str(self.server.objects.troubles), 10)
            assert len(inbox.requests) == 1
            self.peer.request("DELETE", f"{CONTAINER}/a")
            inbox.wait(2, self.patience)

    def test_what_was_handled_may_be_moved(self):
        inbox = Inbox()
        with self.receiving(inbox, after="move", done="done/"):
            self.peer.put("in/a.csv", b"1")
            inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.names("in/"))
            assert not inbox.has(2, self.settle)
        [moved] = self.peer.names()
        assert moved.startswith("done/in/") and moved.endswith("-a.csv")

    def test_what_replaces_an_object_in_hand_is_not_taken_away_with_it(self):
        inbox = Inbox()
        seen = []

        def replacing(request):
            seen.append(request.raw)
            if len(seen) == 1:
                self.peer.put("a", b"second")
            return inbox(request)

        channel = self.make()
        channel.dispatch = replacing
        with self.running(channel):
            self.peer.put("a", b"first")
            inbox.wait(2, self.patience)
            wait_until(lambda: not self.peer.names())
        assert seen == [b"first", b"second"]

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

    # -- what fails --------------------------------------------------------------------------------

    @pytest.mark.parametrize(("outcome", "attempts"), [("retry", 3), ("reject", 1)])
    def test_what_cannot_be_handled_is_moved_aside_with_the_cause(self, outcome, attempts):
        inbox = Inbox(outcome)
        with self.receiving(inbox, max_attempts=3):
            self.peer.put("in/poison", b"x")
            wait_until(lambda: len(self.peer.names("failed/")) == 2, 20)
            assert not inbox.has(attempts + 1, self.settle)
        assert [request.attempt for request in inbox.requests] == list(range(1, attempts + 1))
        failed, cause = self.peer.names("failed/")
        assert cause == f"{failed}.cause.json" and self.peer.names("in/") == []
        told = json.loads(self.peer.get(cause))
        assert told["object"] == "in/poison" and told["attempts"] == attempts
        assert told["problem"]["cid"] == inbox.requests[-1].cid

    def test_what_fails_and_stays_is_not_taken_again(self):
        inbox = Inbox("reject")
        with self.receiving(inbox, after="remember"):
            self.peer.put("poison", b"x")
            inbox.wait(1, self.patience)
            assert not inbox.has(2, 3 * self.settle)
        assert self.peer.names() == ["poison"]

    def test_one_that_is_too_large_is_moved_aside_unread(self):
        for limit, failed in ((2000, 0), (1999, 1)):
            self.peer.clear()
            inbox = Inbox()
            with self.receiving(inbox, max_body=limit):
                self.peer.put("large", b"x" * 2000)
                if failed:
                    wait_until(lambda: len(self.peer.names("failed/")) == 2)
                else:
                    inbox.wait(1, self.patience)
                    wait_until(lambda: not self.peer.names())
            assert len(inbox.requests) == 1 - failed
            assert len(self.peer.names("failed/")) == 2 * failed

    def test_hostile_names_hold_nothing_up(self):
        inbox = Inbox()
        names = ["a\u2028b", "..", "x/../y", "a\\..\\b", "%00", "n" * 1000]
        with self.receiving(inbox):
            for name in names:
                with contextlib.suppress(requests.RequestException):  # Swift does not take it
                    self.peer.put(name, b"hostile")
            self.peer.put("good", b"good")
            assert inbox.until(lambda: any(r.raw == b"good" for r in inbox.requests), 20)

    def test_a_name_with_dots_is_that_of_one_object(self):
        inbox = Inbox()
        with self.receiving(inbox) as channel:
            for name in ("x/../y", "y"):
                with channel.call(name) as client:
                    client.put_object(CONTAINER, name, name.encode())
            inbox.wait(2, self.patience)
            wait_until(lambda: not self.peer.names())
        assert {request.raw for request in inbox.requests} == {b"x/../y", b"y"}

    @pytest.mark.evidence("kills")
    def test_a_server_that_dies_again_and_again_loses_nothing(self):
        inbox, count = Inbox(), 30
        with self.receiving(inbox) as channel:
            for number in range(count):
                self.send(b"%d" % number)
                if number % 10 == 5:
                    inbox.has(number - 4, self.patience)
                    self.peer.kill()
                    wait_until(lambda: self.server.objects.losses, 30)
                    self.peer.start()
                    wait_until(lambda: self._serves(channel), 30)
            assert inbox.until(lambda: len({r.raw for r in inbox.requests}) == count, 60)
            wait_until(lambda: not self.peer.names("in/"), 30)
        assert len(inbox.requests) - count <= 3 * 20, "more came twice than were in hand"

    @pytest.mark.evidence("kills")
    def test_a_server_that_falls_silent_is_given_up_in_time(self):
        inbox = Inbox()
        with self.receiving(inbox, timeout=3, connect_timeout=3, retries=1) as channel:
            self.send(b"1")
            inbox.wait(1, self.patience)
            with self.peer_hangs():
                wait_until(lambda: self.server.objects.losses, 30, "core is told")
                [error] = self.server.objects.losses.values()
                assert "has not answered" in str(error)
            wait_until(lambda: self._serves(channel), 30)
            self.send(b"2")
            assert inbox.until(lambda: inbox.requests[-1].raw == b"2", self.patience)

    def _serves(self, channel):
        try:
            return self.current(channel) not in self.server.objects.losses
        except HansaError:
            return False

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
