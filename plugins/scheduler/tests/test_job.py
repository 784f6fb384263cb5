"""Jobs over fake time: no drift, retries, missed runs, clocks that jump, a service that takes long,
and what outlives a worker.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
import redis
from hansa import Request, Response, Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_scheduler.cron import Cron
from hansa_scheduler.job import Firing, Job
from hansa_scheduler.ledger import Ledger
from hansa_scheduler.redis_ledger import CLAIM
from hansa_scheduler.times import Interval, Once
from redis.backoff import NoBackoff
from redis.retry import Retry

from plugins.scheduler.tests.support import (
    START,
    Calls,
    Driven,
    Facade,
    QuickValkey,
    SetClock,
    client_of,
)

FIRINGS = 10_000


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def make(runner, times, calls, name="job", **options) -> Job:
    def send(firing: Firing) -> Response:
        return calls(Request(attempt=firing.attempt, extra={"planned": firing.planned.isoformat()}))

    job = Job(name, runner, times, send, rule=options.pop("rule", "rule"), **options)
    job.start()
    return job


@pytest.mark.proof
def test_ten_thousand_firings_do_not_drift(runner, clock):
    calls = Calls()
    job = make(runner, Interval(START, seconds(1)), calls)
    for number in range(FIRINGS):
        # the watching thread comes late, by a different time each time
        clock.moment = START + seconds(number + 1 + (number * 37 % 900) / 1000)
        runner.tick()
        runner.settle()
    assert calls.planned == [START + seconds(number) for number in range(1, FIRINGS + 1)]
    assert job.status()["next"] == (START + seconds(FIRINGS + 1)).isoformat()
    job.stop()


def test_repeats_are_a_number_of_runs(runner):
    calls = Calls()
    job = make(runner, Interval(START + seconds(5), seconds(10), 3), calls)
    runner.run_for(100)
    assert calls.planned == [START + seconds(number) for number in (5, 15, 25)]
    assert job.status()["next"] is None
    job.stop()


def test_cron_through_autumn(runner, clock):
    calls, begin = Calls(), datetime(2026, 10, 24, 22, tzinfo=UTC)
    clock.moment = begin
    job = make(runner, Cron("30 2 * * *", "Europe/Berlin"), calls)
    runner.run_until(begin + timedelta(hours=30))
    assert calls.planned == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]
    job.stop()


def test_failures_are_tried_again_with_growing_pauses_and_then_given_up(runner, clock, caplog):
    calls, at = Calls("retry", "retry", "retry", "retry"), []

    def send(request):
        at.append((clock.moment - START).total_seconds())
        return calls(request)

    job = make(
        runner,
        Interval(START + seconds(10), seconds(3600), 1),
        send,
        max_attempts=3,
        retry_delay=2.0,
    )
    with caplog.at_level(logging.WARNING):
        runner.run_for(600)
    assert at == [10, 12, 16]
    assert [request.attempt for request in calls] == [1, 2, 3]
    assert sum("next attempt" in line for line in caplog.messages) == 2
    assert (
        sum(
            "given up after 3 attempts" in line and "the back end is down" in line
            for line in caplog.messages
        )
        == 1
    )
    assert runner.ledger.unfinished() == []
    job.stop()


def test_other_runs_go_on_while_one_waits_to_be_tried_again(runner):
    calls = Calls("retry")
    job = make(runner, Interval(START, seconds(10)), calls, retry_delay=25.0)
    runner.run_for(41)
    assert [(p - START).total_seconds() for p in calls.planned] == [10, 20, 30, 10, 40]
    job.stop()


def test_a_rejected_run_is_not_tried_again(runner, caplog):
    calls = Calls("reject")
    job = make(runner, Interval(START, seconds(10), 2), calls)
    runner.run_for(100)
    assert len(calls) == 1
    assert [record.levelname for record in caplog.records if "given up" in record.message] == [
        "ERROR"
    ]
    job.stop()


def test_a_dispatch_that_raises_stalls_nothing(runner, caplog):
    calls = []

    def broken(request):
        calls.append(request)
        raise RuntimeError("dispatch must not do that")

    other = Calls()
    jobs = [
        make(runner, Interval(START, seconds(10)), broken, "broken"),
        make(runner, Interval(START, seconds(10)), other, "other"),
    ]
    runner.run_for(35)
    assert len(calls) == 3
    assert len(other) == 3
    assert "failed outside its service" in caplog.text
    for job in jobs:
        job.stop()


def test_a_calculation_that_raises_stalls_nothing(runner, caplog):
    class Broken(Interval):
        def window(self, after, until, limit):
            raise ArithmeticError("broken")

    other = Calls()
    jobs = [
        make(runner, Broken(START, seconds(10)), Calls(), "broken"),
        make(runner, Interval(START, seconds(10)), other, "other"),
    ]
    runner.run_for(35)
    assert len(other) == 3
    assert "ArithmeticError" in caplog.text
    for job in jobs:
        job.stop()


def test_a_long_run_does_not_hold_up_other_jobs_nor_overlap_itself(runner, clock):
    release, began, other = threading.Event(), [], Calls()

    def slow(request):
        began.append(request)
        assert release.wait(20)
        return Response()

    jobs = [
        make(runner, Interval(START, seconds(10)), slow, "slow"),
        make(runner, Interval(START, seconds(10)), other, "other"),
    ]
    for number in range(1, 6):
        clock.moment = START + seconds(10 * number)
        runner.tick()
        with runner.lock:
            assert runner.lock.wait_for(lambda: runner.busy == 1, 10)
    assert len(began) == 1
    assert len(other) == 5
    release.set()
    runner.settle()
    # by the policy `once`, the four runs that were held up are made up for by one
    assert [request.extra["planned"] for request in began] == [
        (START + seconds(n)).isoformat() for n in (10, 50)
    ]
    assert jobs[0].status()["skipped"] == 3
    for job in jobs:
        job.stop()


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("skip", [3610]), ("once", [3600, 3610]), ("all", [*range(20, 3601, 10), 3610])],
)
@pytest.mark.proves(
    "channel schedule",
    "loss window",
    "times while nothing ran, as the job's `missed` says: skip, once or all",
)
def test_what_was_missed_while_nothing_ran(shared, missed, expected):
    clock, calls = SetClock(), Calls()
    first = Driven(Ledger(shared.as_server), clock)
    job = make(first, Interval(START, seconds(10)), Calls(), missed=missed)
    first.run_for(15)
    job.stop()
    clock.moment = START + seconds(3605) if missed != "skip" else START + seconds(3609.5)
    second = Driven(Ledger(shared.as_server), clock)
    if missed == "skip":
        # a planned time 9.5 s ago is late, not missed; let it be missed by looking at a job with a
        # longer interval
        second.ledger.begin("job", "rule", clock.now())
        job = make(second, Interval(START, seconds(10)), calls, missed=missed)
        second.run_until(START + seconds(3610))
        assert [(p - START).total_seconds() for p in calls.planned] == [3600, 3610]
        job.stop()
        return
    job = make(second, Interval(START, seconds(10)), calls, missed=missed)
    second.run_until(START + seconds(3610))
    assert [(p - START).total_seconds() for p in calls.planned] == expected
    job.stop()


def test_skip_drops_what_is_over_half_a_minute_late(shared, caplog):
    clock, calls = SetClock(), Calls()
    first = Driven(Ledger(shared.as_server), clock)
    make(first, Interval(START, seconds(600)), Calls(), missed="skip").stop()
    clock.moment = START + seconds(1300)
    second = Driven(Ledger(shared.as_server), clock)
    job = make(second, Interval(START, seconds(600)), calls, missed="skip")
    second.run_until(START + seconds(1800))
    assert calls.planned == [START + seconds(1800)]
    assert "missed and are skipped" in caplog.text
    job.stop()


def test_all_is_limited_and_says_so(shared, caplog):
    clock, calls = SetClock(), Calls()
    make(
        Driven(Ledger(shared.as_server), clock), Interval(START, seconds(1)), Calls(), missed="all"
    ).stop()
    clock.moment = START + timedelta(days=1)
    runner = Driven(Ledger(shared.as_server), clock)
    job = make(runner, Interval(START, seconds(1)), calls, missed="all")
    runner.tick()
    # each run is written down, which a busy disk delays
    wait_until(lambda: len(calls) >= 1000)
    runner.settle()
    assert calls.planned == [
        START + timedelta(days=1) - seconds(number) for number in range(999, -1, -1)
    ]
    assert "left out" in caplog.text
    job.stop()


def test_a_new_job_has_missed_nothing(runner):
    calls = Calls()
    job = make(runner, Interval(START - timedelta(days=9), seconds(60)), calls, missed="all")
    runner.run_for(59)
    assert calls == []
    job.stop()


def test_a_changed_rule_has_missed_nothing(shared):
    clock, calls = SetClock(), Calls()
    make(
        Driven(Ledger(shared.as_server), clock),
        Interval(START, seconds(3600)),
        Calls(),
        rule="hourly",
    ).stop()
    clock.moment += seconds(3000)
    runner = Driven(Ledger(shared.as_server), clock)
    job = make(runner, Interval(START, seconds(60)), calls, rule="each minute", missed="all")
    runner.run_for(30)
    assert calls == []
    job.stop()


def test_once_runs_once_even_after_restarts(shared):
    clock, ran = SetClock(), []
    for _ in range(4):
        runner, calls = Driven(Ledger(shared.as_server), clock), Calls()
        job = make(runner, Once(START + seconds(10)), calls)
        runner.run_for(20)
        job.stop()
        ran += calls.planned
    assert ran == [START + seconds(10)]


@pytest.mark.parametrize(("missed", "runs"), [("once", 1), ("all", 1), ("skip", 0)])
def test_once_in_the_past_runs_late_unless_told_to_skip(shared, missed, runs, caplog):
    clock, calls = SetClock(), Calls()
    for _ in range(2):
        runner = Driven(Ledger(shared.as_server), clock)
        job = make(runner, Once(START - timedelta(days=2)), calls, missed=missed)
        runner.run_for(10)
        job.stop()
    assert len(calls) == runs
    assert caplog.text.count("missed and is skipped") == (1 if missed == "skip" else 0)


def test_two_holders_of_one_job_run_each_planned_time_once(shared):
    clock, calls = SetClock(), Calls()
    runners = [Driven(Ledger(shared.as_server), clock) for _ in range(2)]
    jobs = [make(runner, Interval(START, seconds(1)), calls) for runner in runners]
    for _ in range(50):
        clock.moment += seconds(1)
        for runner in runners:
            runner.tick()
        for runner in runners:
            runner.settle()
    assert sorted(calls.planned) == [START + seconds(number) for number in range(1, 51)]
    for job in jobs:
        job.stop()


def test_a_clock_set_forward_makes_up_by_policy(runner, clock):
    calls = Calls()
    job = make(runner, Interval(START, seconds(10)), calls)
    runner.run_for(10)
    clock.moment += timedelta(hours=1)
    runner.tick()
    runner.settle()
    assert [(p - START).total_seconds() for p in calls.planned] == [10, 3610]
    job.stop()


def test_a_clock_set_back_does_not_stall_short_intervals(shared):
    clock, calls = SetClock(), Calls()
    runner = Driven(Ledger(shared.as_server), clock)
    job = make(runner, Interval(START, seconds(10)), calls)
    runner.run_for(3600)
    before = len(calls)
    clock.moment -= timedelta(hours=1)
    runner.run_for(100)
    assert len(calls) - before == 10
    job.stop()


def test_a_clock_set_back_runs_nothing_twice_that_has_a_long_period(runner, clock):
    calls, once, daily = Calls(), Calls(), Calls()
    jobs = [
        make(runner, Interval(START, timedelta(hours=1)), calls, "hourly"),
        make(runner, Once(START + seconds(5)), once, "once"),
        make(runner, Cron("0 13 * * *"), daily, "daily"),
    ]
    runner.run_until(START + timedelta(minutes=65))
    clock.moment = START + timedelta(minutes=55)
    runner.run_until(START + timedelta(minutes=90))
    assert calls.planned == [START + timedelta(hours=1)]
    assert daily.planned == [START + timedelta(hours=1)]
    assert len(once) == 1
    for job in jobs:
        job.stop()


def test_what_waits_for_another_try_goes_to_the_next_holder(shared):
    clock, calls = SetClock(), Calls()
    first = Driven(Ledger(shared.as_server), clock)
    job = make(first, Interval(START, seconds(3600), 2), Calls("retry"), retry_delay=60.0)
    first.run_for(3600)
    job.stop()
    second = Driven(Ledger(shared.as_server), clock)
    job = make(second, Interval(START, seconds(3600), 2), calls)
    second.run_for(30)
    second.adopt()
    second.settle()
    assert [(request.attempt, request.extra["planned"]) for request in calls] == [
        (2, (START + seconds(3600)).isoformat())
    ]
    assert second.ledger.unfinished() == []
    job.stop()


class LosesAnswers(Ledger):
    """A ledger that loses its first answer to a claim of a second attempt."""

    lost = 0

    def claim(self, job, planned, attempt, **options):
        answer = super().claim(job, planned, attempt, **options)
        if attempt == 2 and not self.lost:
            self.lost += 1
            return None
        return answer


def test_an_attempt_whose_claim_was_made_and_not_answered_is_run(shared):
    clock, calls = SetClock(), Calls("retry")
    ledger = LosesAnswers(shared.as_server)
    runner = Driven(ledger, clock)
    job = make(runner, Interval(START, seconds(3600), 2), calls, retry_delay=5.0)
    runner.run_for(3700)
    assert [request.attempt for request in calls] == [1, 2]
    assert ledger.lost == 1
    assert runner.ledger.unfinished() == []
    job.stop()


def lost_answer(ledger: LosesAnswers, clock: SetClock) -> tuple[Driven, Job]:
    """A runner that has lost the answer to its claim of a job's second attempt, and has another
    job.
    """
    runner = Driven(ledger, clock)
    job = make(runner, Interval(START, seconds(3600), 2), Calls("retry"), retry_delay=5.0)
    make(runner, Once(START + timedelta(days=1)), Calls(), "other")
    runner.run_for(3600)
    for _ in range(20):
        if not ledger.lost:
            runner.run_for(1)
    assert ledger.lost == 1
    return runner, job


def test_an_attempt_whose_claim_was_not_answered_before_its_job_ended_is_run(shared):
    clock, calls = SetClock(), Calls()
    runner, job = lost_answer(LosesAnswers(shared.as_server), clock)
    # Redis does not answer yet when the job ends
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner.ledger.shared, "ask", lambda call: None)
        job.stop()
    job = make(runner, Interval(START, seconds(3600), 2), calls)
    runner.adopt()
    runner.settle()
    assert [request.attempt for request in calls] == [2]
    runner.adopt()
    runner.settle()
    assert len(calls) == 1
    assert runner.ledger.unfinished() == []
    for one in list(runner.jobs.values()):
        one.stop()


@pytest.mark.parametrize("answers", [True, False], ids=["answers", "does-not-answer-yet"])
def test_an_attempt_whose_claim_was_not_answered_is_run_by_the_next_holder(shared, answers):
    clock, calls = SetClock(), Calls()
    first, job = lost_answer(LosesAnswers(shared.as_server), clock)
    with pytest.MonkeyPatch.context() as patch:
        if not answers:
            patch.setattr(first.ledger.shared, "ask", lambda call: None)
        job.stop()
    second = Driven(Ledger(shared.as_server), clock)
    make(second, Interval(START, seconds(3600), 2), calls)
    # the first lives, and gives back what it has of a job that it no longer has
    for runner in (second, first, second):
        runner.adopt()
        runner.settle()
    assert [request.attempt for request in calls] == [2]
    assert second.ledger.unfinished() == first.ledger.unfinished() == []
    for runner in (first, second):
        for one in list(runner.jobs.values()):
            one.stop()


def test_what_a_dead_runner_had_in_hand_is_run_again_up_to_the_limit(shared, caplog):
    clock = SetClock()
    dead = Ledger(shared.as_server)
    dead.sign()
    planned = START + seconds(10)
    assert dead.claim("job", planned, 1)
    alive = Driven(Ledger(shared.as_server), clock)
    calls = Calls()
    job = make(alive, Interval(START + timedelta(days=1), seconds(10)), calls, max_attempts=2)
    alive.adopt()
    alive.settle()
    assert calls == []  # its runner lives: a run that takes long is left alone
    dead.leave()
    alive.adopt()
    alive.settle()
    assert [(request.attempt, request.extra["planned"]) for request in calls] == [
        (2, planned.isoformat())
    ]
    assert dead.claim("job", planned, 2) is False
    assert dead.claim("other", planned, 2)
    job.name = "other"
    alive.jobs["other"] = alive.jobs.pop("job")
    alive.adopt()
    alive.settle()
    assert len(calls) == 1
    assert "given up: attempt 2 ended with its worker" in caplog.text
    job.stop()


def test_draining_waits_for_what_runs_and_starts_nothing(runner, clock):
    release, ended = threading.Event(), []

    def slow(request):
        assert release.wait(20)
        ended.append(request)
        return Response()

    job = make(runner, Interval(START, seconds(10)), slow)
    clock.moment += seconds(10)
    runner.tick()
    assert runner.drain(0.05) is False
    clock.moment += seconds(10)
    runner.tick()
    release.set()
    assert runner.drain(10)
    assert len(ended) == 1
    job.stop()


@pytest.fixture
def new_valkey():
    """Start a Valkey that the test may kill."""
    with contextlib.ExitStack() as started:
        yield lambda: started.enter_context(QuickValkey())


@pytest.mark.proves(
    "channel schedule", "durability", "what has run is kept in Redis and in a file of the server"
)
def test_while_redis_is_away_runs_wait_and_then_count_as_missed(
    tmp_path_factory, new_valkey, caplog
):
    folder = tmp_path_factory.mktemp("v")
    valkey = new_valkey()
    client = client_of(valkey)
    clock, calls = SetClock(), Calls()
    runner = Driven(Ledger(Facade(folder / "server", client).as_server), clock)
    runner.ledger.shared.pause = 0.0
    job = make(runner, Interval(START, seconds(10)), calls)
    once = make(runner, Once(START + seconds(25)), calls, "once")
    try:
        runner.run_for(20)
        valkey.kill()
        runner.run_for(20)
        assert calls.planned == [START + seconds(10), START + seconds(20)], (
            "another server may have run the others"
        )
        with pytest.raises(Unavailable):
            runner.ledger.runs(["job"])
        valkey.start()
        runner.run_for(20)
        once.stop()
        once = make(runner, Once(START + seconds(25)), calls, "once")
        runner.run_for(9)
        kept = runner.ledger.runs(["job"])["job"]
        assert [run.planned for run in kept if run.outcome == "missed"] == [
            (START + seconds(30)).isoformat()
        ]
    finally:
        job.stop()
        once.stop()
        client.close()
    assert sorted(calls.planned) == [START + seconds(number) for number in (10, 20, 25, 40, 50, 60)]
    assert sum("another server may have the planned runs" in line for line in caplog.messages) == 1


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_a_holder_that_is_cut_off_runs_nothing_that_the_next_one_makes_up_for(
    missed, tmp_path_factory, new_valkey
):
    """The first holder loses Redis and does not know yet that it lost the job; then it is back, and
    has the job once more.
    """
    folder = tmp_path_factory.mktemp("v")
    valkey = new_valkey()
    client = client_of(valkey)
    away = redis.Redis(
        unix_socket_path=str(folder / "away"), decode_responses=True, retry=Retry(NoBackoff(), 0)
    )
    clock, one, two = SetClock(), Calls(), Calls()
    first, second = (
        Driven(Ledger(Facade(folder / name, client).as_server), clock) for name in ("one", "two")
    )
    try:
        mine = make(first, Interval(START, seconds(1)), one, missed=missed)
        first.run_for(5)
        claim_at(first, away)
        first.run_for(6)
        assert one.planned == [START + seconds(number) for number in range(1, 6)]
        other = make(second, Interval(START, seconds(1)), two, missed=missed)
        second.run_for(4)
        other.stop()
        claim_at(first, client)
        first.ledger.shared.retry_now()
        first.run_for(3)
        mine.stop()
    finally:
        client.close()
    planned = one.planned + two.planned
    assert len(planned) == len(set(planned)), "none of them twice"
    assert max(planned) == START + seconds(18)
    made_up = {number for number in range(6, 12) if START + seconds(number) in two.planned}
    assert made_up == (set(range(6, 12)) if missed == "all" else {11})


def claim_at(runner: Driven, client: redis.Redis) -> None:
    """Have a runner claim at another Redis."""
    ledger = runner.ledger.shared.ledger
    assert ledger is not None
    ledger.claim_script = client.register_script(CLAIM)


def test_another_attempt_waits_for_redis_too(tmp_path_factory, new_valkey):
    folder = tmp_path_factory.mktemp("v")
    valkey = new_valkey()
    client = client_of(valkey)
    away = redis.Redis(
        unix_socket_path=str(folder / "away"), decode_responses=True, retry=Retry(NoBackoff(), 0)
    )
    clock, calls = SetClock(), Calls("retry")
    runner = Driven(Ledger(Facade(folder / "server", client).as_server), clock)
    runner.ledger.shared.pause = 0.0
    try:
        job = make(runner, Interval(START, seconds(100)), calls)
        runner.run_for(100)
        claim_at(runner, away)
        runner.run_for(20)
        assert [request.attempt for request in calls] == [1]
        claim_at(runner, client)
        runner.run_for(20)
        assert [request.attempt for request in calls] == [1, 2]
        job.stop()
    finally:
        client.close()
