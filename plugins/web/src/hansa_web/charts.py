"""Charts as SVG: positions are numbers in attributes, colours are classes of the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 720
HEIGHT = 160
"""Size of a line chart, in units of its `viewBox`."""


@dataclass(frozen=True)
class Line:
    """A line of a chart: the `points` attribute of a polyline, and its largest value."""

    name: str
    points: str
    most: float


def line(name: str, values: Sequence[tuple[float, float]], since: float, until: float) -> Line:
    """Return a line of values, each (seconds of the epoch, value), in a span of time."""
    most = max((value for _, value in values), default=0.0)
    width = max(until - since, 1.0)
    points = [
        f"{(at - since) / width * WIDTH:.1f},{HEIGHT - (value / (most or 1.0)) * (HEIGHT - 8):.1f}"
        for at, value in values
    ]
    return Line(name, " ".join(points), most)
