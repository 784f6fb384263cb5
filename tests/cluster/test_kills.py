"""Asynchronous invocation survives what kills or stops workers: nothing accepted is lost, and each
is redelivered in time.
"""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account
from tests.cluster.clients import Clients
from tests.cluster.running import LEASE, SERVERS, THREADS, WORKERS, sized

REDELIVERY = 30.0  # seconds


def redelivered(cluster, log: str) -> list[float]:
    """For each call that a killed worker had begun and not finished: seconds until another began
    it.
    """
    begun: dict[int, list[dict]] = {}
    for line in cluster.receipts(f"{log}-begun").lines():
        begun.setdefault(line["number"], []).append(line)
    finished = {(line["number"], line["pid"]) for line in cluster.receipts(log).lines()}
    found = []
    for kill in cluster.kills:
        for number, lines in begun.items():
            if (number, kill.pid) in finished or all(line["pid"] != kill.pid for line in lines):
                continue
            again = [line["at"] - kill.at for line in lines if line["at"] > kill.at]
            found.append(min(again, default=float("inf")))
    return found


@pytest.mark.proves("async invocation", "guarantee", "at least once")
def test_killed_workers_lose_nothing_that_was_accepted(cluster, figure):
    """R3: kill -9 of workers in the middle of services."""
    total, kills = sized((3_000, 5), (100_000, 50))
    whole_servers = set(
        range(9, kills, 10)
    )  # each tenth kill takes a server with all of its workers
    account, moments = Account(), sorted(cluster.rng.randrange(total) for _ in range(kills))
    with cluster.clients(
        "/accept", account, batch=10, log="flood", work=0.02, at_most=total
    ) as clients:
        for number, moment in enumerate(moments):
            wait_until(
                lambda moment=moment: len(account.acknowledged) >= moment,
                600,
                f"{moment} were accepted",
            )
            wait_until(
                lambda: len(cluster.workers()) > WORKERS,
                60,
                "more than half of the workers are there",
            )
            if number in whole_servers:
                cluster.kill_server(cluster.rng.choice(SERVERS))
            else:
                cluster.kill_worker()
        wait_until(lambda: clients.ended_by_themselves, 600, "all were accepted")
    cluster.settled(300)
    result = account.result(cluster.receipts("flood").numbers())
    delays = redelivered(cluster, "flood")
    print(result, f"interrupted {len(delays)}, redelivered within {max(delays, default=0):.1f} s")
    figure(
        "R3",
        kills=kills,
        workers_killed=len(cluster.kills),
        **result.counts,
        interrupted=len(delays),
        redelivery_max=round(max(delays, default=0.0), 1),
    )
    assert result.acknowledged >= total
    assert not result.lost
    assert not result.unexpected
    assert result.duplicates <= len(cluster.kills) * THREADS, (
        "at most what the killed workers had in hand came twice"
    )
    assert delays, "no kill hit a service in the middle: the test proves nothing"
    assert max(delays) <= REDELIVERY
    unanswered = {number for answer in clients.faults for number in answer.numbers}
    assert result.recovered <= unanswered | {
        number for answer in clients.refusals for number in answer.numbers
    }


