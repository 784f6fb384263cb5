"""The channel holds the contract on SeaweedFS: no object is lost, none is handled twice without need."""

from __future__ import annotations

import io

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from hansa import HansaError, Invalid, load
from hansa_devkit import Inbox
from hansa_devkit.harness.waiting import wait_until
from hansa_s3.channel import S3Channel
from hansa_s3.settings import S3WatchSettings

from plugins.connect.tests.object_contract import ObjectChannelContract
from plugins.connect.tests.on_peer import OnPeer
from plugins.s3.tests.seaweed import BUCKET, SeaweedFS


@pytest.mark.evidence("tls", "real_server")
@pytest.mark.proves("channel s3", "guarantee")
@pytest.mark.proves(
    "channel s3", "durability", "objects stay in their bucket until the service has ended"
)
@pytest.mark.proves("channel s3", "loss window", "none")
@pytest.mark.proves("channel s3", "duplicates", "what is in hand when its worker dies")
class TestSeaweedFS(OnPeer, ObjectChannelContract):
    cls, make_peer = S3Channel, SeaweedFS
    place, in_place = "bucket", BUCKET
    refusals, longest_name = ClientError, 250

    def settings(self):
        quick = {"interval": 0.3, "first_delay": 0.05, "timeout": 5, "after": "delete"}
        return {**super().settings(), **quick}

    def put_described(self, name, content, content_type, order):
        self.peer.client().put_object(
            Bucket=BUCKET,
            Key=name,
            Body=content,
            ContentType=content_type,
            Metadata={"Order": order},
        )

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
            wait_until(lambda: not self.peer.names("a"), 20)
        assert [request.raw for request in inbox.requests] == [b"first", b"second"]
        assert len(self.peer.names()) == (1 if done else 0)

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
            wait_until(lambda: not self.peer.names(), 20)
            assert not channel._deletes_conditionally
        assert refused and not self.server.losses

    def test_a_store_that_obeys_conditions_is_not_asked_once_more_what_is_there(self):
        inbox = Inbox()

        def replacing(request):
            if request.raw == b"first":
                self.peer.put("b", b"second")
            return inbox(request)

        channel = self.make()
        channel.dispatch = replacing
        with self.running(channel):
            self.peer.put("a", b"x")
            wait_until(lambda: not self.peer.names(), 20)
            assert channel.deletes_nothing_else()
            channel.current_object = None
            self.peer.put("b", b"first")
            inbox.wait(3, self.patience)
            wait_until(lambda: not self.peer.names(), 20)
        assert [request.raw for request in inbox.requests] == [b"x", b"first", b"second"]
        assert not self.server.losses

    def test_a_store_that_ignores_conditions_is_asked_each_time(self):
        inbox, ignored, looked = Inbox(), [], []

        def ignore(request, **about):
            if "If-Match" not in request.headers:
                return None
            ignored.append(request.url)
            self.peer.client().delete_object(Bucket=BUCKET, Key=request.url.rpartition("/")[2])
            raw = io.BytesIO()
            raw.stream = lambda *about, **more: iter([b""])  # type: ignore[attr-defined] # botocore reads by it
            return AWSResponse(request.url, 204, {}, raw)

        with self.receiving(inbox) as channel:
            channel.store.client.meta.events.register("before-send.s3.DeleteObject", ignore)
            look = channel.current_object

            def noting(found):
                looked.append(found.name)
                return look(found)

            channel.current_object = noting
            for name in ("a", "b", "c"):
                self.peer.put(name, b"x")
                wait_until(lambda: not self.peer.names(), 20)
                wait_until(lambda: channel._deletes_conditionally is False, 20)
        assert looked == ["a", "b", "c"] and len(ignored) == 1
        assert not self.server.losses

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


def test_what_one_deletion_has_learned_no_other_takes_back():
    """A second trial at the same time may be of an object that is gone: stores say that it is deleted."""

    class Store:
        def delete_object(self, **given):
            channel._deletes_conditionally = True  # by another thread, meanwhile

    channel = S3Channel.__new__(S3Channel)
    assert channel._is_gone_by_trial(Store(), {})
    assert channel.deletes_nothing_else()
