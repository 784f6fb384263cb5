"""Objects in a test are started as core does it, and stopped whatever happens."""

from __future__ import annotations

import threading
from typing import Annotated

import pytest
from hansa import Channel, Model, Request, Response, setting
from hansa_devkit.harness.objects import Held, Judged, made, running


class TalkSettings(Model):
    line: Annotated[str, setting("What is said")] = "nothing"


class TalkChannel(Channel[TalkSettings]):
    """Says one line when it starts."""

    type = "talk"

    def start(self):
        self.said = self.dispatch(Request(self.config.line.encode()))

    def stop(self):
        self.stopped = True


def test_a_channel_runs_with_a_function_for_its_service():
    service = Judged(lambda request: "done" if request.raw == b"hello" else "reject")
    for line, outcome in (("hello", "done"), ("bye", "reject")):
        with running(made(TalkChannel, {"line": line, "service": "any"}), service) as one:
            assert (one.name, one.said.outcome) == ("test", outcome)
        assert one.stopped
    assert [request.raw for request in service.inbox.requests] == [b"hello", b"bye"]


def fail(request: Request) -> Response:
    raise RuntimeError("it does not answer")


def test_what_does_not_start_is_stopped_all_the_same():
    one = made(TalkChannel, {"service": "any"}, name="other")
    with pytest.raises(RuntimeError, match="it does not answer"):
        with running(one, fail):
            pass
    assert one.stopped and one.name == "other"


def test_a_message_is_held_until_it_is_let_go():
    held = Held()
    ended = []
    thread = threading.Thread(target=lambda: ended.append(held(Request(b"x"))))
    thread.start()
    held.inbox.wait(1, 30)
    assert not ended
    held.going.set()
    thread.join(30)
    assert ended[0].outcome == "done"
