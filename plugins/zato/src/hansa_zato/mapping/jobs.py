"""Jobs of the scheduler."""

from __future__ import annotations

import datetime
from typing import Final

from .mapping import Mapping
from .parts import Choice, Custom, Field, Reading, Writing
from .references import SERVICE
from .values import INTEGER, MOMENT

_UNITS: Final = ("weeks", "days", "hours", "minutes", "seconds")


def _check_interval(reading: Reading) -> None:
    """Say what a job of its type lacks."""
    type = reading.settings.get("job_type")
    if type == "interval" and not any(reading.settings.get(unit) for unit in _UNITS):
        reading.fault("seconds", f"an interval needs one of {', '.join(_UNITS)}")
    if type == "cron" and not reading.settings.get("cron"):
        reading.fault("cron_definition", "is required")
    start = reading.settings.pop("start", None) if type == "cron" else None
    if start is not None and str(start) > _now():
        reading.differs("start_date", "a job by a crontab rule runs from now on")
    if type == "one_time":
        _check_moment(reading)


def _check_moment(reading: Reading) -> None:
    """Say that a job needs its time, or that it is past: Zato would not run it any more."""
    start = reading.settings.get("start")
    if not start:
        reading.fault("start_date", "is required")
    elif str(start) <= _now() and reading.settings.get("active", True):
        reading.differs(
            "start_date", "is past: the job runs as soon as it is imported", "is_active false"
        )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nothing(writing: Writing) -> None:
    pass


JOB: Final = Mapping(
    "scheduler",
    "channel",
    "schedule",
    (
        SERVICE,
        Choice(
            "job_type",
            ("job_type",),
            {"interval_based": ("interval",), "cron_style": ("cron",), "one_time": ("one_time",)},
            "interval_based",
        ),
        Field("start_date", "start", MOMENT),
        *(Field(unit, unit, INTEGER) for unit in _UNITS),
        Field("repeats", "repeats", INTEGER),
        Field("cron_definition", "cron"),
        Field("extra", "payload"),
        Custom((), (), _check_interval, _nothing),
    ),
    minimal="scheduler",
    quiet=frozenset({"max_repeats_reached", "max_repeats_reached_at", "service_payload"}),
)
JOBS: Final = (JOB,)
