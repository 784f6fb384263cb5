"""The arithmetic that the benchmarks rest on."""

from __future__ import annotations

import pytest

from bench import measure
from bench.__main__ import PAGE, page_of, parts_of
from bench.measure import compare, interval, several
from bench.parts import CONNECTORS, PARTS, TABLES


@pytest.mark.parametrize(
    ("count", "low", "high"), [(15, 4, 12), (20, 6, 15), (25, 8, 18), (6, 1, 6)]
)
def test_interval_is_that_of_the_tables(count, low, high):
    # order statistics for a 95 % interval of the median, as statistics books list them
    assert interval(list(range(1, count + 1))) == (low, high)


def test_pairs_alternate_and_ratios_are_per_pair():
    calls = ""

    def ours() -> float:
        nonlocal calls
        calls += "o"
        return 2.0 * len(calls)

    def theirs() -> float:
        nonlocal calls
        calls += "t"
        return float(len(calls))

    figure = compare("x", ours, theirs, pairs=4, bound=2.0)
    assert calls == "ot" + "ottootto"
    # each call's value grows with time, so a ratio of sums would differ from the median of the
    # pairs' ratios
    assert figure.median == pytest.approx(
        (2 * 3 / 4 + 2 * 6 / 5 + 2 * 7 / 8 + 2 * 10 / 9) / 4, abs=0.2
    )
    assert (figure.low, figure.high) == (2 * 3 / 4, 2 * 6 / 5)
    assert figure.holds is True
    assert compare("x", ours, theirs, pairs=4, bound=2.5, at_least=True).holds is False


def test_a_trial_has_fewer_pairs(monkeypatch):
    monkeypatch.setattr(measure, "AT_MOST", 2)
    assert compare("x", lambda: 1.0, lambda: 2.0, pairs=15).pairs == 2
    assert several("x", lambda: 1.0, count=1).pairs == 1
    assert several("x", lambda: 1.0, count=5).pairs == 2


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_explained(part):
    assert f"| `{part}` |" in PAGE.read_text()


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_its_place(name):
    page = page_of(name).read_text()
    first, last = f"<!-- figures of {name}: written by make bench -->", f"<!-- end of {name} -->"
    assert page.count(first) == page.count(last) == 1 and page.index(first) < page.index(last)


def test_a_table_stands_for_its_parts():
    assert parts_of([]) == list(PARTS)
    assert parts_of(["nats", "connectors"]) == [
        "nats",
        *(each for each in CONNECTORS if each != "nats"),
    ]
