"""The channel holds the contract on SeaweedFS: no object is lost, none is handled twice without need."""

from __future__ import annotations

import contextlib
import io
import itertools
import json

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from hansa import HansaError, Invalid, load
from hansa_devkit import ChannelContract, Inbox
from hansa_devkit.harness.waiting import wait_until
from hansa_s3.channel import S3Channel
from hansa_s3.settings import S3WatchSettings

from plugins.connect.tests.on_peer import OnPeer
from plugins.s3.tests.seaweed import BUCKET, SeaweedFS

_numbers = itertools.count()


@pytest.mark.evidence("tls", "real_server")
@pytest.mark.proves("channel s3", "guarantee")
@pytest.mark.proves(
    "channel s3", "durability", "objects stay in their bucket until the service has ended"
)
@pytest.mark.proves("channel s3", "loss window", "none")
@pytest.mark.proves("channel s3", "duplicates", "what is in hand when its worker dies")
class TestSeaweedFS(OnPeer, ChannelContract):
    cls, make_peer = S3Channel, SeaweedFS
    patience = 20.0

    def settings(self):
        quick = {"interval": 0.3, "first_delay": 0.05, "timeout": 5, "after": "delete"}
        return {**super().settings(), **quick}

    def send(self, raw):
        self.peer.put(f"in/{next(_numbers):06}", raw)

    # -- what arrives ------------------------------------------------------------------------------

    def test_an_object_arrives_with_what_is_stored_with_it(self):
        inbox = Inbox()
        client = self.peer.client()
        with self.receiving(inbox):
            client.put_object(
                Bucket=BUCKET,
                Key="in/Größe 1+2.csv",
                Body=b"a;b",
                ContentType="text/csv",
                Metadata={"Order": "7"},
            )
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.keys())
        headers = request.headers
        assert request.raw == b"a;b" and headers["content-type"] == "text/csv"
        assert headers["object-name"] == "in/Größe 1+2.csv" and headers["object-size"] == "3"
        assert headers["object-bucket"] == BUCKET and headers["object-meta-order"] == "7"

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
        assert sorted(self.peer.keys()) == sorted(ignored)

    def test_the_name_alone_may_be_delivered(self):
        inbox = Inbox()
        with self.receiving(inbox, deliver="name", max_body=1):
            self.peer.put("large", b"12345")
            [request] = inbox.wait(1, self.patience)
        assert request.payload["name"] == "large" and request.payload["size"] == 5
        assert request.payload["bucket"] == BUCKET and request.raw == b""

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
        assert self.peer.keys() == ["a", "b"]

    def test_no_more_is_remembered_than_may_be(self):
        inbox = Inbox()
        with self.receiving(inbox, after="remember", remember_limit=1):
            self.peer.put("a", b"1")
            inbox.wait(1, self.patience)
            self.peer.put("b", b"2")
            wait_until(lambda: "remember_limit" in str(self.server.objects.troubles), 10)
            assert len(inbox.requests) == 1
            self.peer.client().delete_object(Bucket=BUCKET, Key="a")
            inbox.wait(2, self.patience)

    def test_what_was_handled_may_be_moved(self):
        inbox = Inbox()
        with self.receiving(inbox, after="move", done="done/"):
            self.peer.put("in/a.csv", b"1")
            inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.keys("in/"))
            assert not inbox.has(2, self.settle)
        [moved] = self.peer.keys()
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
            wait_until(lambda: not self.peer.keys())
        assert seen == [b"first", b"second"]

    @pytest.mark.parametrize("done", ["", "done/"])
    def test_what_replaces_an_object_after_the_last_look_is_not_taken_away_with_it(self, done):
        inbox = Inbox()
        looked = []
        moves = {"after": "move", "done": done} if done else {}
        channel = self.make(**moves)
        channel.dispatch = inbox
        look = channel.current_object

        def replacing(found):
            current = look(found)
            looked.append(current.etag)
            if len(looked) == 1:
                self.peer.put("a", b"second")
            return current

        channel.current_object = replacing
        with self.running(channel):
            self.peer.put("a", b"first")
            inbox.wait(2, self.patience)
            wait_until(lambda: not self.peer.keys("a"), 20)
        assert [request.raw for request in inbox.requests] == [b"first", b"second"]
        assert len(self.peer.keys()) == (1 if done else 0)

    def test_a_store_without_conditional_deletion_is_asked_without_the_condition(self):
        inbox = Inbox()
        refused = []

        def refuse(request, **about):
            if "If-Match" not in request.headers:
                return None
            refused.append(request.url)
            content = b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>"
            raw = io.BytesIO(content)
            raw.stream = lambda *about, **more: iter([content])  # type: ignore[attr-defined] # botocore reads by it
            return AWSResponse(request.url, 501, {}, raw)

        with self.receiving(inbox) as channel:
            channel.store.client.meta.events.register("before-send.s3.DeleteObject", refuse)
            for name in ("a", "b"):
                self.peer.put(name, b"x")
            inbox.wait(2, self.patience)
            wait_until(lambda: not self.peer.keys(), 20)
            assert not channel._deletes_conditionally
        assert refused and not self.server.losses

    # -- what fails --------------------------------------------------------------------------------

    @pytest.mark.parametrize(("outcome", "attempts"), [("retry", 3), ("reject", 1)])
    def test_what_cannot_be_handled_is_moved_aside_with_the_cause(self, outcome, attempts):
        inbox = Inbox(outcome)
        with self.receiving(inbox, max_attempts=3):
            self.peer.put("in/poison", b"x")
            wait_until(lambda: len(self.peer.keys("failed/")) == 2, 20)
            assert not inbox.has(attempts + 1, self.settle)
        assert [request.attempt for request in inbox.requests] == list(range(1, attempts + 1))
        failed, cause = self.peer.keys("failed/")
        assert cause == f"{failed}.cause.json" and self.peer.keys("in/") == []
        body = self.peer.client().get_object(Bucket=BUCKET, Key=cause)["Body"].read()
        told = json.loads(body)
        assert told["object"] == "in/poison" and told["attempts"] == attempts
        assert told["problem"]["cid"] == inbox.requests[-1].cid

    def test_what_fails_and_stays_is_not_taken_again(self):
        inbox = Inbox("reject")
        with self.receiving(inbox, after="remember"):
            self.peer.put("poison", b"x")
            inbox.wait(1, self.patience)
            assert not inbox.has(2, 3 * self.settle)
        assert self.peer.keys() == ["poison"]

    def test_one_that_is_too_large_is_moved_aside_unread(self):
        for limit, failed in ((2000, 0), (1999, 1)):
            self.peer.clear()
            inbox = Inbox()
            with self.receiving(inbox, max_body=limit):
                self.peer.put("large", b"x" * 2000)
                if failed:
                    wait_until(lambda: len(self.peer.keys("failed/")) == 2)
                else:
                    inbox.wait(1, self.patience)
                    wait_until(lambda: not self.peer.keys())
            assert len(inbox.requests) == 1 - failed
            assert len(self.peer.keys("failed/")) == 2 * failed

    def test_hostile_names_hold_nothing_up(self):
        inbox = Inbox()
        names = ["a\u2028b", "..", "x/../y", "a\\..\\b", "%00", "n" * 250]
        with self.receiving(inbox):
            for name in names:
                with contextlib.suppress(ClientError):  # SeaweedFS does not take it
                    self.peer.put(name, b"hostile")
            self.peer.put("good", b"good")
            assert inbox.until(lambda: any(r.raw == b"good" for r in inbox.requests), 20)

    @pytest.mark.evidence("kills")
    def test_a_server_that_dies_again_and_again_loses_nothing(self):
        inbox, count = Inbox(), 60
        with self.receiving(inbox) as channel:
            for number in range(count):
                self.send(b"%d" % number)
                if number % 20 == 10:
                    inbox.has(number - 8, self.patience)
                    self.peer.kill()
                    wait_until(lambda: self.server.objects.losses, 10)
                    self.peer.start()
                    wait_until(lambda: self._serves(channel), 15)
            assert inbox.until(lambda: len({r.raw for r in inbox.requests}) == count, 60)
            wait_until(lambda: not self.peer.keys("in/"), 30)
        assert len(inbox.requests) - count <= 3 * 20, "more came twice than were in hand"

    @pytest.mark.evidence("kills")
    def test_a_server_that_falls_silent_is_given_up_in_time(self):
        inbox = Inbox()
        with self.receiving(inbox, timeout=1, connect_timeout=1, retries=0) as channel:
            self.send(b"1")
            inbox.wait(1, self.patience)
            with self.peer_hangs():
                wait_until(lambda: self.server.objects.losses, 10, "core is told")
                [error] = self.server.objects.losses.values()
                assert "has not answered in time; see the setting timeout" in str(error)
            wait_until(lambda: self._serves(channel), 15)
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
            ({"secret_access_key": "wrong-one"}, "check the settings access_key_id and secret"),
            ({"bucket": "nowhere-at-all"}, "check the setting bucket"),
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
        ({"access_key_id": "A", "secret_access_key": "B", "login": "c"}, {"login"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(S3WatchSettings, {"bucket": "orders", **settings})
    assert set(caught.value.errors) == faults
