"""The same against a real queue manager, where there is one: HANSA_TEST_IBMMQ has its settings as JSON.

    HANSA_TEST_IBMMQ='{"host": "127.0.0.1", "tls_ca": "/path/ca.pem", "queue_manager": "QM1",
        "username": "app", "password": "...", "queue": "DEV.QUEUE.1", "dead_letter_queue": "DEV.QUEUE.2"}'

Both queues are emptied.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hansa import load
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.local.registry import definition_model
from hansa_ibmmq.channel import IbmmqChannel
from hansa_ibmmq.outgoing import IbmmqOutgoing

GIVEN = os.environ.get("HANSA_TEST_IBMMQ", "")
pytestmark = pytest.mark.skipif(not GIVEN, reason="HANSA_TEST_IBMMQ names no queue manager")


def started(cls: Any, **more: Any) -> Any:
    """A running object, whose messages go to the `dispatch` that is given."""
    dispatch = more.pop("dispatch", None)
    given = {**json.loads(GIVEN), **more}
    if cls is IbmmqOutgoing:
        given.pop("dead_letter_queue", None)
    config: Any = load(definition_model(cls), given)
    one = cls("test", cls.prepare(config), LocalServer())
    if dispatch is not None:
        one.dispatch = dispatch
    one.start()
    return one


def emptied(queue: str, out: Any) -> list[str]:
    """Take all messages out of a queue."""
    found = []
    for message in out.mqweb.listed(queue, 1000):
        answer = out.mqweb.browsed(queue, message)
        assert answer is not None
        found.append(answer.text)
        assert out.mqweb.delete(queue, message)
    return found


def test_messages_go_and_come():
    settings = json.loads(GIVEN)
    out = started(IbmmqOutgoing)
    inbox = Inbox(outcomes=["done", "reject"])
    channel = None
    try:
        for queue in (settings["queue"], settings["dead_letter_queue"]):
            emptied(queue, out)
        assert out.ping()
        texts = ["Grüße \U0001f600", "poison"]
        ids = [
            out.send(text, correlation_id="order 7", priority=3, reply_to=settings["queue"])
            for text in texts
        ]
        channel = started(IbmmqChannel, service="test", interval=0.1, dispatch=inbox, pool=1)
        requests = inbox.wait(2, 60)
        wait_until(lambda: not out.mqweb.listed(settings["queue"], 10), 20)
        assert [request.raw.decode() for request in requests] == texts
        assert [request.extra["message_id"] for request in requests] == ids
        assert requests[0].extra["correlation_id"] == "order 7"
        assert requests[0].extra["priority"] == "3"
        assert emptied(settings["dead_letter_queue"], out) == ["poison"]
    finally:
        if channel is not None:
            channel.stop()
        out.stop()
