"""No message of a queue is lost: it is deleted after its service, or after its copy is a dead letter."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from hansa import Invalid, load
from hansa_connect.remote import RemoteNotFound
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.local.registry import definition_model
from hansa_ibmmq import channel as module
from hansa_ibmmq.channel import IbmmqChannel


def made(mqweb, **settings: Any) -> Any:
    """A channel that is not started."""
    given = {
        **mqweb.settings,
        "queue": "IN.1",
        "dead_letter_queue": "DEAD",
        "service": "test",
        "timeout": 5.0,
        "interval": 0.02,
        "first_delay": 0.02,
        **settings,
    }
    config: Any = load(definition_model(IbmmqChannel), given)
    return IbmmqChannel("test", IbmmqChannel.prepare(config), LocalServer())


@contextmanager
def channel(mqweb, dispatch, **settings: Any):
    """A running channel."""
    one = made(mqweb, **settings)
    one.dispatch = dispatch
    try:
        one.start()
        yield one
    finally:
        one.stop()


def test_a_message_arrives_and_is_deleted(mqweb):
    inbox = Inbox()
    fields = {"correlationid": "ID:" + "ab" * 24, "replyto": "ANSWERS@QM.1", "priority": "7"}
    with channel(mqweb, inbox):
        id = mqweb.put("IN.1", "Grüße \U0001f600", **fields)
        [request] = inbox.wait(1, 60)
        wait_until(lambda: not mqweb.bodies("IN.1"))
    extra = request.extra
    assert request.raw.decode() == "Grüße \U0001f600"
    assert (extra["message_id"], extra["correlation_id"]) == (id, fields["correlationid"])
    assert (extra["reply_to"], extra["priority"]) == ("ANSWERS@QM.1", "7")
    assert extra["origin"] == {"queue": "IN.1"}


def test_it_stays_in_the_queue_until_its_service_has_ended(mqweb):
    seen = []
    inbox = Inbox()

    def look(request):
        seen.append(mqweb.bodies("IN.1"))
        return inbox(request)

    with channel(mqweb, look):
        mqweb.put("IN.1", "x")
        inbox.wait(1, 60)
        wait_until(lambda: not mqweb.bodies("IN.1"))
        assert not inbox.has(2, 0.3)
    assert seen == [["x"]]


def test_many_messages_are_handled_once(mqweb):
    inbox = Inbox()
    for number in range(300):
        mqweb.put("IN.1", str(number))
    with channel(mqweb, inbox, pool=8, prefetch=16):
        inbox.wait(100, 60)
    with channel(mqweb, inbox):
        inbox.wait(300, 60)
        wait_until(lambda: not mqweb.bodies("IN.1"))
    assert sorted(int(request.raw) for request in inbox.requests) == list(range(300))


@pytest.mark.parametrize(("outcome", "attempts"), [("retry", 3), ("reject", 1)])
def test_what_fails_is_a_dead_letter(mqweb, outcome, attempts):
    inbox = Inbox(outcome)
    fields = {"correlationid": "order 7", "priority": "7", "usr": 'kind;"a";string'}
    with channel(mqweb, inbox, max_attempts=3):
        mqweb.put("IN.1", "poison", **fields)
        wait_until(lambda: mqweb.bodies("DEAD") == ["poison"], 10)
        wait_until(lambda: not mqweb.bodies("IN.1"))
        assert not inbox.has(attempts + 1, 0.2)
    assert [request.attempt for request in inbox.requests] == list(range(1, attempts + 1))
    [dead] = mqweb.queues["DEAD"]
    assert dead.fields == {**fields, "persistence": "persistent"}


def test_a_dead_letter_whose_headers_are_refused_goes_without_them(mqweb):
    with channel(mqweb, Inbox("reject")):
        mqweb.put("IN.1", "poison", correlationid="ID:odd", priority="7")
        wait_until(lambda: mqweb.bodies("DEAD") == ["poison"], 10)
    assert mqweb.queues["DEAD"][0].fields == {"persistence": "persistent"}
    assert mqweb.complaints.pop() == "ibm-mq-md-correlationid: 'ID:odd'"


def test_an_id_that_selects_any_message_is_never_used(mqweb):
    inbox = Inbox()
    mqweb.put("IN.1", "odd")
    mqweb.queues["IN.1"][0].id = "ID:" + "0" * 48
    mqweb.put("IN.1", "x")
    with channel(mqweb, inbox):
        [request] = inbox.wait(1, 60)
        wait_until(lambda: mqweb.bodies("IN.1") == ["odd"])
    assert request.raw == b"x"


def test_a_dead_letter_that_nobody_takes_leaves_the_message_where_it_is(mqweb):
    with channel(mqweb, Inbox("reject"), dead_letter_queue="NOWHERE") as one:
        mqweb.put("IN.1", "poison")
        wait_until(lambda: one in one.server.losses, 10)
        assert isinstance(one.server.losses[one], RemoteNotFound)
    assert mqweb.bodies("IN.1") == ["poison"]


def test_the_largest_message_and_one_byte_more(mqweb):
    inbox = Inbox()
    with channel(mqweb, inbox, max_body=1000):
        mqweb.put("IN.1", "x" * 1001)
        mqweb.put("IN.1", "y" * 1000)
        [request] = inbox.wait(1, 60)
        wait_until(lambda: len(mqweb.bodies("DEAD")) == 1, 10)
    assert len(request.raw) == 1000
    assert len(mqweb.bodies("DEAD")[0]) == 1001


def test_what_is_no_text_stays_and_holds_nothing_up(mqweb, monkeypatch):
    inbox = Inbox()
    for _ in range(30):
        mqweb.put_binary("IN.1")
    mqweb.put("IN.1", "text")
    with channel(mqweb, inbox, prefetch=5) as one:
        [request] = inbox.wait(1, 60)
        wait_until(lambda: len(mqweb.bodies("IN.1")) == 30)
        assert one.server.objects.troubles[one] == "30 messages in the queue IN.1 cannot be read"
        mqweb.put("IN.1", "next")
        inbox.wait(2, 60)
        monkeypatch.setattr(module, "MOST_UNREADABLE", 30)
        mqweb.put_binary("IN.1")
        wait_until(lambda: one in one.server.losses, 10)
    assert request.raw == b"text"


def test_what_another_program_takes_is_not_waited_for(mqweb):
    inbox = Inbox("retry")
    with channel(mqweb, inbox, first_delay=0.3) as one:
        mqweb.put("IN.1", "x")
        inbox.wait(1, 60)
        mqweb.make("IN.1")
        inbox.outcome = "done"
        mqweb.put("IN.1", "next")
        assert inbox.until(lambda: inbox.requests[-1].raw == b"next", 10)
        wait_until(lambda: not one._taken)


def test_names_are_those_of_mq(mqweb):
    for name in ("a b", "ü", "x" * 49, "", "a?b"):
        with pytest.raises(Invalid, match="queue"):
            made(mqweb, queue=name)
    mqweb.make("A/B%C._")
    inbox = Inbox()
    with channel(mqweb, inbox, queue="A/B%C._"):
        mqweb.put("A/B%C._", "x")
        inbox.wait(1, 60)


def test_a_queue_that_is_not_there_is_told(mqweb):
    with pytest.raises(RemoteNotFound) as caught:
        with channel(mqweb, Inbox(), queue="NOWHERE"):
            pass
    assert "NOWHERE" in caught.value.explanation and "2085" in caught.value.explanation
