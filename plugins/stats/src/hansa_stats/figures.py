"""What people read of tallies: means, percentiles and shares, in milliseconds and parts of 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from hansa import Model, setting

from .buckets import percentile
from .choices import By
from .tally import Table, Tally


class Figures(Model):
    """The calls of one service, channel, connection or security definition, or of all of a kind."""

    name: Annotated[str, setting("Name, that of a channel with its type; empty for all together")]
    count: Annotated[int, setting("Number of calls")]
    errors: Annotated[int, setting("Number of calls that failed")]
    kinds: Annotated[dict[str, int], setting("Number of calls that failed, by code of the error")]
    mean: Annotated[float, setting("Mean duration, in milliseconds")]
    p50: Annotated[float, setting("Duration that half of the calls did not exceed, in ms")]
    p95: Annotated[float, setting("Duration that 95 % of the calls did not exceed, in ms")]
    p99: Annotated[float, setting("Duration that 99 % of the calls did not exceed, in ms")]
    max: Annotated[float, setting("Longest duration, in milliseconds")]
    time: Annotated[float, setting("Sum of all durations, in milliseconds")]
    count_share: Annotated[float, setting("Share of all calls of this kind, from 0 to 1")]
    time_share: Annotated[
        float, setting("Share of the time of all calls of this kind, from 0 to 1")
    ]


def figures_of(name: str, tally: Tally, whole: Tally) -> Figures:
    """Return the figures of a tally, and its share of a whole."""
    timed = tally.timed

    def at(percent: float) -> float:
        micros = min(percentile(tally.buckets, percent), tally.longest)
        return round(micros / 1000, 3)

    return Figures(
        name=name,
        count=tally.count,
        errors=tally.failures,
        kinds=dict(sorted(tally.errors.items())),
        mean=round(tally.micros / timed / 1000, 3) if timed else 0.0,
        p50=at(50),
        p95=at(95),
        p99=at(99),
        max=tally.longest / 1000,
        time=tally.micros / 1000,
        count_share=share(tally.count, whole.count),
        time_share=share(tally.micros, whole.micros),
    )


def share(part: float, whole: float) -> float:
    """Return a part of a whole, as a number from 0 to 1; 0 if there is nothing."""
    return round(part / whole, 6) if whole else 0.0


def of_kind(table: Table, by: By, text: str = "") -> dict[str, Tally]:
    """Return the tallies of a kind whose names contain a text, by name."""
    return {name: tally for (kind, name), tally in table.items() if kind == by and text in name}


def sum_of(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of all calls together."""
    whole = Tally()
    for tally in tallies:
        whole.merge(tally)
    return whole


def listed(table: Table, by: By, text: str = "") -> list[Figures]:
    """Return the figures of each name of a kind that contains a text."""
    whole = sum_of(of_kind(table, by).values())
    return [figures_of(name, tally, whole) for name, tally in of_kind(table, by, text).items()]


def change(before: float, now: float) -> float | None:
    """Return by how many percent a figure has changed; None if there was nothing before."""
    return round((now - before) / before * 100, 1) if before else None
