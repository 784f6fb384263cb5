"""R14: when the worker that has a job is killed or stopped, another takes over in time, and no
planned time runs twice.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections import Counter
from datetime import datetime

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.running import sized, within

TAKE_OVER = 10.0  # seconds
POLICIES = ("all", "once", "skip")


@pytest.fixture
def ticks(cluster):
    """Three jobs of one tick a second, one of each policy for missed ticks; gives a job's ticks so
    far.
    """
    for policy in POLICIES:
        cluster.must(
            "admin.channel.schedule.create",
            name=policy,
            service="recorder.tick",
            job_type="interval",
            seconds=1,
            missed=policy,
        )
    receipts = cluster.receipts("ticks")
    yield lambda job: receipts.lines(job=job)
    for policy in POLICIES:
        cluster.must("admin.channel.schedule.delete", name=policy)


@pytest.mark.proves(
    "channel schedule",
    "duplicates",
    "no planned time is begun by two workers; what a killed one had in hand is run again",
)
def test_another_worker_takes_over_and_no_tick_runs_twice(cluster, ticks, figure):
    faults = [signal.SIGKILL] * sized(1, 34) + [signal.SIGSTOP] * sized(1, 16)
    cluster.rng.shuffle(faults)
    waited: list[float] = []
    for number in faults:
        job = cluster.rng.choice(POLICIES)
        wait_until(
            lambda: all(len(ticks(policy)) >= 2 for policy in POLICIES), 30, "every job ticks"
        )
        leader = ticks(job)[-1]["pid"]
        held = [policy for policy in POLICIES if ticks(policy)[-1]["pid"] == leader]
        kill = cluster.kill_worker(cluster.process(leader), number)
        try:
            for policy in held:
                next_tick = wait_until(
                    lambda policy=policy, at=kill.at, leader=leader: next(
                        (
                            line
                            for line in ticks(policy)
                            if line["at"] > at and line["pid"] != leader
                        ),
                        None,
                    ),
                    30,
                    f"another worker takes {policy} over",
                )
                waited.append(next_tick["at"] - kill.at)
        finally:
            if number == signal.SIGSTOP:
                os.kill(leader, signal.SIGCONT)
        seen = len(ticks(job))
        wait_until(lambda seen=seen, job=job: len(ticks(job)) >= seen + 2, 20, "it goes on")
        cluster.whole()
    lines = {policy: ticks(policy) for policy in POLICIES}
    total = sum(map(len, lines.values()))
    print(f"{len(faults)} faults, {total} ticks, taken over within {max(waited):.1f} s")
    twice = [
        key
        for policy in POLICIES
        for key, times in Counter(
            (policy, line["planned"], line["attempt"]) for line in lines[policy]
        ).items()
        if times > 1
    ]
    again = [line for policy in POLICIES for line in lines[policy] if line["attempt"] > 1]
    holes = {policy: _holes(lines[policy]) for policy in POLICIES}
    figure(
        "R14",
        faults=len(faults),
        ticks=total,
        takeover_max=round(max(waited), 1),
        twice=len(twice),
        run_again_after_kill=len(again),
        missed_under_all=len(holes["all"]),
    )
    assert within(waited, TAKE_OVER)
    assert not twice, twice[:5]
    for line in again:  # the run that a kill cut off; its job cannot know that the line was written
        first = [
            one
            for one in lines[line["job"]]
            if one["planned"] == line["planned"] and one["attempt"] < line["attempt"]
        ]
        assert all(one["pid"] in {kill.pid for kill in cluster.kills} for one in first)
    assert not holes["all"], "with `all` every planned second has its run"
    for policy in (
        "once",
        "skip",
    ):  # each time without a worker has one run to make up for it, and nothing else is left out
        assert len(holes[policy]) <= len(faults)
        assert within(holes[policy], TAKE_OVER + 2)


def _holes(lines) -> list[float]:
    """The gaps between planned times that are longer than the interval, in seconds."""
    planned = sorted({datetime.fromisoformat(line["planned"]) for line in lines})
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(planned)]
    return [gap for gap in gaps if gap > 1]
