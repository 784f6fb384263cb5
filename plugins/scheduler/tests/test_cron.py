"""Crontab rules: their grammar, and planned times that follow the clock on the wall through every
change, minute by minute.
"""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hansa_scheduler.cron import Cron, check_rule
from hansa_scheduler.rule import ALIASES, parse_rule
from hypothesis import given, settings, strategies as st

from plugins.scheduler.tests.support import walk

BERLIN = ZoneInfo("Europe/Berlin")


def local(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, fold: int = 0
) -> datetime:
    there = datetime(year, month, day, hour, minute, second, tzinfo=BERLIN, fold=fold)
    return there.astimezone(UTC)


# -- the grammar -----------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ALIASES)
def test_every_alias_is_a_rule(alias):
    assert check_rule(alias) == ""
    assert check_rule(alias.upper()) == ""


@pytest.mark.parametrize(
    "rule",
    ["", "* * *", "60 * * * *", "0 0 30 2 *", "@reboot", "a b c d e", "*/0 * * * *", "0 0 * * 5-1"],
)
def test_what_is_no_rule_is_told(rule):
    assert check_rule(rule)


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("0 0 1 3-3/3 *", "0 0 1 3 *"),
        ("0 0 1 mar-3/3 *", "0 0 1 3 *"),
        ("5-5 7-7/2 * * *", "5 7 * * *"),
        ("0 0 * jan-mar,DEC *", "0 0 * 1-3,12 *"),
        ("0 0 * * mon-sun", "0 0 * * 1-7"),
        ("0 0 * * fri-sun", "0 0 * * 5-7"),
        ("0 0 * * Fri-Sun/2", "0 0 * * 5-7/2"),
        ("0 0 * * sun-fri", "0 0 * * 0-5"),
        ("0 0 * * sun-sun", "0 0 * * 0"),
        ("0 0 LW * *", "0 0 LW * *"),
        ("0 0 * * friL,mon#2", "0 0 * * 5L,1#2"),
        ("@weekly", "0 0 * * 0"),
    ],
)
def test_names_and_ranges_are_read(rule, fields):
    assert parse_rule(rule) == fields
    assert check_rule(rule) == ""


def test_a_range_of_one_month_is_that_month():
    found = Cron("0 0 1 3-3/3 *").window(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), 20
    )
    assert found == [datetime(2026, 3, 1, tzinfo=UTC)]


def test_every_second_is_not_a_crontab_rule():
    fault = check_rule("*/2 * * * * *")
    assert fault == (
        "is not a crontab rule of five fields, minute hour day month weekday: it has 6"
    )


# -- steps and windows -----------------------------------------------------------------------------

rules = st.sampled_from(
    [
        *(
            "* * * * *",
            "*/7 * * * *",
            "30 2 * * *",
            "0 3 * * *",
            "15 1-3 * * *",
            "0 * * * *",
            "*/30 2 * * *",
            "59 23 28-31 * *",
        ),
        *(
            "0 0 1 1 *",
            "30 6 * * mon-fri",
            "0 12 29 2 *",
            "5 2 * * 7",
            "0 0 L * *",
            "0 9 * * 1#1",
            *ALIASES,
        ),
    ]
)
zones = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Asia/Kolkata",
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    rules,
    zones,
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 20),
)
def test_cron_steps_forward_and_windows_agree(rule, zone, after, limit):
    cron = Cron(rule, zone)
    planned = [after]
    for _ in range(6):
        planned.append(cron.after(planned[-1]))
    assert planned == sorted(set(planned))
    assert cron.window(after, planned[-1], 100) == planned[1:]
    assert cron.window(after, planned[-1], limit) == planned[1:][-limit:]
    assert cron.window(after, planned[1] - timedelta(seconds=1), limit) == []


