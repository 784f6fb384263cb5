"""Replays in the background: each message is sent once, and the tally is exact, whatever happens in
between.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Literal

import pytest
from hansa import Conflict, Invalid, NotFound
from hansa_devkit.harness.waiting import wait_until
from hansa_queue.call import decode
from hansa_queue.in_hand import Message
from hansa_queue.index import Selection
from hansa_queue.replays import Begun, Pace, Replay
from hansa_queue.store import text
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from plugins.queue.tests.conftest import Cluster, Worker
from plugins.queue.tests.test_failed import broken, call
from plugins.queue.tests.test_queue import balanced, idle

__all__ = ["broken"]
QUICK = Pace(5000)
End = Literal["ok", "failed", "again", "lost"]
ENDS = st.lists(st.sampled_from(["ok", "failed", "again", "lost"]), min_size=2, max_size=6)


def consistent(replay: Replay) -> bool:
    """Whether the parts of a tally are its sums."""
    counted = replay.sent + replay.missing + replay.left
    fates = replay.succeeded + replay.failed + replay.pending
    return counted == replay.total and fates == replay.sent and replay.pending >= 0


def ended(worker: Worker, identifier: str) -> Replay:
    """Return a replay once it has ended."""
    replays = worker.queue.replays
    wait_until(lambda: replays.get(identifier).state == "finished", what=worker.status)
    return replays.get(identifier)


def test_a_replay_knows_what_became_of_its_messages(broken: Worker, cluster: Cluster):
    def orders(self: Any) -> None:
        if self.request.payload["n"] == 1:
            raise RuntimeError("still no stock for 1")
        cluster.report(self.cid)

    cluster.service("orders", orders)
    answer = call(broken, "failed.replay", service="orders", rate=1000)
    assert (answer["replayed"], answer["left"], answer["missing"]) == (0, 6, [])
    found = ended(broken, answer["id"])
    assert consistent(found)
    assert (found.total, found.sent, found.succeeded, found.failed) == (6, 6, 5, 1)
    assert (found.left, found.what) == (0, {"service": "orders"})
    (cause,) = found.causes
    assert (cause.service, cause.cause, cause.count) == (
        "orders",
        "RuntimeError: still no stock for *",
        1,
    )
    (group,) = call(broken, "failed.groups", group=cause.group)["items"]
    assert (group["count"], group["service"]) == (1, "orders")
    assert sorted(cluster.seen) == ["C0", "C2", "C3", "C4", "C5"]
    (listed,) = call(broken, "replay.list")["items"]
    assert listed == call(broken, "replay.get", id=answer["id"])
    assert (listed["state"], listed["worker"]) == ("finished", broken.id)
    assert balanced(broken)


def test_the_button_pressed_twice_replays_once(broken: Worker, cluster: Cluster):
    cluster.service("orders", lambda self: cluster.report(self.cid))
    first = call(broken, "failed.replay", service="orders", rate=4)
    second = call(broken, "failed.replay", service="orders", rate=4)
    assert (second["id"], second["left"]) == (first["id"], 0)
    assert second["elsewhere"] in (5, 6)
    third = call(broken, "failed.replay", all=True, rate=1000)
    assert (third["left"], third["elsewhere"] in (4, 5, 6)) == (2, True)
    assert ended(broken, first["id"]).sent == 6
    ended(broken, third["id"])
    wait_until(lambda: idle(broken))
    assert Counter(cluster.seen) == {f"C{n}": 1 for n in range(6)}
    assert call(broken, "replay.list")["total"] == 2


def test_the_first_one_then_wait(broken: Worker, cluster: Cluster):
    cluster.service("orders", lambda self: cluster.report(self.cid))
    identifier = call(broken, "failed.replay", service="orders", batch=1)["id"]
    replays = broken.queue.replays
    wait_until(lambda: replays.get(identifier).succeeded == 1)
    found = replays.get(identifier)
    assert (found.state, found.sent, found.left, found.rate) == ("paused", 1, 5, 50.0)
    call(broken, "replay.resume", id=identifier, batch=2, rate=1000)
    wait_until(lambda: replays.get(identifier).state == "paused")
    assert replays.get(identifier).sent == 3
    call(broken, "replay.resume", id=identifier)
    assert ended(broken, identifier).succeeded == 6
    with pytest.raises(Conflict, match="is finished"):
        call(broken, "replay.resume", id=identifier)


def test_what_a_stopped_replay_has_not_sent_stays_failed(broken: Worker, cluster: Cluster):
    cluster.service("orders", lambda self: cluster.report(self.cid))
    identifier = call(broken, "failed.replay", service="orders", rate=5, batch=2)["id"]
    replays = broken.queue.replays
    wait_until(lambda: replays.get(identifier).state == "paused")
    found = call(broken, "replay.stop", id=identifier)
    assert (found["state"], found["sent"], found["left"]) == ("stopped", 2, 4)
    assert call(broken, "replay.stop", id=identifier)["state"] == "stopped"
    with pytest.raises(Conflict):
        call(broken, "replay.pause", id=identifier)
    wait_until(lambda: replays.get(identifier).succeeded == 2)
    assert call(broken, "failed.list", service="orders")["total"] == 4
    assert call(broken, "failed.replay", service="orders", rate=1000)["left"] == 4
    for operation in ("get", "stop", "pause", "resume"):
        with pytest.raises(NotFound):
            call(broken, f"replay.{operation}", id="none")


def test_the_rate_is_kept(broken: Worker, cluster: Cluster):
    cluster.service("orders", lambda self: cluster.report(time.monotonic()))
    began = time.monotonic()
    identifier = call(broken, "failed.replay", service="orders", rate=20)["id"]
    ended(broken, identifier)
    # from its beginning: the first may be handled late on a busy machine
    assert 0.2 <= max(cluster.seen) - began < 5.0
    with pytest.raises(Invalid):
        call(broken, "failed.replay", all=True, rate=-1)


def test_one_worker_at_a_time_sends_and_another_goes_on(broken: Worker, cluster: Cluster):
    broken.queue.stop(5)
    worker = cluster.worker(start=False)
    replays = worker.queue.replays
    begun = replays.begin(Selection(), Pace(0.1), "", {})
    assert replays.step(begun.replay, "a", 0.2, 500) == 1
    assert replays.step(begun.replay, "b", 0.2, 500) == 0
    assert replays.get(begun.replay).worker == "a"
    replays.resume(begun.replay, rate=5000)
    assert replays.step(begun.replay, "b", 0.2, 500) == 0
    time.sleep(0.25)
    assert replays.step(begun.replay, "b", 0.2, 500) >= 1
    assert replays.get(begun.replay).worker == "b"


def test_a_full_queue_makes_a_replay_wait(broken: Worker, cluster: Cluster):
    broken.queue.stop(5)
    worker = cluster.worker(start=False, max_queued=3)
    replays = worker.queue.replays
    begun = replays.begin(Selection(), QUICK, "", {})
    assert replays.step(begun.replay, "a", 1, 500) == 1
    time.sleep(0.01)
    assert replays.step(begun.replay, "a", 1, 500) == 2
    time.sleep(0.01)
    assert replays.step(begun.replay, "a", 1, 500) == 0
    found = replays.get(begun.replay)
    assert (found.state, found.left) == ("running", 5)


def test_replays_are_kept_for_a_while(broken: Worker):
    replays = broken.queue.replays
    first = call(broken, "failed.replay", service="orders", rate=1000)["id"]
    ended(broken, first)
    second = replays.begin(Selection(service="bills"), Pace(0.001, 1), "", {}).replay
    replays.forget(1)
    assert {one.id for one in replays.page(0, 10)[0]} == {first, second}
    time.sleep(0.01)
    replays.forget(0)
    found, total = replays.page(0, 10)
    assert ([one.id for one in found], total) == ([second], 1)


class Tallies(RuleBasedStateMachine):
    """Messages that fail, are replayed in all ways, deleted and run; workers die in between."""

    address = ""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(self.address)
        self.worker = self.cluster.worker(start=False, max_attempts=2)
        self.dying = self.cluster.worker(start=False, max_attempts=2)
        self.worker.queue.store.prepare()
        for worker in self.cluster.workers:
            # so that it takes one message at a time, when it is told to
            worker.queue.readers._hand.stop()
        self.ends: list[End] = []
        for name in ("s", "t"):
            self.cluster.service(name, self._act)
        self.put = 0
        self.begun: dict[str, Begun] = {}
        self.sent: Counter[str] = Counter()
        self.succeeded: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.at_once = 0

    def teardown(self) -> None:
        """Close what was opened."""
        for worker in self.cluster.workers:
            worker.queue.store.redis.close()

    def _act(self, service: Any) -> None:
        end = self.ends.pop()
        if end == "failed":
            raise Invalid({"n": "is wrong"})
        if end == "again":
            raise RuntimeError("later")

    def _ids(self) -> list[str]:
        return [identifier for identifier, _ in self.worker.queue.failed.find(Selection())]

    def _replay(self, number: int) -> str:
        """Return one of the replays, of which there is at least one.

        How many there are depends on when messages become due; what Hypothesis draws must not.
        """
        return list(self.begun)[number % len(self.begun)]

    @initialize(batch=st.sampled_from([0, 0, 2]), ends=ENDS)
    def have_a_replay(self, batch: int, ends: list[End]) -> None:
        """Begin with messages of two services that have failed, and a replay of them."""
        for service in ("s", "t"):
            self.fail(4, service)
        self.begin("", batch, False)
        for replay in self.begun:
            self._send(replay, "a", ends)

    @rule(count=st.integers(1, 4), service=st.sampled_from(["s", "t"]))
    def fail(self, count: int, service: str) -> None:
        """Put messages, and have them fail."""
        for _ in range(count):
            self.put += 1
            self.worker.queue.put(service, {"n": self.put}, f"C{self.put}")
        for _ in range(self.worker.status()["queued"]):
            self.run("failed")

    @rule(
        service=st.sampled_from(["", "s", "t"]),
        batch=st.sampled_from([0, 0, 1, 3]),
        named=st.booleans(),
    )
    def begin(self, service: str, batch: int, named: bool) -> None:
        """Begin a replay, by conditions or by ids."""
        ids = self._ids()[::2] if named else None
        selection = Selection(ids, service=service)
        wanted = self.worker.queue.failed.count(selection)
        begun = self.worker.queue.replays.begin(selection, Pace(5000, batch), "me", {})
        assert begun.total + begun.elsewhere == wanted
        assert bool(begun.replay) == bool(wanted)
        if begun.total:
            self.begun[begun.replay] = begun

    @rule(
        number=st.integers(0, 9),
        holder=st.sampled_from(["a", "b"]),
        ends=ENDS,
    )
    def send(self, number: int, holder: str, ends: list[End]) -> None:
        """Send some of a replay, whose worker's lease has ended, and run as many messages."""
        self._send(self._replay(number), holder, ends)

    def _send(self, replay: str, holder: str, ends: list[End]) -> None:
        for end in ends:
            self.sent[replay] += self.worker.queue.replays.step(replay, holder, 0.0, 1)
            self.run(end)

    @rule(number=st.integers(0, 9), act=st.sampled_from(["pause", "resume", "resume", "stop"]))
    def steer(self, number: int, act: str) -> None:
        """Pause, resume or stop a replay; what has ended is not changed."""
        replay = self._replay(number)
        replays = self.worker.queue.replays
        before = replays.get(replay)
        try:
            getattr(replays, act)(replay)
        except Conflict:
            assert before.state in ("stopped", "finished")

    def run(self, end: End) -> None:
        """Run the next message: to its end, to another attempt, or in a worker that dies."""
        if not self.worker.status()["queued"]:
            return
        reader = (self.dying if end == "lost" else self.worker).queue.readers
        message = reader._wait()
        assert message is not None
        if end == "lost":
            reader._renew(idle=reader.lease)
            reader._hand.settled(message, [], 0)
            return
        self._carry_out(message, end)

    @rule(end=st.sampled_from(["ok", "failed", "again"]))
    def take_over(self, end: End) -> None:
        """Run what has become due, or a message of a worker that died."""
        if self.worker.status()["delayed"]:
            time.sleep(0.03)
            self.worker.queue.readers._move_due()
            self.run(end)
        message = self.worker.queue.readers._claim()
        if message is not None:
            self._carry_out(message, end)

    def _carry_out(self, message: Message, end: End) -> None:
        known = decode(message.data)
        attempts = known.attempt + message.delivery - 1
        runs = attempts <= 2
        if runs:
            self.ends.append(end)
        readers = self.worker.queue.readers
        readers._carry_out(message)
        step = readers._hand.next_step()
        if step is not None:
            readers._take(step)
        if known.replay and runs and end == "ok":
            self.succeeded[known.replay] += 1
        elif known.replay and (not runs or end == "failed" or attempts == 2):
            self.failed[known.replay] += 1

    @rule(service=st.sampled_from(["", "s"]), named=st.booleans(), removed=st.booleans())
    def delete(self, service: str, named: bool, removed: bool) -> None:
        """Delete some, and perhaps remove what they leave."""
        ids = self._ids()[:2] if named else None
        failed = self.worker.queue.failed
        wanted = failed.count(Selection(ids, service=service))
        assert failed.delete(Selection(ids, service=service)) == wanted
        if removed:
            failed.remove_deleted()

    @rule(named=st.booleans())
    def replay_at_once(self, named: bool) -> None:
        """Replay without a rate."""
        ids = self._ids()[:3] if named else None
        self.at_once += self.worker.queue.failed.replay(Selection(ids, service="t")).replayed

    @invariant()
    def tallies_are_exact(self) -> None:
        """Each replay counts what was seen of it."""
        for identifier, begun in self.begun.items():
            found = self.worker.queue.replays.get(identifier)
            assert consistent(found), found
            assert found.total == begun.total
            assert found.sent == self.sent[identifier]
            assert found.succeeded == self.succeeded[identifier]
            assert found.failed == self.failed[identifier]
            assert found.failed == sum(cause.count for cause in found.causes)
            if found.state == "finished":
                assert (found.left, found.pending) == (0, 0)

    @invariant()
    def nothing_is_lost_or_sent_twice(self) -> None:
        """Everything accepted is somewhere; what was sent was taken from the failed messages."""
        assert balanced(self.worker)
        counts = self.worker.status()["counts"]
        assert counts["replayed"] == sum(self.sent.values()) + self.at_once

    @invariant()
    def the_index_is_that_of_the_messages(self) -> None:
        """Groups, correlation ids and times are those of the messages that are there."""
        store = self.worker.queue.store
        failed = self.worker.queue.failed
        ids = self._ids()
        groups = failed.groups(Selection())
        assert sum(group.count for group in groups) == len(ids) == self.worker.status()["failed"]
        if store.redis.exists(store.removals):
            return
        for key in (store.failed_calls, store.failed_infos, store.failed_places):
            assert {text(one) for one in store.redis.hkeys(key)} == set(ids)
        assert store.redis.zcard(store.failed_cids) == len(ids)


def test_tallies_hold_whatever_happens(valkey: str):
    Tallies.address = valkey
    settled = settings(deadline=None, max_examples=12, stateful_step_count=10)
    run_state_machine_as_test(Tallies, settings=settled)