def test_poison_and_crash_messages_get_their_attempts_and_the_others_their_speed(cluster, figure):
    """R4: messages that always fail, and messages that kill whoever takes them."""
    attempts, poison, crash = sized(2, 3), range(1, sized(11, 51)), range(1001, sized(1002, 1003))
    accounts, pause = (
        {log: Account() for log in ("before", "harmed", "after")},
        threading.Event().wait,
    )
    pace = {"batch": 4, "pause": 0.1, "patience": 0.1}

    def steady(log: str) -> Clients:
        with cluster.clients("/accept", accounts[log], log=log, **pace) as clients:
            wait_until(lambda: time.monotonic() > clients.began + sized(2, 20), 60)
        cluster.settled()
        return clients

    def rate(clients: Clients) -> float:
        return len(cluster.receipts(clients.values["log"]).numbers()) / (
            clients.ended - clients.began
        )

    before = steady("before")
    failed = cluster.must("admin.queue.status")["failed"]
    with cluster.clients("/accept", accounts["harmed"], log="harmed", **pace) as during:
        bad = {
            "log": "bad",
            "options": {"max_attempts": attempts, "delay": 0.2, "extra": {"header": "h"}},
        }
        expected = failed
        # each that crashes takes its worker with it, so they come one by one, else no worker might
        # be left
        for service, numbers in (
            ("recorder.poison", poison),
            *(("recorder.crash", [number]) for number in crash),
        ):
            answer = cluster.ask("/accept", {**bad, "service": service, "numbers": [*numbers]})
            assert answer.ok, answer.text
            expected += len(numbers)
            wait_until(
                lambda expected=expected: (
                    not pause(0.25) and cluster.must("admin.queue.status")["failed"] >= expected
                ),
                120,
                "it stands with the failed",
            )
        lasted = time.monotonic() - during.began
    cluster.settled()
    after = steady("after")
    for log, account in accounts.items():
        result = account.result(cluster.receipts(log).numbers())
        assert not result.lost
        assert not result.unexpected
    usual = [rate(before), rate(after)]
    # next to other work the machine is faster at one time than at another
    speed = rate(during) / sized(min(usual), sum(usual) / 2)
    print(
        f"{len(poison)} poison and {len(crash)} crash messages, {lasted:.1f} s, the others at {speed:.0%}"
    )
    figure(
        "R4",
        poison=len(poison),
        crash=len(crash),
        attempts=attempts,
        others_percent=round(speed * 100),
    )
    lines = cluster.receipts("bad").lines()
    for number in [*poison, *crash]:
        assert [line["attempt"] for line in lines if line["number"] == number] == list(
            range(1, attempts + 1)
        )
    items = cluster.must("admin.failed.list", limit=1000)["items"]
    mine = [item for item in items if item["service"] in ("recorder.poison", "recorder.crash")]
    assert len(mine) == len(poison) + len(crash)
    for item in mine:
        one = cluster.must("admin.failed.get", id=item["id"])
        assert one["extra"]["header"] == "h"
        assert (one["attempts"], len(one["history"])) == (attempts, attempts)
        if item["service"] == "recorder.poison":
            assert one["cause"] == f"RuntimeError: poison {one['payload']['number']}"
            assert "raise RuntimeError" in one["traceback"]
        else:
            assert one["cause"].startswith("Lost: the worker ended")
            assert all(line["cause"].startswith("the worker ended") for line in one["history"])
    cluster.must("admin.failed.delete", all=True)
    # a few seconds on a busy machine say little, so at the small size this is only about not being
    # held up
    assert speed >= sized(0.5, 0.9)


@pytest.mark.proves(
    "async invocation",
    "duplicates",
    "what a dead worker had in hand is begun again; one result of each call is committed",
)
def test_a_worker_that_stands_still_past_its_lease_is_fenced(cluster, figure):
    """R5, and the second half of R3: a service that takes longer than the lease runs once while its
    worker lives.
    """
    rounds, count, fenced, longest, twice = sized(1, 5), 2 * THREADS, 0, 0.0, 0
    for turn in range(rounds):
        log = f"long{turn}"
        refused = cluster.must("admin.queue.status")["counts"]["refused"]
        numbers = list(range(1, count + 1))
        asked = {
            "numbers": numbers,
            "log": log,
            "work": LEASE * 1.6,
            "options": {"callback": ["recorder.committed"]},
        }
        answer = cluster.ask("/accept", asked)
        assert answer.ok, answer.text
        begun = cluster.receipts(f"{log}-begun")
        wait_until(lambda begun=begun: len(begun.lines()) == count, 20, "all have begun")
        holders = {line["number"]: line["pid"] for line in begun.lines()}
        victim = cluster.rng.choice(sorted(set(holders.values())))
        mine = {number for number, pid in holders.items() if pid == victim}
        stopped = time.time()
        os.kill(victim, signal.SIGSTOP)
        try:
            wait_until(
                lambda begun=begun, mine=mine: len(begun.lines()) == count + len(mine),
                40,
                "others take over",
            )
            longest = max(longest, *(line["at"] - stopped for line in begun.lines()[count:]))
        finally:
            os.kill(victim, signal.SIGCONT)
        wait_until(
            lambda refused=refused, mine=mine: (
                cluster.must("admin.queue.status")["counts"]["refused"] == refused + len(mine)
            ),
            LEASE * 4,
            "what the stopped worker comes to is refused",
        )
        cluster.settled()
        again = [line["number"] for line in begun.lines()[count:]]
        assert sorted(again) == sorted(mine), (
            "only what the stopped worker had was begun again, though all outlast the lease"
        )
        committed = cluster.receipts(f"{log}-committed").lines()
        twice += len(committed) - count
        assert sorted(line["number"] for line in committed) == numbers, (
            "one result of each is committed"
        )
        assert {line["attempt"] for line in committed if line["number"] in mine} == {2}
        fenced += len(mine)
    print(f"{rounds} stops, {fenced} results refused, taken over within {longest:.1f} s")
    figure(
        "R5", stops=rounds, refused=fenced, committed_twice=twice, takeover_max=round(longest, 1)
    )
    assert longest <= REDELIVERY