@settings(max_examples=50, deadline=None)
@given(
    rules,
    zones,
    st.sampled_from(
        [(2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 9, 6), (2026, 10, 25), (2026, 11, 1)]
    ),
    st.data(),
)
def test_cron_from_anywhere_inside_a_change_of_clocks_joins_the_same_times(rule, zone, day, data):
    cron, begin = Cron(rule, zone), datetime(*day, tzinfo=UTC) - timedelta(hours=12)
    whole = cron.window(begin, begin + timedelta(hours=40), 5000)
    moment = begin + timedelta(minutes=data.draw(st.integers(0, 39 * 60)))
    assert cron.after(moment) == next(
        (planned for planned in whole if planned > moment), cron.after(begin + timedelta(hours=40))
    )


def test_a_window_of_a_rare_rule_does_not_walk_through_decades():
    cron = Cron("* * 29 2 *")
    found = cron.window(datetime(1990, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 3)
    assert found == [datetime(2024, 2, 29, 23, minute, tzinfo=UTC) for minute in (57, 58, 59)]


# -- changes by an hour ----------------------------------------------------------------------------


def test_spring_a_fixed_time_in_the_gap_runs_right_after_it():
    assert Cron("30 2 * * *", "Europe/Berlin").after(local(2026, 3, 29, 0)) == local(2026, 3, 29, 3)


def test_spring_hourly_skips_the_hour_that_is_not():
    assert walk(
        Cron("@hourly", "Europe/Berlin"), local(2026, 3, 29, 0, 30), local(2026, 3, 29, 4)
    ) == [
        local(2026, 3, 29, 1),
        local(2026, 3, 29, 3),
        local(2026, 3, 29, 4),
    ]


def test_autumn_a_fixed_time_runs_once():
    day = walk(
        Cron("30 2 * * *", "Europe/Berlin"), local(2026, 10, 24, 12), local(2026, 10, 25, 12)
    )
    assert day == [local(2026, 10, 25, 2, 30, fold=0)]


def test_autumn_asked_within_the_second_hour_it_is_the_next_day():
    moment = local(2026, 10, 25, 2, 10, fold=1)
    assert Cron("30 2 * * *", "Europe/Berlin").after(moment) == local(2026, 10, 26, 2, 30)


def test_autumn_hourly_runs_in_both_hours():
    assert walk(
        Cron("@hourly", "Europe/Berlin"), local(2026, 10, 25, 1, 30), local(2026, 10, 25, 3)
    ) == [
        local(2026, 10, 25, 2, fold=0),
        local(2026, 10, 25, 2, fold=1),
        local(2026, 10, 25, 3),
    ]


# -- changes of clocks -----------------------------------------------------------------------------

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
REACH = timedelta(minutes=150)
"""How long before and after a change each minute is looked at."""
TWO_CLOCKS = datetime(2027, 4, 3, 13, 59, tzinfo=UTC)
"""A minute before 3:45 becomes 2:45 on the Chatham Islands, whose clocks read 45 minutes past."""


@pytest.mark.parametrize(
    ("rule", "count"), [("* 3 * * *", 105), ("*/10 3 * * *", 11), ("* 3,4 * * *", 165)]
)
def test_a_night_of_two_clock_times_ends(rule, count):
    cron = Cron(rule, "Pacific/Chatham")
    assert cron.after(TWO_CLOCKS) == datetime(2027, 4, 3, 14, 15, tzinfo=UTC)
    night = cron.window(TWO_CLOCKS - 12 * HOUR, TWO_CLOCKS + 12 * HOUR, 1000)
    assert len(night) == count
    assert night == walk(cron, TWO_CLOCKS - 12 * HOUR, TWO_CLOCKS + 12 * HOUR)


def test_half_an_hour_that_comes_twice_loses_no_run():
    cron = Cron("*/10 2 * * *", "Australia/Lord_Howe")
    day = cron.window(datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC), 100)
    first = datetime(2026, 4, 4, 15, 30, tzinfo=UTC)
    assert day == [first + number * 10 * MINUTE for number in range(6)]


def offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


