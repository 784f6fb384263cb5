"""The type `channel schedule`: a job, which hands a message to its service at planned times."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from hansa import Channel, Invalid, Model, NotFound, PlainSettings, Request, Response, setting

from .cron import Cron, check_rule
from .job import Firing, Job
from .run_record import ended_run
from .runner import Runner
from .times import EPOCH, Interval, Once, Times, check_zone

PERIOD = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
"""The settings that make up an interval, with the seconds of each."""
LONGEST = 100 * 366 * 86400
"""Seconds of the longest interval."""
JobKind = Literal["one_time", "interval", "cron"]
SHORT_NAMES: dict[str, JobKind] = {
    "one_time": "one_time",
    "interval": "interval",
    "interval_based": "interval",
    "cron": "cron",
    "cron_style": "cron",
}


class ScheduleConfig(Model):
    """Schedule.

    When a job runs, and with what.
    """

    job_type: Annotated[
        Literal["one_time", "interval", "cron", "interval_based", "cron_style"],
        setting(
            "Once at `start`, at an interval, or by a crontab rule; interval_based and cron_style are "
            "aliases of interval and cron"
        ),
    ]
    start: Annotated[
        datetime | None,
        setting(
            "Time of the only or first run in ISO 8601, in UTC unless it has an offset; an interval "
            "without it is counted from Monday, 1970-01-05T00:00Z, so that runs fall on full hours "
            "and days",
            example="2030-01-31T06:00:00Z",
        ),
    ] = None
    weeks: Annotated[int, setting("Interval: weeks", ge=0, le=5200)] = 0
    days: Annotated[int, setting("Interval: days", ge=0, le=36500)] = 0
    hours: Annotated[int, setting("Interval: hours", ge=0, le=876000)] = 0
    minutes: Annotated[int, setting("Interval: minutes", ge=0, le=52560000)] = 0
    seconds: Annotated[int, setting("Interval: seconds", ge=0, le=3153600000)] = 0
    repeats: Annotated[
        int,
        setting("Interval: total number of runs; 0 for no limit", ge=0, le=1000000000),
    ] = 0
    cron: Annotated[
        str,
        setting(
            "Crontab rule: minute hour day month weekday, or @hourly, @daily, @weekly ...",
            example="30 6 * * mon-fri",
        ),
    ] = ""
    timezone: Annotated[
        str, setting("Time zone of the crontab rule, by its IANA name", example="Europe/Berlin")
    ] = "UTC"
    payload: Annotated[
        str,
        setting(
            "Message for the service at each run, read by the channel's format",
            multiline=True,
        ),
    ] = ""
    missed: Annotated[
        Literal["skip", "once", "all"],
        setting(
            "Runs whose time passed while nothing could run them: skipped, made up for by one run, or "
            "all run"
        ),
    ] = "once"
    max_attempts: Annotated[
        int, setting("Maximum attempts for a run that fails", ge=1, le=1000)
    ] = 5
    retry_delay: Annotated[
        float,
        setting(
            "Seconds before the second attempt; doubled for each later one, up to 300",
            gt=0,
            le=300,
            advanced=True,
        ),
    ] = 1.0

    @property
    def period(self) -> timedelta:
        """The interval."""
        return timedelta(**{name: getattr(self, name) for name in PERIOD})

    @property
    def kind(self) -> JobKind:
        """The job type by its short name."""
        return SHORT_NAMES[self.job_type]

    def check(self) -> None:
        """Refuse what is missing, contradictory or not a rule; raises `Invalid` with all faults."""
        faults: dict[str, str] = {}
        if self.kind == "one_time" and self.start is None:
            faults["start"] = "required for a job that runs once"
        if self.kind == "interval":
            if not 0 < self._interval_seconds() <= LONGEST:
                faults["seconds"] = (
                    "an interval needs at least one of weeks, days, hours, minutes, seconds, and is "
                    "at most 100 years"
                )
        else:
            for name in (*PERIOD, "repeats"):
                if getattr(self, name):
                    faults[name] = f"is for intervals, not for {self.kind}"
        faults.update(self._cron_faults())
        fault = check_zone(self.timezone)
        if fault:
            faults["timezone"] = fault
        if faults:
            raise Invalid(faults)

    def _interval_seconds(self) -> int:
        """Return the length of the interval; `period` cannot hold one that is too long."""
        seconds = 0
        for name, factor in PERIOD.items():
            seconds += getattr(self, name) * factor
        return seconds

    def _cron_faults(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        if self.kind != "cron":
            if self.cron:
                faults["cron"] = f"is not for {self.kind}"
            return faults
        if not self.cron:
            faults["cron"] = "required for a job by a crontab rule"
        else:
            fault = check_rule(self.cron)
            if fault:
                faults["cron"] = fault
        if self.start is not None:
            faults["start"] = "is not for cron"
        return faults

    def times(self) -> Times:
        """Return the planned times."""
        if self.cron:
            return Cron(self.cron, self.timezone)
        start = EPOCH
        if self.start is not None:
            start = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        if self.kind == "one_time":
            return Once(start.astimezone(UTC))
        return Interval(start.astimezone(UTC), self.period, self.repeats)

    @property
    def rule(self) -> str:
        """A text that changes when the planned times do."""
        parts = (self.job_type, self.start, self.period, self.repeats, self.cron, self.timezone)
        return repr(parts)


class ScheduleChannel(Channel[ScheduleConfig]):
    """Runs a service once, at an interval, or by a crontab rule, once in the cluster."""

    type = "schedule"
    placement = "cluster"
    delivery = "at_least_once"
    has_callers = False
    runner: Runner | None = None
    job: Job | None = None

    @classmethod
    def prepare(cls, config: ScheduleConfig) -> ScheduleConfig:
        """Store the short name of the job type; a limited number of runs without a start begins one
        interval from now.
        """
        config = dataclasses.replace(config, job_type=config.kind)
        if config.repeats and config.start is None:
            now = datetime.now(UTC).replace(microsecond=0)
            config = dataclasses.replace(config, start=now + config.period)
        return config

    def start(self) -> None:
        """Put the job on the due-list of this worker."""
        config = self.config
        if self.runner is None:
            self.runner = self.server.resource(Runner)
        self.job = Job(
            self.name,
            self.runner,
            config.times(),
            self._send,
            rule=config.rule,
            missed=config.missed,
            max_attempts=config.max_attempts,
            retry_delay=config.retry_delay,
            log=self.log,
        )
        self.job.start()

    def stop(self) -> None:
        """Take the job off the list; runs that it did not finish are left to the worker that has
        the job next.
        """
        job = self.job
        self.job = None
        if job is None:
            return
        job.stop()
        if not self._is_active():
            job.runner.ledger.forget(self.name)

    def _is_active(self) -> bool:
        """Whether the definition is still there and in service, so that another worker will have
        the job.
        """
        try:
            record = self.server.definitions.get(self.kind, self.type, self.name)
        except NotFound:
            return False
        return bool(record.data.get("active", True))

    def run(self) -> Response:
        """Run the job now, in the caller's thread, and return its response; planned runs stay as
        they are.

        Works on an object that was never started, too, such as that of a job that is switched off.
        """
        runner = self.runner or self.server.resource(Runner)
        firing = Firing(runner.clock.now())
        if self.job is not None:
            return self.job.deliver(firing, by_hand=True)
        began = time.monotonic()
        response = self.server.handle(
            self.settings.service,
            self._request(firing),
            type=self.type,
            channel=self.name,
            format=self.settings.format,
            config=self.config,
        )
        ms = (time.monotonic() - began) * 1000
        at = firing.planned.timestamp()
        runner.note(self.name, ended_run(firing.planned, at, ms, response, attempt=1, by_hand=True))
        return response

    def status(self) -> PlainSettings:
        """Return the next run, the last one and its outcome, and counts of this worker; see
        `Job.status`.
        """
        if self.job is None:
            return {"next": None, "running": False}
        return self.job.status()

    def next_runs(self, count: int) -> list[str]:
        """Return the next planned times by the settings, at most `count`, in ISO 8601, UTC.

        Works on an object that was never started, too.
        """
        times = self.config.times()
        found: list[str] = []
        moment = times.after(datetime.now(UTC))
        while moment is not None and len(found) < count:
            found.append(moment.isoformat())
            moment = times.after(moment)
        return found

    def ping(self) -> str:
        """Return when the job runs next."""
        following = self.status()["next"]
        return f"next run {following}" if following else "no run is planned"

    def _send(self, firing: Firing) -> Response:
        return self.dispatch(self._request(firing))

    def _request(self, firing: Firing) -> Request:
        planned = firing.planned.isoformat()
        return Request(
            raw=self.config.payload.encode(),
            headers={"job": self.name, "planned": planned},
            attempt=firing.attempt,
            extra={"job": self.name, "job_type": self.config.job_type, "planned": planned},
        )
