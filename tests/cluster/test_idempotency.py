"""R6: a key sent five times at once, while workers are killed, has one effect and one answer; and
keys outlive restarts.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.cluster.running import sized

SENDERS = 20
HANDLED = SENDERS  # by one worker at one time, at most


@pytest.fixture
def pay(cluster):
    """Channels that pay once for each key: what a crash cut off is done again at /again, refused at
    /refuse.
    """
    for crash in ("again", "refuse"):
        cluster.must(
            "admin.channel.http.create",
            name=crash,
            url_path=f"/{crash}",
            service="recorder.record",
            format="json",
            method="POST",
            idempotency="Idempotency-Key",
            idempotency_crash=crash,
        )
    yield _Payments(cluster)
    for crash in ("again", "refuse"):
        cluster.must("admin.channel.http.delete", name=crash)


class _Payments:
    """Clients that must know: they ask until they are told, with the same key."""

    def __init__(self, cluster) -> None:
        self.cluster, self.sessions = cluster, threading.local()

    def one(self, path: str, number: int) -> tuple[int, str]:
        """Pay, and go on asking until there is an answer that says how it ended; gives number and
        answer.
        """
        session = self.sessions.__dict__.setdefault("session", requests.Session())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = session.post(
                    self.cluster.front + path,
                    json={"log": path[1:], "number": number, "work": 0.002},
                    headers={"Idempotency-Key": f"key-{number}"},
                    timeout=30,
                )
            except requests.ConnectionError:
                continue
            if answer.status_code == 200:
                return number, f"{answer.headers['Content-Type']} {answer.text}"
            if answer.status_code == 409 and "how far it came is not known" in answer.text:
                return number, "cut off"
            assert answer.status_code in (409, 502, 503), answer.text
            time.sleep(0.05)
        pytest.fail(f"{path} {number} was never answered")

    def five_times(
        self, paths: tuple[str, ...], keys: range, kills: int
    ) -> dict[str, Counter[tuple[int, str]]]:
        """Each key five times at once at each path, with kills spread over them; gives how often
        each answer came.
        """
        jobs = [(path, number) for number in keys for path in paths for _ in range(5)]
        at = sorted(self.cluster.rng.randrange(len(jobs)) for _ in range(kills))
        done = itertools.count(1)
        so_far = 0

        def one(job: tuple[str, int]) -> tuple[str, tuple[int, str]]:
            nonlocal so_far
            answer = self.one(*job)
            so_far = next(done)
            return job[0], answer

        def kill() -> None:
            for moment in at:
                while so_far < moment:
                    time.sleep(0.002)
                self.cluster.kill_worker()

        killer = threading.Thread(target=kill)
        killer.start()
        with ThreadPoolExecutor(SENDERS) as pool:
            answers = list(pool.map(one, jobs))
        killer.join()
        return {
            path: Counter(answer for where, answer in answers if where == path) for path in paths
        }


@pytest.mark.proves(
    "channel http with an idempotency key",
    "guarantee",
    "once for each key, however often it is sent",
)
def test_same_keys_at_once_have_one_effect_and_one_answer(cluster, pay, figure):
    count, kills = sized((80, 4), (1000, 20))
    quiet = pay.five_times(("/again",), range(count), 0)["/again"]
    assert quiet == dict.fromkeys(quiet, 5)
    assert len(quiet) == count
    assert Counter(cluster.receipts("again").numbers()) == dict.fromkeys(range(count), 1)

    keys = range(count, 2 * count)
    for path, answers in pay.five_times(("/again", "/refuse"), keys, kills).items():
        effects = Counter(
            number for number in cluster.receipts(path[1:]).numbers() if number in keys
        )
        replies = Counter(number for number, _ in answers)
        cut_off = {number for number, told in answers if told == "cut off"}
        twice = {number for number, times in effects.items() if times > 1}
        differ = sum(times > 1 for times in replies.values())
        print(
            f"{path}: {kills} kills, {len(replies)} keys, cut off {len(cut_off)}, effect twice {len(twice)}"
        )
        figure(
            f"R6 {path[1:]}",
            keys=count,
            kills=kills,
            effect_twice=len(twice),
            cut_off=len(cut_off),
            replies_differ=differ,
        )
        assert set(replies) == set(keys)
        assert not differ, "all replies to a key are identical"
        assert all(times == 5 for times in answers.values())
        assert set(effects) | cut_off == set(keys), (
            "each key that was answered with success had its effect"
        )
        if path == "/refuse":
            assert not twice, "never twice"
        else:
            assert not cut_off
            assert len(twice) <= kills * HANDLED // 5, (
                "only what a kill cut off between its effect and its answer"
            )

    before = len(cluster.receipts("again").lines())
    cluster.run("stop", cluster.path / "kvdb")
    cluster.run("start", cluster.path / "kvdb")
    for worker in cluster.workers():
        cluster.kill_worker(worker)
    cluster.whole()
    assert {pay.one("/again", number) for number in range(0, count, 20)} <= set(quiet)
    assert len(cluster.receipts("again").lines()) == before, (
        "the keys outlive a restart of Valkey and of every worker"
    )
