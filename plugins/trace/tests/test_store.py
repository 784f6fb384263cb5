"""The steps of a cluster in Redis and in the ODB: bounded by age and number, found by correlation id
and trace id, in the order of their tree.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from hansa import Server, TraceContext, Unavailable, new_cid
from hansa_devkit import LocalServer
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_trace import odb_store
from hansa_trace.hop import Batch, Place, Queued, Stored
from hansa_trace.odb_store import OdbStore
from hansa_trace.redis_store import RedisStore
from hansa_trace.store import Store
from hansa_trace.timeline import find, in_order, related
from hansa_trace.tracing import Tracing

from plugins.redis.tests.support import end, launch

TRACE = "0af7651916cd43dd8448eb211c80319c"
HOUR = 3600.0


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_795_305_600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("v"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


def redis_store(address: str, most: int = 10_000, seconds: float = HOUR) -> RedisStore:
    bus = RedisBus(address, uuid.uuid4().hex)
    return RedisStore(bus.redis, bus, seconds, most)


@pytest.fixture(params=["redis", "odb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "odb":
        return OdbStore(LocalServer(directory=tmp_path).journal("trace"), HOUR, 10_000)
    return redis_store(request.getfixturevalue("valkey"))


def hop(
    cid: str,
    span: str,
    parent: str = "",
    began: float = 0.0,
    trace: str = TRACE,
    parent_cid: str = "",
    in_reply_to: str = "",
) -> Stored:
    queued = Queued(1, parent_cid, in_reply_to)
    return (cid, trace, number_of(span), number_of(parent), 0, int(began * 1e6), 1, "ok", queued)


def number_of(text: str) -> int:
    """A number for a name of a step, which is read again as hexadecimal."""
    return int.from_bytes(text.encode())


def batch(*steps: Stored, worker: str = "server1/0.1") -> Batch:
    return Batch(new_cid(), worker, 1.0, [Place("invoke", "", "a")], list(steps))


def shown(store: Store, name: str) -> list[tuple[str, int]]:
    return [
        (bytes.fromhex(step.hop.span).lstrip(b"\0").decode(), step.depth)
        for step in in_order(find(store.texts(), name))
    ]


def test_steps_of_all_workers_are_one_tree(store: Store):
    store.add(batch(hop("K1", "c", "a", 3.0), hop("K1", "b", "a", 2.0), worker="server2/0.1"))
    store.add(batch(hop("K9", "x", trace="f" * 32)))
    store.add(batch(hop("K1", "a", "", 1.0), hop("K1", "d", "b", 2.5)))
    expected = [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert shown(store, "K1") == shown(store, TRACE) == expected
    assert shown(store, "K") == []
    workers = [step.worker for step in in_order(find(store.texts(), "K1"))]
    assert workers == ["server1/0.1", "server2/0.1", "server1/0.1", "server2/0.1"]


def test_messages_of_other_ids_are_found_by_their_parent_and_trace(store: Store):
    store.add(batch(hop("K1", "a", "", 1.0)))
    store.add(batch(hop("K2", "b", "a", 2.0, parent_cid="K1")))
    store.add(batch(hop("K3", "c", "z", 3.0, trace="e" * 32, in_reply_to="K1")))
    assert shown(store, "K1") == [("a", 0), ("b", 1), ("c", 0)]
    assert shown(store, "K2") == [("a", 0), ("b", 1)]
    assert related(in_order(find(store.texts(), "K1")), "K1") == ["K2", "K3"]


def test_what_another_version_has_written_is_left_out(store: Store):
    store.add(batch(hop("K1", "a")))
    steps = find([*store.texts(), '{"id":"x","of":"K1"}'], "K1")
    assert (len(steps.found), steps.reaches) == (1, None)
    assert steps.unreadable > 0


def test_a_circle_of_parents_ends(store: Store):
    store.add(batch(hop("K1", "a", "b"), hop("K1", "b", "a"), hop("K1", "c", "c")))
    assert {span for span, _ in shown(store, "K1")} == {"a", "b", "c"}


def test_redis_keeps_so_many_steps(valkey: str):
    store = redis_store(valkey, most=10)
    for number in range(8):
        store.add(batch(*(hop(f"K{number}", f"{number}-{one}") for one in range(3))))
    kept = {number for number in range(8) if shown(store, f"K{number}")}
    assert kept == {5, 6, 7}


def test_redis_keeps_a_batch_once(valkey: str):
    store = redis_store(valkey, most=10)
    first = batch(*(hop("K1", str(one)) for one in range(4)))
    store.add(first)
    store.add(first)
    store.add(batch(*(hop("K2", str(one)) for one in range(4))))
    assert len(shown(store, "K1")) == 4


def test_the_odb_keeps_so_many_steps_for_so_long(tmp_path: Path):
    clock = Clock()
    journal = LocalServer(directory=tmp_path).journal("trace")
    store = OdbStore(journal, HOUR, 10, clock)

    def add(number: int) -> None:
        clock.now += odb_store.EVERY
        store.add(batch(*(hop(f"K{number}", f"{number}-{one}") for one in range(3))))

    def kept() -> set[int]:
        return {number for number in range(30) if shown(store, f"K{number}")}

    for number in range(20):
        add(number)
    # what is too much goes with the batch after it
    assert kept() == {16, 17, 18, 19}
    clock.now += 2 * HOUR
    add(20)
    assert kept() == {20}


class Broken(Store):
    """A store that fails, for a time."""

    def __init__(self) -> None:
        self.fails = True
        self.batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        if self.fails:
            raise Unavailable("no")
        self.batches.append(batch)

    def texts(self) -> Iterator[str]:
        yield from ()


def test_what_could_not_be_kept_is_kept_later():
    store = Broken()
    tracing = Tracing(cast(Server, LocalServer()), store)
    recorder = tracing.recorder
    note = (Place("invoke", "", "a"), "K1", TraceContext(1, 2), 0, 0.0, 0.1, "ok", None)
    recorder.note(note)
    for _ in range(2):
        with pytest.raises(Unavailable):
            tracing.flush()
    recorder.note(note)
    store.fails = False
    tracing.flush()
    assert [len(one.steps) for one in store.batches] == [1, 1]
    assert tracing.recorder.take(10).steps == []


class Busy(Broken):
    """A store that another call ends before while it keeps something."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.meanwhile: Callable[[], None] = lambda: None

    def add(self, batch: Batch) -> None:
        super().add(batch)
        self.meanwhile()


def test_what_calls_leave_meanwhile_is_for_the_next_time():
    store = Busy()
    tracing = Tracing(cast(Server, LocalServer()), store)
    recorder = tracing.recorder
    note = (Place("invoke", "", "a"), "K1", TraceContext(1, 2), 0, 0.0, 0.1, "ok", None)
    store.meanwhile = lambda: recorder.note(note)
    recorder.note(note)
    tracing.flush()
    assert [len(one.steps) for one in store.batches] == [1]
    assert recorder.waiting == 1


def test_lone_surrogates_keep_nothing_else_from_being_stored(store: Store):
    odd = Place("invoke", "", "caf\udce9.get")
    steps = [hop("\ud800", "a", parent_cid="\udfff"), hop("K1", "b")]
    store.add(Batch(new_cid(), "server1/0.1", 0.0, [odd], steps))
    assert {span for span, _ in shown(store, "?")} == {"a", "b"}  # they are of one trace
