"""`self.patterns` on a real queue: callbacks get Zato's dictionaries, and nothing is lost."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hansa import Request, Service as NativeService
from hansa_devkit.harness.waiting import wait_until
from hansa_queue.early import QueueSection
from hansa_queue.patterns import FanOutFinal
from hansa_queue.queue import RedisQueue
from zato.common import ZatoException
from zato.common.exception import ServiceMissingException
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


class Rate(Service):
    """With SimpleIO."""

    name = "rates.get"
    channels: set[str] = set()

    class SimpleIO:
        input_required = ("day",)
        output_required = ("rate",)

    def handle(self) -> None:
        self.channels.add(self.channel)
        self.response.payload.rate = f"{self.request.input.day}!"


class Bad(Service):
    """Fails until it is told not to."""

    name = "bad"
    left = 0
    calls: list[Any] = []

    def handle(self) -> None:
        self.calls.append(self.request.payload)
        if len(self.calls) <= self.left:
            raise ValueError("not yet")
        self.response.payload = "done"


class Native(NativeService):
    """A service that knows nothing of Zato."""

    name = "native"

    def handle(self) -> Any:
        return {"got": self.request.payload}


class Told(Service):
    """Collects what it is told."""

    name = "told"
    seen: list[Any] = []
    channels: set[str] = set()

    def handle(self) -> None:
        self.channels.add(self.channel)
        self.seen.append(self.request.payload)


class Final(Told):
    """Collects what it is told in the end."""

    name = "final"
    seen: list[Any] = []


class Caller(Service):
    """Does what the test says."""

    name = "caller"
    act: Any = None
    result: Any = None

    def handle(self) -> None:
        type(self).result = type(self).act(self)


@pytest.fixture
def run(server: Facade, valkey: str) -> Any:
    server.add(Rate, Bad, Native, Told, Final, Caller, FanOutFinal)
    Bad.left, Bad.calls, Told.seen, Final.seen = 0, [], [], []
    section = QueueSection(first_delay=0.01, last_delay=0.01)
    queue = RedisQueue(server.as_server, valkey, f"test:{uuid.uuid4().hex}", section)
    server.queue = queue
    queue.start()

    def call(act: Any) -> Any:
        Caller.act = staticmethod(act)
        response = server.route("caller", "invoke")(Request(payload={}, cid="K1"))
        if response.error is not None:
            raise response.error
        return Caller.result

    yield call
    queue.stop(5)


def test_fan_out(run: Any) -> None:
    cid = run(
        lambda self: self.patterns.fanout.invoke(
            {"rates.get": {"day": "1"}, "native": [1], "bad": ""}, "final", Told
        )
    )
    wait_until(lambda: Final.seen)
    (final,) = Final.seen
    assert set(final) == {"source", "req_ts_utc", "on_final", "on_target", "data"}
    assert (final["source"], final["on_final"], final["on_target"]) == (
        "caller",
        ["final"],
        ["told"],
    )
    assert set(final["data"]) == {"rates.get", "native", "bad"}
    rate = final["data"]["rates.get"]
    assert set(rate) == {
        "cid",
        "resp_ts_utc",
        "req_ts_utc",
        "response",
        "exception",
        "ok",
        "source",
        "target",
    }
    assert (rate["response"], rate["ok"], rate["exception"], rate["cid"]) == (
        {"response": {"rate": "1!"}},
        True,
        None,
        cid,
    )
    assert final["data"]["native"]["response"] == {"got": [1]}
    wait_until(lambda: len(Told.seen) == 3)
    assert (Rate.channels, Told.channels) == ({"invoke-async"}, {"invoke-async-callback"})


def test_a_target_that_fails_is_told_at_once_and_kept(run: Any, server: Facade) -> None:
    Bad.left = 99
    run(lambda self: self.patterns.parallel.invoke({"bad": {"n": 1}}, ["told", "final"], cid="K2"))
    wait_until(lambda: Told.seen and Final.seen)
    assert (Told.seen[0]["ok"], Told.seen[0]["cid"], Told.seen[0]["target"]) == (False, "K2", "bad")
    assert "ValueError: not yet" in Told.seen[0]["exception"]
    assert [json.loads(payload) for payload in Bad.calls] == [{"n": 1}], (
        "one try, and JSON text as in Zato"
    )
    queue = server.queue
    assert queue is not None
    wait_until(lambda: queue.status()["failed"] == 1)


def test_unknown_services(run: Any) -> None:
    for act in (
        lambda self: self.patterns.fanout.invoke({"nobody": 1}, "final"),
        lambda self: self.patterns.parallel.invoke({"native": 1}, "nobody"),
        lambda self: self.patterns.invoke_retry.invoke("nobody"),
    ):
        with pytest.raises(ServiceMissingException):
            run(act)


def test_invoke_retry_waits_for_success_and_says_when_there_was_none(run: Any) -> None:
    Bad.left = 2
    assert (
        run(
            lambda self: self.patterns.invoke_retry.invoke("bad", {"n": 1}, repeats=3, seconds=0.01)
        )
        == "done"
    )
    assert len(Bad.calls) == 3
    Bad.left = 99
    with pytest.raises(ZatoException, match="did not succeed in 2 tries: ValueError: not yet"):
        run(lambda self: self.patterns.invoke_retry.invoke("bad", repeats=2, seconds=0))
    assert len(Bad.calls) == 5


def test_invoke_retry_in_the_background(run: Any) -> None:
    Bad.left = 2
    cid = run(
        lambda self: self.patterns.invoke_retry.invoke_async(
            "bad", {"n": 1}, callback=Told, context={"c": 1}, repeats=4, minutes=0.0005
        )
    )
    wait_until(lambda: Told.seen)
    (told,) = Told.seen
    assert (told["ok"], told["response"], told["call_cid"], told["orig_cid"]) == (
        True,
        "done",
        cid,
        "K1",
    )
    assert (told["retry_repeats"], told["retry_seconds"], told["context"]) == (4, 0.03, {"c": 1})
    assert (told["source"], told["target"]) == ("caller", "bad")


def test_invoke_retry_falls_back_to_the_background(run: Any) -> None:
    Bad.left = 2
    options: dict[str, Any] = {
        "async_fallback": True,
        "callback": "told",
        "repeats": 3,
        "seconds": 0.01,
    }
    cid = run(lambda self: self.patterns.invoke_retry.invoke("bad", {"n": 1}, **options))
    wait_until(lambda: Told.seen)
    assert (Told.seen[0]["ok"], Told.seen[0]["call_cid"]) == (True, cid)
    assert len(Bad.calls) == 3
    assert run(lambda self: self.patterns.invoke_retry.invoke("bad", **options)) == "done"
