"""What the channel does with messages: acknowledged, put back, terminated, answered."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hansa import Invalid, Response, Unavailable
from hansa_devkit import Inbox
from hansa_devkit.harness.objects import Held, Judged
from hansa_devkit.harness.waiting import wait_until

from plugins.nats.tests.support import channel, outgoing


@pytest.fixture
def stream(broker):
    return broker.stream()


def consuming(broker, service, stream, **settings):
    own = {"stream": stream, "dead_letter_subject": f"dead.{stream}", **settings}
    return channel(broker, service, f"{stream}.>", **own)


def settled(broker, stream):
    wait_until(lambda: broker.pending(stream) == 0, 10, "all is settled")


def dead(broker, stream, count):
    wait_until(lambda: len(broker.read(f"{stream}-dead")) == count, 15, f"{count} dead letters")
    return broker.read(f"{stream}-dead")


def test_what_is_handled_is_acknowledged(broker, stream):
    inbox = Inbox()
    bodies = [b"%d" % number for number in range(300)]
    broker.store(f"{stream}.größe", *bodies, headers={"Own": "мир"})
    with consuming(broker, inbox, stream, pool=8, prefetch=16):
        requests = inbox.wait(300, 60)
        settled(broker, stream)
    assert sorted(request.raw for request in requests) == sorted(bodies)
    assert requests[0].headers["own"] == "мир"
    assert requests[0].extra["subject"] == f"{stream}.größe"
    assert {request.extra["stream"] for request in requests} == {stream}
    assert not any(request.extra["redelivered"] for request in requests)


def test_a_consumer_that_refuses_what_is_asked_for_is_told_to_core(broker, stream):
    async def restrict(client: Any) -> None:
        [found] = await client.jetstream().consumers_info(stream)
        config = {**found.config.as_dict(), "max_batch": 1}
        subject = f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{found.name}"
        wanted = json.dumps({"stream_name": stream, "config": config})
        answer = json.loads((await client.request(subject, wanted.encode())).data)
        assert answer["config"]["max_batch"] == 1

    with consuming(broker, Inbox(), stream, pool=2, prefetch=4) as one:
        broker.do(restrict)
        wait_until(lambda: one.server.losses, 30, "it is lost")
    [error] = one.server.losses.values()
    assert "409 Exceeded MaxRequestBatch" in str(error)


def test_a_message_that_fails_is_tried_again_until_it_succeeds(broker, stream):
    service = Judged(lambda request: "done" if request.attempt == 3 else "retry")
    with consuming(broker, service, stream):
        broker.store(f"{stream}.a", b"message")
        requests = service.inbox.wait(3, 60)
        settled(broker, stream)
    assert [request.attempt for request in requests] == [1, 2, 3]


def test_after_the_last_attempt_it_is_terminated_and_a_dead_letter(broker, stream):
    service = Judged(lambda request: "retry")
    reasons: list[dict[str, Any]] = []
    ready, done = threading.Event(), threading.Event()

    async def watch(client: Any) -> None:
        import asyncio

        async def note(message: Any) -> None:
            reasons.append(json.loads(message.data))

        await client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>", cb=note)
        await client.flush()
        ready.set()
        while not done.is_set():
            await asyncio.sleep(0.02)

    watcher = threading.Thread(target=broker.do, args=(watch,))
    watcher.start()
    try:
        assert ready.wait(10)
        with consuming(broker, service, stream, max_attempts=3):
            own = {"Own": "1", "Nats-Msg-Id": "same"}
            broker.store(f"{stream}.a", b"poison", headers=own)
            (message,) = dead(broker, stream, 1)
            settled(broker, stream)
            wait_until(lambda: reasons, 10, "the advisory")
    finally:
        done.set()
        watcher.join()
    headers = message.headers
    assert (message.data, headers["Own"]) == (b"poison", "1")
    cause = "Unavailable: the conformance kit asks for another attempt"
    assert (headers["x-hansa-cause"], headers["x-hansa-attempts"]) == (cause, "3")
    assert (headers["x-hansa-stream"], headers["x-hansa-sequence"]) == (stream, "1")
    assert headers["x-hansa-subject"] == f"{stream}.a"
    assert len(json.loads(headers["x-hansa-history"])) == 1
    assert (reasons[0]["stream"], reasons[0]["reason"]) == (stream, cause)


def test_without_a_subject_for_dead_letters_it_stays_in_its_stream(broker, stream):
    with consuming(broker, Inbox("reject"), stream, dead_letter_subject=""):
        broker.store(f"{stream}.a", b"malformed")
        settled(broker, stream)
    assert [each.data for each in broker.read(stream)] == [b"malformed"]
    queue = broker.stream(retention="workqueue")
    with pytest.raises(Unavailable, match="drops what is given up: set dead_letter_subject"):
        with consuming(broker, Inbox(), queue, dead_letter_subject=""):
            pass


def test_the_largest_message_is_handled_and_one_byte_more_is_a_dead_letter(broker, stream):
    inbox = Inbox()
    with consuming(broker, inbox, stream, max_body=900_000):
        broker.store(f"{stream}.a", bytes(900_001), bytes(900_000))
        assert len(inbox.wait(1, 60)[0].raw) == 900_000
        (message,) = dead(broker, stream, 1)
    assert "900001 bytes; max_body is 900000" in message.headers["x-hansa-cause"]


@pytest.mark.parametrize("headers", [None, {"Own": "x" * 2000}])
def test_a_dead_letter_of_the_largest_size_that_the_server_takes(broker, stream, headers):
    largest = 1048576 - (2020 if headers else 0)
    with consuming(broker, Inbox("reject"), stream):
        broker.store(f"{stream}.a", bytes(largest), headers=headers)
        (message,) = dead(broker, stream, 1)
        settled(broker, stream)
    assert len(message.data) == largest


@pytest.mark.parametrize("name", ["Größe", "a b", "a(b)"])
def test_a_dead_letter_goes_without_headers_that_the_library_would_not_send(broker, stream, name):
    async def send(client: Any) -> None:
        lines = f"NATS/1.0\r\n{name}: 1\r\nOwn: 2\r\n\r\n".encode()
        sizes = f"{len(lines)} {len(lines) + 4}".encode()
        command = b"HPUB %s.a %s\r\n%sbody\r\n" % (stream.encode(), sizes, lines)
        await client._send_command(command)
        await client.flush()

    with consuming(broker, Inbox("reject"), stream):
        broker.do(send)
        (message,) = dead(broker, stream, 1)
        settled(broker, stream)
    assert (message.data, message.headers["Own"]) == (b"body", "2")
    assert message.headers["x-hansa-attempts"] == "1"


def test_a_service_may_take_longer_than_the_server_waits(broker, stream):
    held = Held()
    broker.store(f"{stream}.a", b"slow")
    with consuming(broker, held, stream, ack_wait=1):
        held.inbox.wait(1, 60)
        assert not held.inbox.has(2, 2.5), "it was delivered again while it was handled"
        held.going.set()
        settled(broker, stream)


def test_streams_that_are_missing_are_named_or_created(broker, stream):
    with pytest.raises(Unavailable, match="there is no stream 'nowhere': check the setting stream"):
        with consuming(broker, Inbox(), "nowhere"):
            pass
    inbox = Inbox()
    with consuming(broker, inbox, "declared", declare=True):
        broker.store("declared.a", b"x")
        inbox.wait(1, 60)


def test_a_request_is_answered_by_the_service(broker):
    service = Judged(lambda request: "done" if request.raw == b"good" else "reject")
    with channel(broker, service, "ask.*"), outgoing(broker, subject="ask.me") as out:
        answer = out.request("good")
        refused = out.request("bad")
    assert answer.raw == b"ok"
    assert "Nats-Service-Error" not in answer.headers
    assert refused.headers["Nats-Service-Error-Code"] == "400"


def test_an_answer_that_the_server_does_not_take_is_told(broker):
    def service(request):
        response = Response()
        response.raw = bytes(1048576) if request.raw == b"large" else b"small"
        return response

    with channel(broker, service, "ask.*"), outgoing(broker, subject="ask.me") as out:
        told = out.request("large").headers
        assert out.request("other").raw == b"small"
    assert (told["Nats-Service-Error-Code"], told["Nats-Service-Error"]) == ("413", "TooLarge")


def test_each_message_of_a_subject_goes_to_one_member_of_the_queue_group(broker):
    first, second, other = Inbox(), Inbox(), Inbox()
    with (
        channel(broker, first, "shared"),
        channel(broker, second, "shared"),
        channel(broker, other, "shared", queue="others"),
    ):
        broker.send("shared", *[b"%d" % number for number in range(200)])
        other.wait(200, 60)
        wait_until(lambda: len(first.requests) + len(second.requests) == 200, 10)
    assert first.requests
    assert second.requests


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"subject": "a..b"}, "subject"),
        ({"subject": "a b"}, "subject"),
        ({"subject": "a.>.b"}, "subject"),
        ({"consumer": "x"}, "consumer"),
        ({"declare": True}, "declare"),
        ({"stream": "s", "queue": "q"}, "queue"),
        ({"stream": "s", "dead_letter_subject": "a.*"}, "dead_letter_subject"),
        ({"credentials": "/a", "username": "b"}, "credentials"),
    ],
)
def test_settings_that_cannot_be(broker, settings, name):
    own = {"subject": "a", **settings}
    with pytest.raises(Invalid, match=name), channel(broker, Inbox(), **own):
        pass
