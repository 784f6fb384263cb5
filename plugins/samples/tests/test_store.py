"""Samples of a cluster in Redis and in the ODB: bounded, replaced, deleted, by several workers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hansa_devkit import LocalServer
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_samples.index import DAY, Changed, Index, Offer, added, removed
from hansa_samples.odb_store import OdbStore
from hansa_samples.redis_store import RedisStore
from hansa_samples.sample import Head, Message, Sample, decoded
from hansa_samples.settings import SamplesSection
from hansa_samples.store import Store

from plugins.redis.tests.support import end, launch

NOW = 1_795_305_600.0
BOUNDS = SamplesSection(max_samples=5)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("v"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


@pytest.fixture(params=["redis", "odb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "odb":
        return OdbStore(LocalServer(directory=tmp_path).journal)
    bus = RedisBus(request.getfixturevalue("valkey"), uuid.uuid4().hex)
    return RedisStore(bus.redis, bus)


def offer(id: str, service: str = "a", keep: int = 3, at: float = NOW, text: str = "x") -> Offer:
    head = Head(id=id, at=at, service=service, why="every", ms=1.5, outcome="ok")
    return Offer(Sample(head, request=Message(text=text, size=len(text))), keep)


def add(store: Store, *offers: Offer, now: float = NOW, bounds: SamplesSection = BOUNDS) -> None:
    def change(index: Index) -> Changed:
        return added(index, offers, {"a": 1}, bounds, now)

    store.change(change)


def kept(store: Store) -> dict[str, Sample]:
    """The samples that are kept, by id, each in the slot that the index says."""
    found = {}
    for head in store.index().heads:
        text = store.text(head.slot)
        assert text is not None
        assert len(text.encode()) == head.bytes
        found[head.id] = decoded(text)
        assert found[head.id].head.id == head.id
    return found


def test_samples_are_kept_and_the_oldest_replaced(store: Store):
    assert store.index() == Index()
    assert store.text(0) is None
    add(store, offer("1"), offer("2", text='"<é\0\ud83d\ude00'.encode(errors="replace").decode()))
    add(store, offer("3"), offer("4"), offer("5", "b"))
    assert list(kept(store)) == ["2", "3", "4", "5"]
    add(store, offer("6", "c"), offer("7", "c"), offer("8", "c", keep=2))
    assert list(kept(store)) == ["3", "4", "5", "7", "8"]
    assert store.index().dropped == {"a": 3}
    assert {head.slot for head in store.index().heads} <= set(range(5))


def test_bytes_and_age_are_bounded(store: Store):
    big = "x" * 400_000
    bounds = SamplesSection(max_samples=5, max_bytes=1_000_000, max_age=1.0)
    add(store, offer("old", at=NOW - DAY - 1), offer("1", text=big), bounds=bounds)
    assert list(kept(store)) == ["1"]
    add(store, offer("2", text=big), offer("3", text=big), bounds=bounds)
    assert list(kept(store)) == ["2", "3"]
    add(store, now=NOW + DAY + 1, bounds=bounds)
    assert kept(store) == {}
    assert [store.text(slot) for slot in range(5)] == [None] * 5


def test_samples_are_deleted(store: Store):
    add(store, offer("1"), offer("2"), offer("3", "b"), offer("4", "b"))
    store.change(lambda index: removed(index, {"1", "other"}, ""))
    assert list(kept(store)) == ["2", "3", "4"]
    store.change(lambda index: removed(index, set(), "b"))
    assert list(kept(store)) == ["2"]
    assert [bool(store.text(slot)) for slot in range(4)].count(True) == 1


def test_workers_lose_nothing_of_each_other(store: Store):
    bounds = SamplesSection(max_samples=1000)

    def work(worker: int) -> None:
        for number in range(5):
            add(store, offer(f"{worker}-{number}", keep=1000), bounds=bounds)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(kept(store)) == 20


def test_a_text_of_an_earlier_change_does_not_replace_a_later_one(tmp_path: Path):
    journal = LocalServer(directory=tmp_path).journal
    store = OdbStore(journal)
    store._write(3, 7, "later")
    store._write(3, 6, "earlier")
    assert store.text(3) == "later"


def test_lone_surrogates_keep_nothing_else_from_being_stored(store: Store):
    odd = offer("a", service="caf\udce9.get")
    odd.sample.head.outcome = "\ud800"
    add(store, odd, offer("b"))
    assert {id: one.head.outcome for id, one in kept(store).items()} == {"a": "?", "b": "ok"}
