"""The servers of hansa-http against each other: granian and waitress, the same application.

`python -m bench granian` measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from .measure import Figure, compare
from .programs import Run, Target, hansa, wrk

CONNECTIONS = (16, 64)


def granian(folder: Path) -> Iterator[Figure]:
    """Rate, CPU and slowest answers of one worker: typed JSON with Basic security."""
    with (
        hansa(folder / "granian", server="granian") as (_, ours),
        hansa(folder / "waitress") as (_, theirs),
    ):
        for connections in CONNECTIONS:
            yield from _compared(folder, connections, ours, theirs)


def _compared(folder: Path, connections: int, ours: Target, theirs: Target) -> Iterator[Figure]:
    bounds: tuple[tuple[str, Callable[[Run], float], float | None, bool, str], ...] = (
        ("rate", lambda found: found.rate, 3.5, True, "requests/s"),
        ("server CPU per request", lambda found: found.cpu_us, 0.35, False, "µs of CPU"),
        ("time of 99 of 100 answers", lambda found: found.p99_ms, None, False, "ms"),
    )
    for what, figure, bound, at_least, note in bounds:
        yield compare(
            f"{what}, {connections} connections: granian / waitress",
            partial(_one, figure, ours, folder, connections),
            partial(_one, figure, theirs, folder, connections),
            pairs=9,
            bound=bound,
            at_least=at_least,
            note=note,
        )


def _one(figure: Callable[[Run], float], target: Target, folder: Path, connections: int) -> float:
    return figure(wrk(target, folder, connections=connections))
