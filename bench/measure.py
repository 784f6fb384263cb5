"""How benchmarks measure: pairs in turn, ratios of each pair, their median and the interval it lies in."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of all pairs, and the interval that holds the true median
    with 95 % confidence.
    """

    name: str
    median: float
    low: float
    high: float
    pairs: int
    bound: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the median keeps its bound; None without one."""
        if self.bound is None:
            return None
        return self.median >= self.bound if self.at_least else self.median <= self.bound

    def row(self) -> list[str]:
        """As a row of a table."""
        bound = "" if self.bound is None else f"{'≥' if self.at_least else '≤'} {self.bound:g}"
        verdict = {None: "", True: "holds", False: "**does not hold**"}[self.holds]
        return [
            self.name,
            f"{self.median:.2f}",
            f"{self.low:.2f} to {self.high:.2f}",
            str(self.pairs),
            bound,
            verdict,
            self.note,
        ]


# for a trial: at most so many pairs or repetitions of each figure
AT_MOST = 10**6
HEADINGS = ["what", "median", "interval (95 %)", "pairs", "bound", "", "of what"]


def short(value: float) -> str:
    """A figure with at most three digits that count, or without decimals."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The order statistics that enclose the median with at least 95 % confidence, without assuming
    any distribution.
    """
    ordered, count = sorted(values), len(values)
    tail, term, below = 0.0, 0.5**count, 0
    while tail + term <= 0.025 and below < count // 2:
        tail += term
        below += 1
        term = term * (count - below + 1) / below
    return ordered[max(below - 1, 0)], ordered[count - max(below, 1)]


def compare(
    name: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    *,
    pairs: int = 15,
    bound: float | None = None,
    at_least: bool = False,
    note: str = "",
) -> Figure:
    """The ratio ours / theirs: each pair measured one after the other, the order changing from pair
    to pair.
    """
    ratios, ours_seen, theirs_seen = [], [], []
    pairs = min(pairs, AT_MOST)
    ours()  # warm up
    theirs()
    for number in range(pairs):
        if number % 2:
            second = theirs()
            first = ours()
        else:
            first = ours()
            second = theirs()
        ratios.append(first / second)
        ours_seen.append(first)
        theirs_seen.append(second)
    medians = [short(statistics.median(seen)) for seen in (ours_seen, theirs_seen)]
    absolute = f"{' / '.join(medians)} {note}".strip()
    return Figure(
        name, statistics.median(ratios), *interval(ratios), pairs, bound, at_least, absolute
    )


def several(
    name: str,
    measure: Callable[[], float],
    *,
    count: int = 5,
    bound: float | None = None,
    note: str = "",
) -> Figure:
    """A figure that has nothing to be compared with: its median and its range."""
    values = [measure() for _ in range(min(count, AT_MOST))]
    return Figure(
        name, statistics.median(values), min(values), max(values), len(values), bound, False, note
    )


def exit_status(figures: Iterable[Figure]) -> int:
    """Return the status of a benchmark: 1 when a bound does not hold."""
    return 0 if all(figure.holds is not False for figure in figures) else 1


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    rows = [HEADINGS, ["---"] * len(HEADINGS), *(figure.row() for figure in figures)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
