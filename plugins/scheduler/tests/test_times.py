"""Next-run maths: intervals never drift, and windows agree with one step at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hansa_scheduler.times import EPOCH, Interval, Once, check_zone
from hypothesis import given, strategies as st

from plugins.scheduler.tests.support import walk

moments = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
periods = st.timedeltas(timedelta(seconds=1), timedelta(days=400))


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


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\0"]
)
def test_what_is_no_zone_is_told(zone):
    assert "IANA" in check_zone(zone)
