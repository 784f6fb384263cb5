"""Idempotency keys: the service runs once for each, and all who send it get the same answer,
whatever happens in between.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Conflict, Invalid, Refused, Service, Unavailable
from hansa_limits.idempotency import restored, written
from hansa_limits.keys import Keys
from hansa_limits.worker import WorkerLimits
from hypothesis import given, strategies as st

from hansa import Request, Response  # isort: skip
from hansa_devkit.harness.waiting import wait_until

from plugins.limits.tests.conftest import post, together
from plugins.redis.tests.support import peer

KEYED = {"idempotency": "Idempotency-Key"}


class Runs:
    """A service that counts its runs by the number it is sent."""

    def __init__(self) -> None:
        self.counts: Counter[Any] = Counter()
        self._lock = threading.Lock()

    def __call__(self, service: Any) -> Any:
        with self._lock:
            self.counts[service.request.input["n"]] += 1
            service.response.headers["X-Run"] = str(sum(self.counts.values()))
        service.response.status = 201
        return {"n": service.request.input["n"], "run": sum(self.counts.values())}


def shown(response: Response) -> Any:
    return response.status, response.raw, response.headers, response.content_type


def test_the_same_key_gets_the_same_answer_and_the_service_runs_once(worker, workers):
    runs = Runs()
    route, other = worker.channel(runs, **KEYED), workers().channel(runs, **KEYED)
    first = route(post(b'{"n":1}', "a"))
    assert first.status == 201
    assert (
        shown(route(post(b'{"n":1}', "a"))) == shown(first) == shown(other(post(b'{"n":1}', "a")))
    )
    assert runs.counts == {1: 1}
    assert route(post(b'{"n":2}', "b")).raw != first.raw


def test_many_keys_five_times_at_once_over_two_workers(workers):
    runs = Runs()
    routes = [workers().channel(runs, **KEYED) for _ in range(2)]

    def call(index: int) -> Any:
        return [shown(routes[(index + n) % 2](post(b'{"n":%d}' % n, f"k{n}"))) for n in range(40)]

    answers = together(*(lambda index=index: call(index) for index in range(5)))
    assert all(given == answers[0] for given in answers)
    assert runs.counts == dict.fromkeys(range(40), 1)


def test_who_comes_while_the_first_runs_waits_for_its_answer(worker):
    begun, go_on = threading.Event(), threading.Event()

    def slow(service: Any) -> Any:
        begun.set()
        go_on.wait(10)
        return {"cid": service.cid}

    route = worker.channel(slow, **KEYED)
    got: list[Response] = []
    threads = [threading.Thread(target=lambda: got.append(route(post(key="a")))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len({response.raw for response in got}) == 1
    assert len(got) == 3


def test_waiting_ends_with_409_and_a_word_when_to_come_again(worker):
    begun, go_on = threading.Event(), threading.Event()

    def wait(self: Service) -> dict[str, Any]:
        begun.set()
        go_on.wait(10)
        return {}

    route = worker.channel(wait, timeout=0.3, **KEYED)
    assert route(post(key="a")).status == 504
    response = route(post(key="a"))
    assert (response.status, response.headers["Retry-After"]) == (409, "1")
    go_on.set()
    wait_until(lambda: route(post(key="a")).status == 200)


def test_a_failure_frees_the_key(worker):
    failures = [RuntimeError("once"), Unavailable("back end"), Invalid({"n": "no"})]

    def fails(service: Any) -> Any:
        if failures:
            raise failures.pop(0)
        return {"ok": True}

    route = worker.channel(fails, **KEYED)
    assert [route(post(key="a")).status for _ in range(5)] == [500, 503, 400, 200, 200]


def test_a_key_belongs_to_its_sender_channel_and_message(worker):
    runs = Runs()
    route, other = worker.channel(runs, **KEYED), worker.channel(runs, "other", **KEYED)
    route(post(b'{"n":1}', "a"))
    assert isinstance(route(post(b'{"n":2}', "a")).error, Conflict)
    other(post(b'{"n":1}', "a"))
    assert runs.counts[1] == 2

    def called_by(name: str) -> Response:
        request = post(b'{"n":3}', "same")
        request.principal = name
        return route(request)

    assert called_by("anne").raw != called_by("bob").raw
    assert called_by("anne").raw == called_by("anne").raw


@pytest.mark.parametrize(
    ("setting", "format", "raw", "params"),
    [
        ("id", "json", b'{"id":"x","n":1}', {}),
        ("order.id", "json", b'{"order":{"id":17},"n":1}', {}),
        ("id", "json", b'{"n":1}', {"id": "x"}),
        ("id", "xml", b"<r><id>x</id><n>1</n></r>", {}),
        ("order.id", "xml", b"<r><order><id>x</id></order><n>1</n></r>", {}),
    ],
)
def test_the_key_may_be_a_field(worker, setting, format, raw, params):
    count: list[int] = []

    def run(self: Service) -> dict[str, int]:
        count.append(1)
        return {"run": len(count)}

    route = worker.channel(run, idempotency=setting, format=format)
    answers = {route(post(raw, params=params)).raw for _ in range(3)}
    assert len(answers) == len(count) == 1


def test_a_message_without_its_key_is_refused_but_reading_needs_none(worker):
    route = worker.channel(lambda self: {"ok": 1}, **KEYED)
    refused = route(post(b'{"n":1}'))
    assert (refused.status, list(refused.error.errors)) == (400, ["Idempotency-Key"])
    assert route(Request(method="GET")).status == 200


def test_a_key_is_forgotten_after_its_window(worker):
    runs = Runs()
    route = worker.channel(runs, idempotency_window=0.3, **KEYED)
    first = route(post(b'{"n":1}', "a"))
    assert route(post(b'{"n":1}', "a")).raw == first.raw
    wait_until(lambda: route(post(b'{"n":1}', "a")).raw != first.raw)


@pytest.mark.parametrize(("crash", "word"), [("again", None), ("refuse", "not known")])
@pytest.mark.proves(
    "channel http with an idempotency key",
    "duplicates",
    "none, or what a killed worker had in hand, as `idempotency_crash` says",
)
def test_after_a_crash_the_next_one_runs_it_again_or_is_refused(worker, crash, word, monkeypatch):
    keys, lease = worker.resource(WorkerLimits).keys, 0.3
    gone = Keys(worker.bus.address, keys.prefix, lease)
    monkeypatch.setattr(gone._thread, "join", lambda *_: None)
    gone._stopped.set()  # no heartbeat any more, as after SIGKILL
    token, _ = gone.begin("key", 60, "digest", crash, 1)
    assert token
    with pytest.raises(Conflict, match="still being handled"):
        keys.begin("key", 60, "digest", crash, 0.05)
    time.sleep(lease)
    if word:
        with pytest.raises(Conflict, match=word):
            keys.begin("key", 60, "digest", crash, 1)
        return
    other, _ = keys.begin("key", 60, "digest", crash, 1)
    assert other
    assert not gone.commit("key", token, 60, b"late"), (
        "the one that was thought dead must not overwrite the answer"
    )
    assert keys.commit("key", other, 60, b"mine")
    assert gone.begin("key", 60, "digest", crash, 1) == ("", b"mine")


def test_a_heartbeat_keeps_a_key_longer_than_its_lease_and_window(worker):
    keys = Keys(worker.bus.address, "test:beat", 0.4)
    try:
        token, _ = keys.begin("key", 0.1, "digest", "again", 1)
        time.sleep(1.0)
        with pytest.raises(Conflict):
            keys.begin("key", 0.1, "digest", "again", 0.02)
        assert keys.commit("key", token, 5, b"answer")
    finally:
        keys.stop()


def test_without_redis_nothing_runs_and_the_answer_comes_in_time(worker, monkeypatch):
    runs = Runs()
    with peer(
        lambda connection: connection.recv(1)
    ) as address:  # takes the connection and never answers
        away = SimpleNamespace(address=address, key=worker.bus.key)
        monkeypatch.setattr(worker, "bus", away)
        route = worker.channel(runs, **KEYED)
        began = time.monotonic()
        response = route(post(b'{"n":1}', "a"))
        assert (response.status, "Retry-After" in response.headers) == (503, True)
        assert time.monotonic() - began < 5
    assert not runs.counts


def test_an_answer_that_could_not_be_kept_is_kept_when_redis_is_back(worker, monkeypatch):
    keys = Keys(worker.bus.address, "test:later", 0.4)
    try:
        token, _ = keys.begin("key", 60, "digest", "again", 1)
        real = keys._commit
        monkeypatch.setattr(
            keys, "_commit", lambda **_: (_ for _ in ()).throw(ConnectionError("gone"))
        )
        assert keys.commit("key", token, 60, b"answer")
        with pytest.raises(Conflict):
            keys.begin("key", 60, "digest", "again", 1.0)
        monkeypatch.setattr(keys, "_commit", real)
        wait_until(lambda: keys.begin("key", 60, "digest", "again", 5) == ("", b"answer"))
    finally:
        keys.stop()


def test_refused_callers_use_up_no_key(worker):
    def refuses(service: Any) -> Any:
        raise Refused("who are you")

    route = worker.channel(refuses, **KEYED)
    assert [route(post(key="a")).status for _ in range(2)] == [401, 401]


@given(
    st.builds(dict, status=st.integers(200, 499), content_type=st.text(max_size=20)),
    st.binary(max_size=200),
    st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9), max_size=3),
)
def test_what_is_kept_comes_back_as_it_was(settings, raw, headers):
    response = Response(**settings)
    response.raw, response.headers = raw, headers
    assert shown(restored(written(response))) == shown(response)
