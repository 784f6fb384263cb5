"""Which calls are kept, what is taken of them, and that no request waits for that."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hansa import (
    Binding,
    Channel,
    ChannelSettings,
    Dispatch,
    Invalid,
    Model,
    Request,
    Response,
    Secret,
    Server,
    Service,
    Unavailable,
    event_loop,
    load,
)
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_json.format import JsonFormat
from hansa_redaction.found import MASK
from hansa_redaction.settings import RedactionSettings
from hansa_samples import plugin, sampler as sampler_module
from hansa_samples.failures import QUEUED, AskedFailures, grouped, has_failed
from hansa_samples.kinds import Sampling
from hansa_samples.odb_store import OdbStore
from hansa_samples.sample import Head, Message, Sample, decoded
from hansa_samples.sample_input import SampleInput, input_of
from hansa_samples.sampler import MOST_WAITING, Sampler
from hansa_samples.settings import SamplingSettings
from hansa_security.apikey import ApiKey, ApiKeySettings

Act = Callable[[Service], Any]


class Door(Channel):
    """A channel that brings nothing in by itself."""

    type = "plain"


class DoorSettings(ChannelSettings):
    """Its settings, as core puts them together."""

    redaction: RedactionSettings = RedactionSettings()


class Sampled:
    """Routes as a worker compiles them, and the samples of their calls."""

    def __init__(self) -> None:
        security = SimpleNamespace(
            openapi_scheme=ApiKey.openapi_scheme,
            credential_paths=lambda config: ["//*[local-name()='Access']"],
            config=ApiKeySettings(query="who"),
        )
        local = LocalServer(security={"key": security})
        self.server = cast(Server, local)
        self.sampler = self.server.resource(Sampler)
        self.close = local.close

    def route(
        self,
        act: Act = lambda service: service.request.input,
        *,
        name: str = "made",
        channel: bool = True,
        security: str | None = None,
        members: dict[str, Any] | None = None,
        **redaction: Any,
    ) -> Dispatch:
        members = {"name": name, "handle": act, **(members or {})}
        service = type("Made", (Service,), members)
        door = None
        if channel:
            config = DoorSettings(
                service=name, security=security, redaction=RedactionSettings(**redaction)
            )
            door = Door("front", config, self.server)
        return compile_route(
            Binding(name, self.server, JsonFormat(), "front" if channel else "", "plain"),
            service,
            channel=door,
            wraps=[plugin.hansa_wrap],
            raising=not channel,
        )

    def sample(self, name: str = "made", **settings: Any) -> Sampling:
        made = Sampling(name, SamplingSettings(**settings), self.server)
        made.start()
        return made

    def flush(self) -> None:
        """Store all that waits."""
        self.sampler.flush()
        while self.sampler.waiting:
            self.sampler.flush()

    def take(self) -> list[Sample]:
        """What is kept by now, the oldest first; it is forgotten."""
        self.flush()
        store = self.sampler.store
        texts = [store.text(head.slot) for head in store.index().heads]
        found = [decoded(text) for text in texts if text]
        self.sampler.store = OdbStore(LocalServer().journal)
        return found


@pytest.fixture
def sampled() -> Iterator[Sampled]:
    made = Sampled()
    # what the thread would take
    made.sampler.stop()
    yield made
    made.close()


def test_one_in_so_many(sampled: Sampled):
    route = sampled.route()
    for _ in range(5):
        route(Request(b"1"))
    made = sampled.sample(every=3)
    for number in range(1, 11):
        route(Request(str(number).encode()))
    kept = sampled.take()
    assert [(one.request.text, one.head.why) for one in kept] == [
        ("3", "every"),
        ("6", "every"),
        ("9", "every"),
    ]
    made.withdrawn()
    route(Request(b"11"))
    assert sampled.take() == []


def test_services_on_the_event_loop(sampled: Sampled):
    async def act(service: Service) -> Any:
        await asyncio.sleep(0)
        if service.request.input == "bug":
            raise KeyError("x")
        return "fine"

    route = sampled.route(act)
    sampled.sample(every=2, errors=True)
    for text in (b"1", b"2", b'"bug"'):
        event_loop.wait(event_loop.run(route, Request(text)))
    kept = sampled.take()
    assert [(one.request.text, one.head.why) for one in kept] == [
        ("2", "every"),
        ('"bug"', "error"),
    ]


def test_slow_ones_and_errors(sampled: Sampled):
    def act(service: Service) -> Any:
        what = service.request.input
        if what == "slow":
            time.sleep(0.02)
        if what == "status":
            service.response.status = 404
        if what == "invalid":
            raise Invalid("no")
        if what == "bug":
            raise KeyError("x")
        return what

    route = sampled.route(act)
    sampled.sample(slower_than=20, errors=True)
    for what in ("quick", "slow", "status", "invalid", "bug"):
        route(Request(json.dumps(what).encode()))
    found = [(one.head.why, one.head.outcome, one.head.status, one.error) for one in sampled.take()]
    assert found == [
        ("slow", "ok", 200, ""),
        ("error", "status-404", 404, ""),
        ("error", "invalid", 400, "Invalid: no"),
        ("error", "unexpected", 500, "KeyError: 'x'"),
    ]


def test_what_a_sample_has(sampled: Sampled):
    def act(service: Service) -> Any:
        service.response.headers["X-Answer"] = "42"
        return {"done": True}

    route = sampled.route(act)
    sampled.sample(every=1)
    request = Request(
        b'{"a": 1}',
        headers={"content-type": "application/json", "x-a": "b"},
        params={"page": 2},
        method="POST",
        path="/made",
        peer="192.0.2.1",
        cid="K1",
    )
    began = time.time()
    route(request)
    (one,) = sampled.take()
    head = one.head
    assert (head.service, head.channel, head.cid, head.address, head.worker) == (
        "made",
        "plain front",
        "K1",
        "192.0.2.1",
        "local/0.1",
    )
    assert abs(head.at - began) < 1
    assert head.ms > 0
    assert (one.method, one.path, one.parameters) == ("POST", "/made", {"page": "2"})
    assert (one.request.text, one.request.headers["x-a"]) == ('{"a": 1}', "b")
    assert (one.answer.text, one.answer.headers) == ('{"done": true}', {"x-answer": "42"})
    assert one.answer.content_type == "application/json"
    assert (head.request_size, head.answer_size) == (8, len(b'{"done":true}'))


def test_it_switches_itself_off(sampled: Sampled):
    route = sampled.route()
    now = datetime.now(UTC)
    sampled.sample(every=1, until=now - timedelta(seconds=1))
    route(Request(b"1"))
    sampled.sample(every=1, until=(now + timedelta(seconds=0.2)).replace(tzinfo=None))
    route(Request(b"2"))
    time.sleep(0.25)
    route(Request(b"3"))
    assert [one.request.text for one in sampled.take()] == ["2"]
    assert sampled.sampler.switchboard.switch("made").rule is None


def test_a_successor_is_not_switched_off_by_the_one_before(sampled: Sampled):
    old = sampled.sample(every=1)
    new = sampled.sample(errors=True)
    old.withdrawn()
    rule = sampled.sampler.switchboard.switch("made").rule
    assert rule is not None and rule.owner is new


class WithSecret(Model):
    pin: Secret
    note: str = ""


def test_what_is_masked(sampled: Sampled):
    def act(service: Service) -> Any:
        raise Invalid(f"the card 4111222233334444 of pin {service.request.input.pin!s} is no card")

    route = sampled.route(
        act,
        members={"Input": WithSecret},
        security="key",
        paths=["card"],
        parameters=["account"],
        headers=["x-customer"],
    )
    sampled.sample(errors=True, masks=["note"])
    message = {
        "access": "5555",
        "pin": "987654",
        "note": "notes",
        "card": "4111222233334444",
        "x": "4111222233334444",
    }
    route(
        Request(
            json.dumps(message).encode(),
            headers={"authorization": "Basic abcd", "x-customer": "c-77777", "x-y": "c-77777"},
            params={"account": "12", "who": "the-api-key", "q": "c-77777"},
            path="/accounts/12",
        )
    )
    (one,) = sampled.take()
    assert json.loads(one.request.text) == dict.fromkeys(message, MASK)
    assert one.request.headers == {"authorization": MASK, "x-customer": MASK, "x-y": MASK}
    assert one.parameters == {"account": MASK, "who": MASK, "q": MASK}
    assert one.path == f"/accounts/{MASK}"
    assert one.error == f"Invalid: the card {MASK} of pin {MASK} is no card"
    assert "4111" not in one.answer.text


def test_calls_between_services_are_masked_as_any_channel_names(sampled: Sampled):
    sampled.route(name="outer", paths=["card.number"])
    inner = sampled.route(lambda service: {"n": service.request.payload}, channel=False)
    sampled.sample(every=1)
    assert inner(Request(payload={"card": {"number": "4111"}, "s": Secret("hush")})).payload
    (one,) = sampled.take()
    assert json.loads(one.request.text) == {"card": {"number": MASK}, "s": MASK}
    assert (one.head.channel, one.answer.note) == ("plain", "")
    assert "4111" not in one.answer.text
    sampled.route(name="later", paths=["later"])
    inner(Request(payload={"later": "abcd"}))
    assert json.loads(sampled.take()[0].request.text) == {"later": MASK}


def test_admin_services_are_never_sampled(sampled: Sampled):
    route = sampled.route(name="admin.made")
    sampled.sample("admin.made", every=1)
    route(Request(b"1"))
    assert sampled.take() == []


@pytest.mark.parametrize(
    ("payload", "text", "note"),
    [
        (b"x" * 100_000_000, "x" * 50, "cut after 50 bytes"),
        (b"\xff\x00", "", ""),
        (b"\"<script>alert('x')</script>\"", "\"<script>alert('x')</script>\"", ""),
        (b"[" * 40, "[" * 40, ""),
    ],
)
def test_hostile_payloads(sampled: Sampled, payload: bytes, text: str, note: str):
    route = sampled.route(lambda service: None)
    sampled.sample(every=1, max_body=50)
    began = time.thread_time()
    route(Request(payload))
    assert time.thread_time() - began < 1
    (one,) = sampled.take()
    assert (one.request.text, one.request.note, one.request.size) == (text, note, len(payload))


def test_failures_of_one_cause_are_one_group():
    def head(id: str, at: float, outcome: str, **known: Any) -> Head:
        return Head(id, at, "made", "error", 1.0, outcome, **known)

    heads = [
        head("1", 1.0, "conflict", cause="Conflict: order * is taken"),
        head("2", 3.0, "conflict", cause="Conflict: order * is taken"),
        head("3", 4.0, "status-404"),
        head("4", 2.0, "unexpected", cause="Conflict: order * is taken", channel=QUEUED),
    ]
    first, second, third = grouped(heads)
    assert (first.cause, first.latest) == ("status-404", "3")
    assert (second.count, second.first, second.last, second.latest) == (2, 1.0, 3.0, "2")
    assert third.group != second.group
    asked = AskedFailures()
    assert [one.id for one in heads if asked.matches(one)] == ["1", "2", "3"]
    assert AskedFailures(queued=True, cause="TAKEN").matches(heads[3])
    assert not has_failed(head("5", 1.0, "ok"))


def test_a_sample_as_an_input():
    head = Head("1", 0.0, "made", "every", 1.0, "ok")

    def used(parameters: dict[str, str] | None = None, **request: Any) -> SampleInput:
        return input_of(Sample(head, parameters=parameters or {}, request=Message(**request)))

    assert used() == SampleInput(None)
    assert used({"a": "1"}) == SampleInput({"a": "1"})
    assert used({"a": "1"}, text='{"b": 2}') == SampleInput({"b": 2, "a": "1"})
    assert used({"a": "1"}, text="[1]") == SampleInput([1])
    assert used(text="<a/>") == SampleInput("<a/>")
    assert used(base64="AP8=").fault == "it is no text"
    assert used(text="[1", note="cut after 2 bytes").fault == "cut after 2 bytes"


class Odd:
    """What JSON has no way to write."""


def test_objects_that_cannot_be_written(sampled: Sampled):
    circle: list[Any] = []
    circle.append(circle)
    inner = sampled.route(lambda service: None, channel=False)
    sampled.sample(every=1)
    for payload in ({"a": Odd()}, circle, {1, 2}, "text\ud800"):
        inner(Request(payload=payload))
    texts = [one.request.text for one in sampled.take()]
    assert texts[:2] == ['{"a": "<Odd>"}', "<list>"]
    assert len(texts) == 4


def test_the_queue_is_bounded_and_what_is_dropped_is_counted(
    sampled: Sampled, caplog: pytest.LogCaptureFixture
):
    route = sampled.route(lambda service: None)
    failing = sampled.route(lambda service: 1 / 0, name="failing")
    sampled.sample(every=1, keep=1000)
    sampled.sample("failing", errors=True)
    for _ in range(MOST_WAITING):
        route(Request(b"1"))
    # there is room for errors when there is none for others
    failing(Request(b"1"))
    sampled.flush()
    index = sampled.sampler.store.index()
    assert (len(index.heads), index.dropped) == (MOST_WAITING // 2 + 1, {"made": MOST_WAITING // 2})
    assert f"{MOST_WAITING // 2} samples were dropped" in caplog.text


def test_bytes_that_wait_are_bounded(sampled: Sampled, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sampler_module, "MOST_BYTES", 50_000)
    route = sampled.route(lambda service: None)
    sampled.sample(every=1)
    for _ in range(20):
        route(Request(b"x" * 10_000))
    assert len(sampled.take()) == 5


class Away(OdbStore):
    """A store that answers when it is told to."""

    is_there = False

    def change(self, change: Any) -> None:
        if not self.is_there:
            raise Unavailable("the store is away")
        super().change(change)


def test_a_store_that_is_away(sampled: Sampled):
    store = sampled.sampler.store = Away(LocalServer().journal)
    route = sampled.route(lambda service: None)
    sampled.sample(every=1, keep=1000)
    for _ in range(3):
        for _ in range(MOST_WAITING // 2):
            assert route(Request(b"1")).ok
        with pytest.raises(Unavailable):
            sampled.sampler.flush()
    store.is_there = True
    sampled.flush()
    index = store.index()
    kept = MOST_WAITING // 2 + store.most_at_once
    assert (len(index.heads), index.dropped) == (kept, {"made": 3 * MOST_WAITING // 2 - kept})


def test_a_service_that_is_not_sampled_costs_next_to_nothing(sampled: Sampled):
    def answer(request: Request) -> Response:
        return response

    response = Response()
    request = Request()
    wrapped = plugin.hansa_wrap(None, type("Made", (Service,), {"name": "made"}), answer)
    request.channel = Binding("made", sampled.server)
    assert wrapped is not None and wrapped(request) is response
    assert sampled.take() == []


def test_faults_of_settings():
    with pytest.raises(Invalid) as found:
        load(SamplingSettings, {"every": -1, "masks": ["a", "$"], "max_body": 10**9})
    assert set(found.value.errors) == {"every", "max_body"}
    with pytest.raises(Invalid) as found:
        load(SamplingSettings, {"masks": ["a", "$"]})
    assert set(found.value.errors) == {"masks.1"}
