"""Rates and their counters: what is a rate, GCRA against a model of a leaking bucket, several
counters as one judgement, and the same in Redis.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from fractions import Fraction

import pytest
from hansa import Invalid, load
from hansa_limits.cells import Cell, Cells, LocalCells, SharedCells
from hansa_limits.rate import parse_rate
from hansa_limits.settings import Limits
from hansa_redis.bus import RedisBus
from hypothesis import given, strategies as st

from plugins.limits.tests.conftest import together

SECOND = 1_000_000_000


class Clock:
    """A clock in nanoseconds that stands still."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize(
    ("text", "count", "window", "interval"),
    [
        ("1/s", 1, 1, 1_000_000),
        ("100/m", 100, 60, 600_000),
        ("3/s", 3, 1, 333_333),
        ("7/h", 7, 3600, 514_285_714),
        ("1/d", 1, 86_400, 86_400_000_000),
        ("10000/s", 10_000, 1, 100),
    ],
)
def test_a_rate_is_a_number_and_a_unit(text: str, count: int, window: int, interval: int):
    rate = parse_rate(text)
    assert (rate.count, rate.window, rate.interval) == (count, window, interval)
    assert (rate.burst, rate.capacity) == (count, count * interval)
    assert parse_rate(text, 2).capacity == 2 * interval


@pytest.mark.parametrize(
    "text", ["", "100", "0/s", "-1/s", "1.5/s", "1/w", "1/min", " 1/s", "1/s ", "1 /s", "10001/s"]
)
def test_anything_else_is_none(text: str):
    with pytest.raises(Invalid):
        parse_rate(text)


def test_all_faults_of_a_channel_are_reported_at_once():
    with pytest.raises(Invalid) as caught:
        load(
            Limits,
            {
                "rate": ["5/x", "7/m", "7/m"],
                "rate_per_caller": "fast",
                "allow_from": ["10.0.0.1/8", "10.0.0.0/8"],
                "deny_from": ["example.com"],
            },
        )
    assert sorted(caught.value.errors) == ["allow_from", "deny_from", "rate", "rate_per_caller"]
    assert "'5/x' is not a rate" in caught.value.errors["rate"]
    assert "the same rate is given twice" in caught.value.errors["rate"]
    assert "10.0.0.1/8 has host bits set" in caught.value.errors["allow_from"]


@given(
    count=st.integers(1, 20),
    unit=st.sampled_from("smh"),
    burst=st.integers(0, 25),
    pauses=st.lists(st.integers(0, 40 * SECOND), min_size=1, max_size=60),
)
def test_gcra_is_a_bucket_that_leaks(count: int, unit: str, burst: int, pauses: list[int]):
    clock = Clock()
    cells = LocalCells(clock=clock)
    rate = parse_rate(f"{count}/{unit}", burst)
    level = Fraction(0)
    accepted_at: list[int] = []
    for pause in pauses:
        clock.now += pause // 1000 * 1000
        level = max(Fraction(0), level - Fraction(pause // 1000, rate.interval))
        has_room = level + 1 <= rate.burst
        accepted, (left,) = cells.take([Cell("k", rate)])
        assert accepted == has_room
        if accepted:
            level += 1
            accepted_at.append(clock.now // 1000)
        assert left == level * rate.interval
    for first in range(len(accepted_at)):
        for last in range(first, len(accepted_at)):
            passed = accepted_at[last] - accepted_at[first]
            assert last - first + 1 <= rate.burst + passed // rate.interval


def test_a_counter_that_is_held_is_the_same_for_all_and_is_not_forgotten():
    clock = Clock()
    cells = LocalCells(size=10, clock=clock)
    slow = parse_rate("1/d")
    held = cells.counter("held")
    assert cells.counter("held") is held
    assert cells.take([Cell("held", slow)]).accepted
    assert held.empty_at == clock.now // 1000 + slow.interval
    for number in range(100):
        cells.take([Cell(f"another {number}", slow)])
    assert not cells.take([Cell("held", slow)]).accepted
    held.empty_at = 0
    assert cells.take([Cell("held", slow)]).accepted


def test_counters_of_one_process_are_bounded_and_the_full_ones_outlast_the_empty():
    clock = Clock()
    cells = LocalCells(size=100, clock=clock)
    fast = parse_rate("1000/s")
    for number in range(50):
        cells.take([Cell(f"empty soon {number}", fast)])
    slow = parse_rate("1/d")
    assert cells.take([Cell("full", slow)]).accepted
    clock.now += SECOND
    for number in range(60):
        cells.take([Cell(f"another {number}", slow)])
    assert len(cells) <= 100
    assert not cells.take([Cell("full", slow)]).accepted
    for number in range(1000):
        cells.take([Cell(f"more {number}", slow)])
    assert len(cells) <= 100


@pytest.fixture(params=["worker", "cluster"])
def make_cells(request: pytest.FixtureRequest) -> Callable[[], Cells]:
    """Make counters that count together: those of one worker, or those of several in Redis."""
    if request.param == "worker":
        own = LocalCells()
        return lambda: own
    address = request.getfixturevalue("valkey")
    cluster = uuid.uuid4().hex
    return lambda: SharedCells(RedisBus(address, cluster), LocalCells(size=0))


def test_several_counters_are_one_judgement(make_cells: Callable[[], Cells]):
    cells = make_cells()
    narrow = Cell("narrow", parse_rate("2/d"))
    wide = Cell("wide", parse_rate("5/d"))
    day = 86_400_000_000
    accepted, left = cells.take([narrow, wide])
    assert (accepted, left) == (True, [day // 2, day // 5])
    assert cells.take([narrow, wide]).accepted
    accepted, left = cells.take([narrow, wide])
    assert not accepted
    assert left[0] == pytest.approx(day, abs=60_000_000)
    assert left[1] == pytest.approx(day * 2 / 5, abs=60_000_000), "what was refused is not counted"
    assert [cells.take([wide]).accepted for _ in range(4)] == [True, True, True, False]


def test_a_place_may_be_taken_in_advance(make_cells: Callable[[], Cells]):
    cells = make_cells()
    cell = Cell("k", parse_rate("1/m"))
    patience = 150 * 1_000_000
    found = [cells.take([cell], patience) for _ in range(4)]
    assert [each.accepted for each in found] == [True, True, True, False]
    assert found[2].left[0] == pytest.approx(180_000_000, abs=5_000_000)


def test_exactly_as_many_as_there_are_get_in_at_once(make_cells: Callable[[], Cells]):
    cell = Cell("k", parse_rate("37/d"))
    several = [make_cells() for _ in range(4)]
    calls = [lambda cells=cells: cells.take([cell]) for cells in several for _ in range(25)]
    assert sum(each.accepted for each in together(*calls)) == 37


def test_what_redis_counts_is_forgotten_when_it_is_empty(valkey: str):
    bus = RedisBus(valkey, uuid.uuid4().hex)
    cells = SharedCells(bus, LocalCells(size=0))
    cells.take([Cell("k", parse_rate("2/h"))])
    assert bus.redis.pttl(bus.key("rates", "k")) == pytest.approx(1_800_000, abs=5_000)


def test_without_redis_each_worker_counts_by_itself():
    bus = RedisBus("redis://127.0.0.1:1/0", "nobody")
    cell = Cell("k", parse_rate("3/d"))
    for cells in (SharedCells(bus, LocalCells()), SharedCells(bus, LocalCells())):
        assert [cells.take([cell]).accepted for _ in range(4)] == [True, True, True, False]