def change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the minute at which clocks change between two moments."""
    while after - before > MINUTE:
        middle = before + (after - before) // 2 // MINUTE * MINUTE
        if offset(zone, middle) == offset(zone, before):
            before = middle
        else:
            after = middle
    return after


@functools.cache
def odd_changes() -> list[tuple[str, datetime]]:
    """Return the zones and minutes from 2010 to 2030 at which clocks change by other than an hour,
    or not on the hour; those with the same clocks once.
    """
    found: dict[tuple[datetime, timedelta, timedelta], tuple[str, datetime]] = {}
    months = [datetime(2010, 1, 1, tzinfo=UTC) + timedelta(days=60 * step) for step in range(122)]
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        offsets = [offset(zone, month) for month in months]
        for step, (old, new) in enumerate(itertools.pairwise(offsets)):
            if old == new:
                continue
            change = change_between(zone, months[step], months[step + 1])
            on_the_hour = change.astimezone(zone).minute == 0
            if abs(new - old) != HOUR or not on_the_hour:
                found.setdefault((change, old, new), (name, change))
    return list(found.values())


def minutes_around(change: datetime) -> list[datetime]:
    begin = change - REACH
    return [begin + step * MINUTE for step in range(1, 2 * REACH // MINUTE + 1)]


STARRED = {
    "*/10 {} * * *": range(0, 60, 10),
    "* {} * * *": range(60),
    "*/7 {} * * *": range(0, 60, 7),
}
"""Rules that follow the clock on the wall, and the minutes that they name."""


def test_every_odd_change_is_found_and_in_both_directions():
    changes = odd_changes()
    assert {"Antarctica/Troll", "Australia/LHI", "NZ-CHAT"} <= {name for name, _ in changes}
    forward = 0
    for name, change in changes:
        zone = ZoneInfo(name)
        forward += offset(zone, change) > offset(zone, change - MINUTE)
    assert forward > 20
    assert len(changes) - forward > 20


@pytest.mark.parametrize("rule", STARRED)
def test_a_rule_with_a_star_runs_at_each_minute_the_clock_shows(rule):
    for name, change in odd_changes():
        zone = ZoneInfo(name)
        minutes = minutes_around(change)
        shown = [(minute, minute.astimezone(zone)) for minute in minutes]
        for hour in {there.hour for _, there in shown}:
            right = [
                minute
                for minute, there in shown
                if there.hour == hour and there.minute in STARRED[rule]
            ]
            cron = Cron(rule.format(hour), name)
            assert cron.window(change - REACH, minutes[-1], 1000) == right, (name, change, hour)
            assert cron.after(change - MINUTE) == next(
                (minute for minute in right if minute >= change), cron.after(minutes[-1])
            )


@pytest.mark.parametrize("minutes", [10, 15])
def test_a_rule_for_a_period_keeps_it_in_real_time(minutes):
    usual = [("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC))]
    usual.append(("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)))
    for name, change in [*usual, *odd_changes()]:
        zone = ZoneInfo(name)
        step = offset(zone, change) - offset(zone, change - MINUTE)
        if step % (minutes * MINUTE):
            continue
        night = Cron(f"*/{minutes} * * * *", name).window(change - REACH, change + REACH, 1000)
        assert len(night) == 2 * REACH // (minutes * MINUTE), (name, change)
        assert {later - earlier for earlier, later in itertools.pairwise(night)} == {
            minutes * MINUTE
        }


def test_a_fixed_time_runs_once_at_each_odd_change():
    for name, change in odd_changes():
        zone = ZoneInfo(name)
        first: dict[datetime, datetime] = {}
        for minute in minutes_around(change):
            there = minute.astimezone(zone)
            if not there.fold:
                first[there.replace(tzinfo=None)] = minute
        skipped = offset(zone, change) - offset(zone, change - MINUTE)
        gap = (change - MINUTE).astimezone(zone).replace(tzinfo=None) + MINUTE
        for step in range(skipped // MINUTE):
            first.setdefault(gap + step * MINUTE, change)
        for reading, moment in list(first.items())[::17]:
            cron = Cron(f"{reading:%M %H %d} * *", name)
            begin = change - REACH
            assert cron.window(begin, change + REACH, 1000) == [moment], (name, reading)
