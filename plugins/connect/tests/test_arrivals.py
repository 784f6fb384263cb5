"""Which files are taken: a model of a folder whose files come, grow, are replaced and go away,
looked at again and again.
"""

from __future__ import annotations

from typing import Any

from hansa import load
from hansa_connect.arrivals import Arrivals
from hansa_connect.files import Entry
from hansa_connect.watched import WatchSettings
from hypothesis import given, strategies as some

SETTLE = 5.0


def arrivals(**changes):
    warned: list[str] = []
    config = load(WatchSettings, {"settle": SETTLE, **changes})
    made: Any = Arrivals(config, lambda text, *rest: warned.append(text % rest))
    made.warned = warned
    return made


def file(name, size=1, modified=0.0, kind="file"):
    return Entry(name, size, modified, kind)


STEPS = some.lists(
    some.tuples(
        some.floats(0.1, 10),
        some.dictionaries(
            some.sampled_from("abc"), some.tuples(some.integers(0, 3), some.integers(0, 2))
        ),
    ),
    max_size=30,
)


@given(STEPS)
def test_only_what_has_not_changed_for_long_enough_is_taken(steps):
    watched, now, since = arrivals(), 0.0, dict[str, tuple[tuple[int, int], float]]()
    for pause, state in steps:
        now += pause
        ready = watched.settled([file(name, *known) for name, known in state.items()], now)
        since = {
            name: (known, since[name][1] if name in since and since[name][0] == known else now)
            for name, known in state.items()
        }
        assert {entry.name for entry in ready} == {
            name for name, (_, first) in since.items() if now - first >= SETTLE
        }
        assert [(e.modified, e.name) for e in ready] == sorted((e.modified, e.name) for e in ready)


def test_without_settling_a_file_is_taken_at_first_sight():
    assert [entry.name for entry in arrivals(settle=0).settled([file("a")], 0)] == ["a"]


def test_patterns_tell_cases_apart_and_ignored_names_go_before():
    watched = arrivals(settle=0, pattern=["*.csv", "in-?"])
    names = ["a.csv", "a.CSV", ".a.csv", "a.csv.part", "in-1", "in-12", "~a.csv", "a.csv~", "x"]
    assert [entry.name for entry in watched.settled(map(file, names), 0)] == ["a.csv", "in-1"]


def test_only_files_are_taken():
    entries = [file(kind, kind=kind) for kind in ("file", "folder", "link", "other")]
    assert [entry.name for entry in arrivals(settle=0).settled(entries, 0)] == ["file"]


def test_hostile_names_are_left_and_told_once():
    watched = arrivals(settle=0)
    hostile = [
        "a\r\nDELE b",
        "a\0",
        "../../etc/cron.d/x",
        "x/y",
        "\x1b[2J",
        "\udcff",
        "a\u2028b",
        "x" * 240,
        "ü" * 120,
    ]
    for _ in range(3):
        assert watched.settled(map(file, hostile), 0) == []
    assert (
        len(watched.warned) == len(hostile) - 1
    )  # the one that begins with a dot is ignored anyway
    assert all(line.isascii() and line.isprintable() for line in watched.warned)


def test_a_flood_of_hostile_names_does_not_fill_log_and_memory():
    watched = arrivals(settle=0)
    watched.settled((file(f"{number}\n") for number in range(5000)), 0)
    assert len(watched.warned) == 1000
