"""Limits on concurrency and waiting, and deadlines: who is refused, who waits, and what is counted
for how long.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Annotated, Any

import pytest
from hansa import (
    Channel,
    Invalid,
    Model,
    Request,
    Response,
    Service,
    Unavailable,
    current_cid,
    event_loop,
    load,
    setting,
)
from hansa_devkit.harness.waiting import wait_until
from hansa_limits import plugin
from hansa_limits.gate import MOST_OVERDUE, Gate
from hansa_limits.settings import Limits
from hansa_limits.worker import WorkerLimits

from plugins.limits.tests.conftest import post, together


class Held:
    """A service that stays until it is let go, and knows how many are inside."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, service: Any) -> Any:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.go_on.wait(10)
        with self._lock:
            self.inside -= 1
        return {"cid": current_cid.get()}


def gate(worker: Any, name: str = "c") -> Gate:
    return worker.resource(WorkerLimits)._gates["plain", name]


def test_nothing_is_wrapped_where_nothing_is_limited(worker):
    assert plugin.hansa_wrap(None, Service, lambda request: Response()) is None
    route = worker.channel(lambda self: {"ok": 1})
    assert route(post()).status == 200
    assert not worker.resource(WorkerLimits)._gates


def test_so_many_run_so_many_wait_and_the_rest_is_refused_at_once(worker):
    held = Held()
    route = worker.channel(held, max_concurrent=2, max_waiting=3)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(route(post()))) for _ in range(9)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) == 4)
    assert {(a.status, a.headers["Retry-After"]) for a in answers} == {(503, "1")}
    door = gate(worker)
    assert (door.running, door.waiting, door.refused) == (2, 3, 4)
    held.go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(a.status for a in answers) == [200] * 5 + [503] * 4
    assert held.most == 2
    assert (door.running, door.waiting) == (0, 0)


def test_the_count_goes_over_from_one_route_to_the_next(worker):
    held = Held()
    old, new = worker.channel(held, max_concurrent=1), worker.channel(held, max_concurrent=1)
    thread = threading.Thread(target=old, args=(post(),))
    thread.start()
    wait_until(lambda: held.inside == 1)
    assert isinstance(new(post()).error, Unavailable)
    held.go_on.set()
    thread.join(10)
    assert new(post()).status == 200


def test_failures_leave_the_gate(worker):
    def fails(service: Any) -> Any:
        raise RuntimeError("no")

    for settings in ({}, {"timeout": 5}):
        route = worker.channel(fails, max_concurrent=1, **settings)
        assert [route(post()).status for _ in range(3)] == [500] * 3
    assert gate(worker).running == 0


def test_a_hung_service_is_answered_for_in_time_and_counted_until_it_ends(worker, caplog):
    held = Held()
    route = worker.channel(held, timeout=0.2, max_concurrent=2)
    began = time.monotonic()
    answers = together(*(lambda: route(post()) for _ in range(2)))
    assert [answer.status for answer in answers] == [504, 504]
    assert time.monotonic() - began < 1.2
    door = gate(worker)
    assert (door.running, door.overdue, held.inside) == (2, 2, 2)
    assert route(post()).status == 503, "the hung ones still take their places"
    held.go_on.set()
    wait_until(lambda: door.running == 0)
    assert door.overdue == 0
    assert "whose deadline had passed, was handled after" in caplog.text
    assert route(post()).status == 200


def test_in_time_the_answer_and_the_correlation_id_come_through(worker):
    held = Held()
    held.go_on.set()
    request = post(cid="K-mine")
    assert worker.channel(held, timeout=5)(request).raw == b'{"cid":"K-mine"}'


def test_a_service_on_the_event_loop_is_cancelled_in_time(worker):
    cancelled = threading.Event()

    async def hang(service: Any) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            cancelled.set()

    route = worker.channel(hang, timeout=0.1, max_concurrent=1)
    answer = route(post())
    assert answer.status == 504
    assert b"did not answer within 0.1 s" in answer.raw
    assert cancelled.wait(30)
    door = gate(worker)
    assert (door.running, door.overdue) == (0, 0)
    assert (
        event_loop.wait(event_loop.run(worker.channel(hang, "d", timeout=0.1), post())).status
        == 504
    )


def test_what_waits_for_its_turn_keeps_its_thread(worker):
    async def say(service: Any) -> int:
        return 1

    kept: list[dict[str, Any]] = [{"max_concurrent": 1}, {"idempotency": "Key"}, {"rate": "9/s"}]
    for number, limits in enumerate(kept):
        worker.channel(say, f"kept-{number}", **limits)
        assert not worker.channels[f"kept-{number}"].is_awaited
    worker.channel(say, "free", timeout=5, rate="9/s", rate_scope="worker")
    assert worker.channels["free"].is_awaited
    worker.channel(lambda service: 1, "plain")
    assert not worker.channels["plain"].is_awaited


def test_hung_threads_are_bounded_also_without_a_limit():
    door = Gate("x")
    for _ in range(MOST_OVERDUE):
        door.enter(0, 0, 0)
        door.exceeded()
    with pytest.raises(Unavailable, match="after their deadline"):
        door.enter(0, 0, 0)
    door.leave(True)
    door.enter(0, 0, 0)


def test_settings_are_checked():
    with pytest.raises(Invalid) as caught:
        load(
            Limits,
            {
                "timeout": -1,
                "max_concurrent": -1,
                "idempotency_window": 0,
                "idempotency_crash": "perhaps",
            },
        )
    assert len(caught.value.errors) == 4


class Connected(Model):
    """Settings of a connector."""

    timeout: Annotated[float, setting("Seconds that the other side may take")] = 1.0


def refuse(request: Request) -> Response:
    """A call that nothing is to be wrapped around."""
    raise AssertionError(request)


def test_the_timeout_of_a_connection_is_no_deadline_of_the_service(worker):
    """A connector has a setting of the same name for what it asks of its other side."""

    Connecting = type("Connecting", (Channel,), {"type": "connecting", "Config": Connected})
    worker.registry.add_types("test", [Connecting])
    worker.registry.extend_channels(plugin.hansa_channel_settings())
    model = worker.registry.type("channel", "connecting").model
    config = load(model, {"service": "s", "timeout": 0.1})
    assert (config.timeout, config.limits.timeout) == (0.1, 0)
    assert plugin.hansa_wrap(Connecting("c", config, worker), Service, refuse) is None
    assert plugin.hansa_wrap(None, Service, refuse) is None
