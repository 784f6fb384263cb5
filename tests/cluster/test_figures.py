"""The figures of docs/reliability.md: what is kept is what is told, sums are sums, and the page is
up to date.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.cluster import figures

FIRST = {
    "proof": "R3",
    "date": "2026-01-02",
    "seed": 7,
    "kills": 50,
    "acknowledged": 100_000,
    "lost": 0,
    "redelivery_max": 19.5,
}
SECOND = {**FIRST, "seed": 8, "kills": 250, "redelivery_max": 18.0}
OTHER = {"proof": "R11", "date": "2026-01-02", "seed": 8, "versions": 50, "failed": 0}


def test_the_last_run_is_told_and_the_sums_of_all():
    rows = figures.rows([OTHER, FIRST, SECOND])
    assert rows[2:] == [
        "| R3 | kills 250, acknowledged 100,000, lost 0, redelivery max 18.0 | 2026-01-02 | 8 | 2 "
        "| kills 300, acknowledged 200,000, lost 0, redelivery max 18.0 to 19.5 |",
        "| R11 | versions 50, failed 0 | 2026-01-02 | 8 | 1 | versions 50, failed 0 |",
    ]


def test_the_rule_of_three_is_stated_for_the_kills_of_all_runs():
    assert "less than 1.0% of cases" in figures.summary([FIRST, OTHER, SECOND])
    assert "less than 6.0% of cases" in figures.summary([FIRST])
    lost = figures.summary([FIRST, {**SECOND, "lost": 2}])
    assert "300 kills" in lost
    assert "2 lost" in lost
    assert "rule of three does not apply" in lost


def test_kills_of_one_proof_say_nothing_of_another():
    both = figures.summary([FIRST, {**SECOND, "proof": "R1"}])
    assert (
        "R1, in all full runs: **250 kills" in both and "R3, in all full runs: **50 kills" in both
    )
    assert "300 kills, " not in both


def test_a_worse_run_before_the_last_is_told():
    runs = [{**OTHER, "proof": "R4", "others_percent": percent} for percent in (60, 101)]
    assert "others percent 60 to 101" in figures.rows(runs)[-1]


def test_only_what_is_between_the_marks_is_replaced():
    text = f"before\n{figures.MARKS[0]}\nold\n{figures.MARKS[1]}\nafter\n"
    once = figures.page(text, [FIRST])
    assert once.startswith(f"before\n{figures.MARKS[0]}\n")
    assert once.endswith(f"{figures.MARKS[1]}\nafter\n")
    assert "old" not in once
    assert figures.page(once, [FIRST]) == once
    with pytest.raises(ValueError, match="end of figures"):
        figures.page(f"text {figures.MARKS[0]} more", [])


def test_a_note_is_kept_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HANSA_FIGURES", str(tmp_path / "kept"))
    monkeypatch.setattr(figures, "_noted", [])
    figures.note("R3", 7, kills=1, lost=0)
    (line,) = [json.loads(line) for line in (tmp_path / "kept").read_text().splitlines()]
    assert line == {"proof": "R3", "date": line["date"], "seed": 7, "kills": 1, "lost": 0}
    assert figures.told() == ["R3: kills 1, lost 0"]


@pytest.mark.skipif("HANSA_FIGURES" in os.environ, reason="this run adds to them")
def test_the_page_tells_what_is_kept():
    lines = [json.loads(line) for line in figures.KEPT.read_text().splitlines()]
    assert lines, "there was a full run"
    assert figures.PAGE.read_text() == figures.page(figures.PAGE.read_text(), lines)
