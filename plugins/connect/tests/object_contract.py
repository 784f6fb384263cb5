"""What channels that watch an object store hold against a real one, and a source for uploads of any size."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from typing import Any, ClassVar

import pytest
from hansa import HansaError
from hansa_devkit import ChannelContract, Inbox
from hansa_devkit.harness.waiting import wait_until

_numbers = itertools.count()


class Endless:
    """A stream of so many bytes that nobody holds in memory, and that cannot be sought in."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.block = os.urandom(64 * 1024)

    def read(self, size: int = -1) -> bytes:
        size = min(self.left, len(self.block) if size < 0 else size)
        self.left -= size
        return (self.block * (size // len(self.block) + 1))[:size]


class ObjectChannelContract(ChannelContract):
    """`self.peer` is a store that has `put`, `get`, `names`, `remove` and `clear`.

    `place` is what it calls that in which objects are, and `in_place` the one that is watched;
    `refusals` are what it raises for names that it does not take.
    """

    patience = 20.0
    place: ClassVar[str]
    in_place: ClassVar[str]
    refusals: ClassVar[type[Exception]]
    longest_name: ClassVar[int]
    killed_every: ClassVar[int] = 20
    """Objects after which the store is killed, three times."""
    outage: ClassVar[float] = 10.0
    """Seconds within which an outage has to be noticed."""
    impatient: ClassVar[dict[str, Any]] = {"timeout": 1, "connect_timeout": 1, "retries": 0}
    """Settings with which a silent store is given up soon."""

    silence: ClassVar[str] = "has not answered in time; see the setting timeout"
    """What is said of a silent store."""

    peer: Any
    peer_hangs: Any

    def put_described(self, name: str, content: bytes, content_type: str, order: str) -> None:
        """Store an object with a media type and the metadata `order`."""
        raise NotImplementedError

    def send(self, raw: bytes) -> None:
        self.peer.put(f"in/{next(_numbers):06}", raw)

    # -- what arrives ------------------------------------------------------------------------------

    def test_an_object_arrives_with_what_is_stored_with_it(self):
        inbox = Inbox()
        with self.receiving(inbox):
            self.put_described("in/Größe 1+2.csv", b"a;b", "text/csv", "7")
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.names(), 30)
        headers = request.headers
        assert request.raw == b"a;b" and headers["content-type"] == "text/csv"
        assert headers["object-name"] == "in/Größe 1+2.csv" and headers["object-size"] == "3"
        assert headers[f"object-{self.place}"] == self.in_place
        assert headers["object-meta-order"] == "7"

    def test_only_the_pattern_is_taken(self):
        inbox = Inbox()
        ignored = ["other/c.csv", "in/", "in/d.txt", "in/.e.csv"]
        with self.receiving(inbox, prefix="in/", pattern=["*.csv"], ignore=[".*"]):
            for name in (*ignored, "in/a.csv", "in/sub/b.csv"):
                self.peer.put(name, b"")
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
        assert request.payload[self.place] == self.in_place and request.raw == b""

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
            self.peer.remove("a")
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
        names = ["a\u2028b", "..", "x/../y", "a\\..\\b", "%00", "n" * self.longest_name]
        with self.receiving(inbox):
            for name in names:
                with contextlib.suppress(self.refusals):  # the store does not take it
                    self.peer.put(name, b"hostile")
            self.peer.put("good", b"good")
            assert inbox.until(lambda: any(r.raw == b"good" for r in inbox.requests), 20)

    @pytest.mark.evidence("kills")
    def test_a_server_that_dies_again_and_again_loses_nothing(self):
        every = self.killed_every
        inbox, count = Inbox(), 3 * every
        with self.receiving(inbox) as channel:
            for number in range(count):
                self.send(b"%d" % number)
                if number % every == every // 2:
                    inbox.has(number - every // 2 + 2, self.patience)
                    self.peer.kill()
                    wait_until(lambda: self.server.objects.losses, self.outage)
                    self.peer.start()
                    wait_until(lambda: self._serves(channel), 30)
            assert inbox.until(lambda: len({r.raw for r in inbox.requests}) == count, 60)
            wait_until(lambda: not self.peer.names("in/"), 30)
        assert len(inbox.requests) - count <= 3 * 20, "more came twice than were in hand"

    @pytest.mark.evidence("kills")
    def test_a_server_that_falls_silent_is_given_up_in_time(self):
        inbox = Inbox()
        with self.receiving(inbox, **self.impatient) as channel:
            self.send(b"1")
            inbox.wait(1, self.patience)
            with self.peer_hangs():
                wait_until(lambda: self.server.objects.losses, self.outage, "core is told")
                [error] = self.server.objects.losses.values()
                assert self.silence in str(error)
            wait_until(lambda: self._serves(channel), 30)
            self.send(b"2")
            # the first one comes again, before or after it, if it was not deleted any more
            assert inbox.until(
                lambda: b"2" in [request.raw for request in inbox.requests], self.patience
            )

    def _serves(self, channel):
        try:
            return self.current(channel) not in self.server.objects.losses
        except HansaError:
            return False
