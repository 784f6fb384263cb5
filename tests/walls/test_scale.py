"""The figures of scale: what one worker more costs, and what that is of many."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import scale
from bench.scale import Load, slope


def load_of(workers: int) -> Load:
    """What a cluster would ask if each worker asked for a fixed part, and the first ones for more."""
    return Load(workers, 5 + 0.5 * workers, 2.0 * workers, workers + 1, 1, 4 * workers, 3, 40)


def test_a_slope_leaves_out_what_a_cluster_costs_by_itself():
    loads = [load_of(workers) for workers in (10, 50, 200)]
    assert slope(loads, "odb_cpu") == pytest.approx(0.5)
    assert slope(loads, "change") == pytest.approx(0)


def test_each_unit_is_told_with_what_was_seen_and_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scale, "load", lambda folder, workers: load_of(workers))
    figures = list(scale.scale(tmp_path))
    assert len(figures) == len(scale.UNITS)
    told = next(figure for figure in figures if "transactions" in figure.name)
    assert told.median == pytest.approx(2.0)
    assert told.note == "workers 10: 20, 50: 100, 100: 200, 200: 400; 4,000 workers would be 8,000"
