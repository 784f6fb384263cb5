"""Next-run maths: intervals never drift, crontab rules follow the clock on the wall, windows agree
with one step at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hansa_scheduler.times import ALIASES, EPOCH, Cron, Interval, Once, check_rule, check_zone
from hypothesis import given, settings, strategies as st

moments = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
periods = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
BERLIN = ZoneInfo("Europe/Berlin")


def local(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, fold: int = 0
) -> datetime:
    there = datetime(year, month, day, hour, minute, second, tzinfo=BERLIN, fold=fold)
    return there.astimezone(UTC)


def walk(times, after: datetime, until: datetime) -> list[datetime]:
    found = []
    moment = times.after(after)
    while moment is not None and moment <= until:
        found.append(moment)
        moment = times.after(moment)
    return found


@given(moments, periods, moments, st.integers(0, 1000))
def test_interval_is_start_plus_a_multiple(start, period, moment, repeats):
    following = Interval(start, period, repeats).after(moment)
    if following is None:
        assert repeats
        assert moment >= start + (repeats - 1) * period
        return
    number, rest = divmod(following - start, period)
    assert not rest
    assert number >= 0
    assert not repeats or number < repeats
    assert following > moment
    assert following == start or following - period <= moment


@given(
    moments,
    st.timedeltas(timedelta(minutes=1), timedelta(days=3)),
    moments,
    st.integers(0, 40),
    st.integers(1, 50),
)
def test_interval_window_is_the_walk(start, period, after, steps, limit):
    interval, until = Interval(start, period), max(after, start) + steps * period
    assert interval.window(after, until, limit) == walk(interval, after, until)[-limit:]


def test_interval_without_start_falls_on_full_hours_and_mondays():
    moment = datetime(2026, 11, 4, 12, 34, 56, tzinfo=UTC)
    assert Interval(EPOCH, timedelta(hours=1)).after(moment) == datetime(
        2026, 11, 4, 13, tzinfo=UTC
    )
    assert Interval(EPOCH, timedelta(weeks=1)).after(moment) == datetime(2026, 11, 9, tzinfo=UTC)


def test_interval_of_many_years_ends_with_the_calendar():
    assert Interval(EPOCH, timedelta(days=36500)).after(datetime(9990, 1, 1, tzinfo=UTC)) is None


@given(moments, moments, moments)
def test_once(start, after, until):
    once = Once(start)
    assert once.after(after) == (start if start > after else None)
    assert once.window(after, until, 1) == ([start] if after < start <= until else [])


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


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=100, deadline=None)
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
    "zone", ["", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\0"]
)
def test_what_is_no_zone_is_told(zone):
    assert "IANA" in check_zone(zone)


def test_a_window_of_a_rare_rule_does_not_walk_through_decades():
    cron = Cron("* * 29 2 *")
    found = cron.window(datetime(1990, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 3)
    assert found == [datetime(2024, 2, 29, 23, minute, tzinfo=UTC) for minute in (57, 58, 59)]
