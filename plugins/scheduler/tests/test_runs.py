"""The records of runs: how each ended, what was missed or lost, and how many are kept."""

from __future__ import annotations

import threading
from typing import Literal

import pytest
from hansa import Request, Response
from hansa_scheduler.job import Firing, Job
from hansa_scheduler.ledger import Ledger
from hansa_scheduler.run_record import RunRecord
from hansa_scheduler.times import Interval, Times
from hansa_scheduler.unfinished import Unfinished

from plugins.scheduler.tests.support import START, Calls, Driven, Facade, SetClock, after


def runner_of(shared: Facade, clock: SetClock, kept_runs: int = 20) -> Driven:
    return Driven(Ledger(shared.as_server), clock, worker="server1/0.1", kept_runs=kept_runs)


def started(
    runner: Driven,
    calls: Calls,
    times: Times | None = None,
    missed: Literal["skip", "once", "all"] = "once",
) -> Job:
    def send(firing: Firing) -> Response:
        request = Request(cid=f"cid-{firing.attempt}", extra={"planned": str(firing.planned)})
        return calls(request)

    times = times or Interval(START, after(10) - START)
    job = Job("job", runner, times, send, rule="rule", missed=missed, max_attempts=2)
    job.start()
    return job


def runs(runner: Driven) -> list[RunRecord]:
    """The records of the job, the oldest first."""
    return runner.ledger.runs(["job"])["job"][::-1]


def marks(runner: Driven) -> list[tuple[str, float, float, int]]:
    """Of each record: outcome, seconds until the planned time, until the real one, the attempt."""
    found = []
    for run in runs(runner):
        planned = Driven.seconds_of(run.planned)
        found.append((run.outcome, planned, run.at - START.timestamp(), run.attempt))
    return found


def test_each_attempt_is_kept_with_how_it_ended(shared: Facade, clock: SetClock):
    runner = runner_of(shared, clock)
    job = started(runner, Calls("retry", "reject", "done"))
    runner.run_for(21)
    job.stop()
    found = marks(runner)
    assert [(outcome, planned, attempt) for outcome, planned, _, attempt in found] == [
        ("unavailable", 10, 1),
        ("unavailable", 10, 2),
        ("ok", 20, 1),
    ]
    first = runs(runner)[0]
    assert (first.worker, first.cid, first.by_hand) == ("server1/0.1", "cid-1", False)
    assert first.error == "Unavailable: the back end is down"


def test_only_the_newest_are_kept(shared: Facade, clock: SetClock):
    runner = runner_of(shared, clock, kept_runs=3)
    job = started(runner, Calls())
    runner.run_for(60)
    job.stop()
    assert [planned for _, planned, _, _ in marks(runner)] == [40, 50, 60]
    runner.ledger.forget_runs("job")
    assert runs(runner) == []


@pytest.mark.parametrize(
    ("missed", "back_at", "expected"),
    [
        ("once", 105, [("ok", 10, ""), ("missed", 20, 90), ("ok", 100, ""), ("ok", 110, "")]),
        ("skip", 1300, [("ok", 10, ""), ("missed", 600, 1200), ("ok", 1800, "")]),
    ],
)
def test_what_was_missed_is_one_record(
    shared: Facade,
    clock: SetClock,
    missed: Literal["skip", "once"],
    back_at: float,
    expected: list[tuple[str, float, object]],
):
    first = runner_of(shared, clock)
    job = started(first, Calls(), missed=missed)
    first.run_for(15)
    job.stop()
    clock.moment = after(back_at)
    second = runner_of(shared, clock)
    if missed == "skip":
        # one of a short interval would not be late for long enough
        job = started(second, Calls(), Interval(START, after(600) - START), missed)
        second.run_until(after(1800))
    else:
        job = started(second, Calls(), missed=missed)
        second.run_until(after(119))
    job.stop()
    found = [
        (
            run.outcome,
            Driven.seconds_of(run.planned),
            Driven.seconds_of(run.until) if run.until else "",
        )
        for run in runs(second)
    ]
    assert found == expected


def test_what_a_long_run_holds_up_is_missed(shared: Facade, clock: SetClock):
    release = threading.Event()
    runner = runner_of(shared, clock)

    class Slow(Calls):
        def __call__(self, request: Request) -> Response:
            assert release.wait(20)
            return super().__call__(request)

    job = started(runner, Slow())
    for number in range(1, 6):
        clock.moment = after(10 * number)
        runner.tick()
    release.set()
    runner.settle()
    job.stop()
    found = {(run.outcome, Driven.seconds_of(run.planned), run.until) for run in runs(runner)}
    assert found == {
        ("ok", 10, ""),
        ("missed", 20, after(40).isoformat()),
        ("ok", 50, ""),
    }


def test_an_attempt_whose_worker_died_is_lost_and_one_given_back_is_not(
    shared: Facade, clock: SetClock
):
    runner = runner_of(shared, clock)
    job = started(runner, Calls())
    with runner.lock:
        job.take_up(Unfinished("job", after(-10), 1))
        job.take_up(Unfinished("job", after(-20), 1, given_back=True))
    runner.settle()
    job.stop()
    outcomes = [(outcome, planned, attempt) for outcome, planned, _, attempt in marks(runner)]
    assert sorted(outcomes) == [("lost", -10, 1), ("ok", -20, 2), ("ok", -10, 2)]


def test_an_error_that_cannot_be_written_as_it_is_ends_its_run_all_the_same(
    shared: Facade, clock: SetClock
):
    class Undecodable(Calls):
        def __call__(self, request: Request) -> Response:
            response = super().__call__(request)
            response.error = ValueError("no file \udcff")
            return response

    runner = runner_of(shared, clock)
    job = started(runner, Undecodable("reject"))
    runner.run_for(21)
    job.stop()
    assert [run.error for run in runs(runner)] == [r"ValueError: no file \udcff"] * 2
    assert shared.client is None or not shared.client.hlen("hansa:test:schedule:open")


def test_what_was_missed_before_a_run_that_another_one_replaces_is_missed_too(
    shared: Facade, clock: SetClock
):
    release = threading.Event()
    runner = runner_of(shared, clock)

    class Slow(Calls):
        def __call__(self, request: Request) -> Response:
            assert release.wait(20)
            return super().__call__(request)

    job = started(runner, Slow())
    for at in (10, 40, 50):
        clock.moment = after(at)
        runner.tick()
    release.set()
    runner.settle()
    job.stop()
    found = {(run.outcome, Driven.seconds_of(run.planned), run.until) for run in runs(runner)}
    assert found == {
        ("ok", 10, ""),
        ("missed", 20, after(40).isoformat()),
        ("ok", 50, ""),
    }


def test_a_run_by_hand_is_kept_as_one(shared: Facade, clock: SetClock):
    runner = runner_of(shared, clock)
    job = started(runner, Calls())
    job.deliver(Firing(clock.now()), by_hand=True)
    job.stop()
    assert [(run.by_hand, run.outcome) for run in runs(runner)] == [(True, "ok")]
