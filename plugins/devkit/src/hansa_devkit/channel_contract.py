"""What a channel must hold: inherit `ChannelContract`, name the class and good settings, and say
how its peer sends.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, ClassVar, get_args

import pytest
from hansa import Guarantee, Request

from .background import in_background
from .contract import Contract
from .inbox import Inbox


class ChannelContract(Contract):
    """The whole suite for a channel.

    An author gives `cls`, `good` and `send`, and, where there is a peer that may go away,
    `peer_down` and `peer_up`. Each test should find an empty source: make queues, topics and
    folders anew in a fixture. A check that a transport cannot hold is set to None in the subclass,
    with a comment that says why.
    """

    headers: ClassVar[Mapping[str, str]] = {}
    """Headers that every message must bring, lower-case."""
    messages: ClassVar[Sequence[bytes]] = (b'{"n": 1}', "Grüße, мир".encode(), bytes(range(256)))
    """Bodies that must arrive as they were sent."""
    loses_on_edit: ClassVar[bool] = False
    """Whether the transport drops what has no subscriber, so that an edit may lose messages."""

    counts_attempts: ClassVar[bool] = True
    """Whether the channel knows that a message comes again; False where the sender repeats it."""

    def send(self, raw: bytes) -> None:
        """Have the peer send one message; returns once the peer has got rid of it (acknowledged, or
        stored by a broker).
        """
        pytest.fail(f"{type(self).__name__} must define send(self, raw)")

    def message(self, number: int) -> bytes:
        """The body of a message that can be told from others."""
        return b'{"number": %d}' % number

    def same(self, request: Request, raw: bytes) -> bool:
        """Whether a request carries what was sent; override where the transport wraps or converts
        it.
        """
        return request.raw == raw

    def peer_down(self) -> None:
        """Make the peer unreachable, as if it had crashed."""
        pytest.skip("the test class has no peer_down()")

    def peer_up(self) -> None:
        """Bring the peer back, at the same address."""
        pytest.skip("the test class has no peer_up()")

    def settings(self) -> dict[str, Any]:
        """The good settings; the service is called echo unless they say otherwise."""
        return {"service": "echo", **self.good}

    def make(self, name: str = "conformance", **changes: Any) -> Any:
        """A new channel, not started, whose messages go into an inbox of its own."""
        channel = super().make(name, **changes)
        channel.dispatch = Inbox()
        return channel

    @property
    def guarantee(self) -> Guarantee:
        """What the channel promises with the good settings, and the kit holds it to."""
        found: Guarantee = self.cls.delivery_of(self.config())
        return found

    def exercise(self, thing: Any) -> None:
        """Let one message through."""
        with self._sending(self.message(0)):
            if self.guarantee == "at_least_once" or thing.dispatch.has(1, self.patience / 5):
                thing.dispatch.wait(1, self.patience)
                return
        # it may have been lost while this object took the place of another
        with self._sending(self.message(1)):
            thing.dispatch.wait(1, self.patience)

    @contextmanager
    def receiving(self, inbox: Inbox, **changes: Any) -> Iterator[Any]:
        """A running channel whose messages go into `inbox`."""
        channel = self.make(**changes)
        channel.dispatch = inbox
        with self.running(channel):
            yield channel

    @contextmanager
    def _sending(self, raw: bytes) -> Iterator[Future[None]]:
        """Send in the background, since a sender may wait for its acknowledgement; its error comes
        out at the end.
        """
        if type(self).send is ChannelContract.send:
            self.send(raw)  # says that it is missing
        future = in_background(self.send, raw)
        try:
            yield future
        except AssertionError:
            if future.done():
                future.result()  # an error of the sender explains why nothing arrived
            raise
        future.result(self.patience)

    def test_its_guarantee_is_declared(self) -> None:
        """`delivery`, and `delivery_of` with the good settings, are one of the two guarantees."""
        for found in (self.cls.delivery, self.guarantee):
            assert found in get_args(Guarantee), f"{found!r} is not one of {get_args(Guarantee)}"

    def test_body_and_headers_arrive(self) -> None:
        """Bodies arrive byte for byte, with their headers, each with a correlation id of its own."""
        inbox = Inbox()
        with self.receiving(inbox):
            for count, raw in enumerate(self.messages, 1):
                with self._sending(raw):
                    request = inbox.wait(count, self.patience)[-1]
                assert self.same(request, raw), f"sent {raw[:60]!r}, arrived {request.raw[:60]!r}"
                for name, value in self.headers.items():
                    assert request.headers.get(name) == value, (
                        f"header {name}: {request.headers.get(name)!r}"
                    )
                assert all(name == name.lower() for name in request.headers), (
                    "names of headers must be lower-case"
                )
        cids = {request.cid for request in inbox.requests}
        assert all(cids), "each message needs a correlation id"
        assert len(cids) == len(inbox.requests), "each message needs a correlation id of its own"

    def test_nothing_arrives_after_stop(self) -> None:
        """Once `stop` has returned, no message is dispatched any more."""
        inbox = Inbox()
        with self.receiving(inbox):
            with self._sending(self.message(1)):
                inbox.wait(1, self.patience)
        in_background(self._try_to_send, self.message(2))
        assert not inbox.has(2, self.settle), "a message was dispatched after stop()"

    def test_a_failing_service_is_not_acknowledged(self) -> None:
        """What the service could not handle is delivered again, until it could."""
        self._only_at_least_once()
        inbox = Inbox(outcomes=["retry"])
        raw = self.message(1)
        with self.receiving(inbox):
            with self._sending(raw):
                requests = inbox.wait(2, self.patience)
            assert all(self.same(request, raw) for request in requests)
            if self.counts_attempts:
                attempts = [request.attempt for request in requests]
                assert attempts == [1, 2], (
                    f"Request.attempt counts deliveries from 1; the first two had {attempts}"
                )
            assert not inbox.has(3, self.settle), "the message came again although it was handled"

    def test_unhandled_messages_outlive_the_channel(self) -> None:
        """What was not handled when the channel stopped reaches the next one."""
        self._only_at_least_once()
        failing, working = Inbox("retry"), Inbox()
        raw = self.message(1)
        with self._sending(raw):
            with self.receiving(failing):
                failing.wait(1, self.patience)
            with self.receiving(working):
                requests = working.wait(1, self.patience)
        assert self.same(requests[0], raw)

    def test_a_rejected_message_does_not_come_back(self) -> None:
        """A malformed message is given up, not tried for ever."""
        inbox = Inbox("reject")
        raw = self.message(1)

        def times() -> int:
            # what a sender of another test got rid of only now does not count
            return sum(self.same(request, raw) for request in inbox.requests)

        with self.receiving(inbox):
            in_background(self._try_to_send, raw)
            assert inbox.until(lambda: times() > 0, self.patience), "nothing arrived"
            assert not inbox.until(lambda: times() > 1, self.settle), (
                "a rejected message came again"
            )

    def test_a_swapped_dispatch_is_obeyed(self) -> None:
        """The channel asks for `self.dispatch` each time: core swaps it when a service or a
        security definition changes.
        """
        first, second = Inbox(), Inbox()
        with self.receiving(first) as channel:
            with self._sending(self.message(1)):
                first.wait(1, self.patience)
            channel.dispatch = second
            with self._sending(self.message(2)):
                arrived = second.has(1, self.patience)
        assert arrived, "a dispatch that was put in place is not called"
        assert len(first.requests) == 1, "a dispatch that was replaced is still called"

    def test_recovers_when_the_peer_comes_back(self) -> None:
        """A running channel finds its peer again, by itself or by telling core that it is lost."""
        inbox = Inbox()
        with self.receiving(inbox) as channel:
            with self._sending(self.message(1)):
                inbox.wait(1, self.patience)
            self.peer_down()
            time.sleep(self.settle)
            self.peer_up()
            assert self._gets_through(inbox, channel), (
                f"nothing arrives {self.patience:g} s after the peer came back"
            )

    def test_starts_without_its_peer(self) -> None:
        """Without its peer, `start` raises soon or keeps trying; `stop` works; with the peer there,
        messages arrive.
        """
        inbox = Inbox()
        self.peer_down()
        began = time.monotonic()
        channel = self.make()
        channel.dispatch = inbox
        try:
            channel.start()
            raised = False
        except Exception:
            raised = True
        took = time.monotonic() - began
        if not raised:
            self.peer_up()
            arrived = self._gets_through(inbox)
        self._stop(channel, "without its peer")
        assert took < self.patience, f"start() took {took:.0f} s without its peer"
        if raised:
            self.peer_up()
            with self.receiving(inbox):
                arrived = self._gets_through(inbox)
        assert arrived, "nothing arrives after the peer came back"

    def test_an_edit_under_load_loses_nothing(self) -> None:
        """While objects replace one another as core does it, every message that the peer got rid of
        is dispatched.
        """
        inbox, done, numbers = Inbox(), threading.Event(), itertools.count()
        accepted: list[bytes] = []
        refused: list[BaseException] = []

        def keep_sending() -> None:
            while not done.is_set():
                raw = self.message(next(numbers))
                try:
                    self.send(raw)
                    accepted.append(raw)
                except Exception as error:
                    refused.append(error)
                done.wait(0.002)

        channel = self._start(inbox)
        try:
            senders = [in_background(keep_sending) for _ in range(4)]
            for _ in range(3):
                assert inbox.has(len(inbox.requests) + 5, self.patience), (
                    "messages stopped arriving"
                )
                if self.cls.exclusive:
                    channel.stop()
                    channel = self._start(inbox)
                else:
                    old, channel = channel, self._start(inbox)
                    old.stop()
            inbox.has(len(inbox.requests) + 5, self.patience)
            done.set()
            for sender in senders:
                sender.result(self.patience)
            missing = self._missing(accepted, inbox)
        finally:
            done.set()
            channel.stop()
        assert self.cls.exclusive or not refused, (
            f"{len(refused)} messages were refused during an edit: {refused[0]!r}"
        )
        assert self.loses_on_edit or not missing, (
            f"{len(missing)} of {len(accepted)} messages were lost"
        )
        if self.guarantee == "at_most_once":
            assert len(inbox.requests) <= len(accepted) + len(refused), (
                "a message was dispatched twice"
            )

    def _start(self, inbox: Inbox) -> Any:
        channel = self.make()
        channel.dispatch = inbox
        try:
            channel.start()
        except BaseException:
            channel.stop()
            raise
        return channel

    def _missing(self, accepted: list[bytes], inbox: Inbox) -> list[bytes]:
        """What was accepted and has not arrived, though everything had time to: `patience` since
        something did.

        PERF: each request is looked at once; the channel waits meanwhile.
        """
        missing, seen = list(accepted), 0

        def complete() -> bool:
            nonlocal seen
            arrived = inbox.requests[seen:]
            seen += len(arrived)
            for request in arrived:
                missing[:] = [raw for raw in missing if not self.same(request, raw)]
            return not missing

        left = len(accepted) + 1
        while not self.loses_on_edit and len(missing) < left:
            left = len(missing)
            if inbox.until(complete, self.patience):
                break
        return missing

    def _gets_through(self, inbox: Inbox, channel: Any = None) -> bool:
        """Whether a message arrives in time, however many must be sent."""
        end = time.monotonic() + self.patience
        count = len(inbox.requests)
        while time.monotonic() < end:
            with contextlib.suppress(Exception):  # as core would, try again
                self.current(channel)
            in_background(self._try_to_send, self.message(2))
            if inbox.has(count + 1, 0.3):
                return True
        return False

    def _try_to_send(self, raw: bytes) -> None:
        with contextlib.suppress(Exception):  # that nobody takes it is what these tests are about
            self.send(raw)

    def _only_at_least_once(self) -> None:
        if self.guarantee != "at_least_once":
            pytest.skip("delivery is at_most_once: a message that fails is not kept")
