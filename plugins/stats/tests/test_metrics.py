"""The metrics for Prometheus, as Prometheus' own checker reads them: whatever names and codes have
in them, and however many there are.
"""

from __future__ import annotations

from hansa_stats.metrics import MOST_NAMES, OTHERS, metrics_of
from hansa_stats.tally import Table, Tally
from prometheus_client.parser import text_string_to_metric_families

from plugins.stats.tests.promtool import faults_in

HOSTILE = (
    'http "quoted"',
    "http back\\slash",
    "http line\nend",
    'http } 1\n# TYPE x "',
    "http Ünïcode",
)


def text_of(table: Table) -> str:
    """Return the metrics of a table, as they are answered."""
    return "".join(f"{line}\n" for line in metrics_of(table))


def tally(calls: int) -> Tally:
    """Return a tally of calls of some length, of which one failed."""
    found = Tally(count=calls)
    found.add_durations([number * 1_000_000 for number in range(calls)])
    found.add_error('od"d\ncode')
    return found


def test_promtool_reads_names_and_codes_of_any_kind():
    table: Table = {("channel", name): tally(20) for name in HOSTILE}
    text = text_of(table)
    assert faults_in(text) == ""
    families = text_string_to_metric_families(text)
    names = {one.labels["name"] for family in families for one in family.samples}
    assert names == set(HOSTILE)


def test_promtool_reads_no_more_series_than_there_is_room_for():
    table: Table = {("service", f"orders.get{number}"): tally(2) for number in range(2000)}
    text = text_of(table)
    assert faults_in(text) == ""
    families = text_string_to_metric_families(text)
    names = {one.labels["name"] for family in families for one in family.samples}
    assert len(names) == MOST_NAMES + 1
    assert OTHERS in names


def test_promtool_finds_nothing_wrong_where_nothing_was_called_yet():
    assert faults_in(text_of({})) == ""


def test_promtool_refuses_what_is_no_metrics():
    wrong = text_of({("service", "orders.get"): tally(1)}).replace('"orders.get"', '"orders".get')
    assert "error while linting" in faults_in(wrong)
