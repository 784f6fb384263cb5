"""The type `channel schedule`: a job, which hands a message to its service at planned times."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from hansa import Channel, Invalid, Model, NotFound, Request, Response, setting

from .job import Firing, Job
from .runner import Runner
from .times import EPOCH, Cron, Interval, Once, Times, check_rule, check_zone

PERIOD = ("weeks", "days", "hours", "minutes", "seconds")
LONGEST = 100 * 366 * 86400  # seconds
SHORT_NAMES: dict[str, Literal["interval", "cron"]] = {
    "interval_based": "interval",
    "cron_style": "cron",
}


class ScheduleConfig(Model):
    """When a job runs, and with what."""

    job_type: Annotated[
        Literal["one_time", "interval", "cron", "interval_based", "cron_style"],
        setting(
            "Once at `start`, at an interval, or by a crontab rule; interval_based and cron_style are other names of these"
        ),
    ]
    start: Annotated[
        datetime | None,
        setting(
            "Time of the only or first run, ISO 8601, in UTC unless it says otherwise; an interval without it is counted from "
            "Monday, 1970-01-05T00:00Z, so that it falls on full hours and days",
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
        setting(
            "Interval: how many runs there are in all; 0 for runs without end", ge=0, le=1000000000
        ),
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
            "Message that the service gets at each run, read by the channel's format",
            multiline=True,
        ),
    ] = ""
    missed: Annotated[
        Literal["skip", "once", "all"],
        setting(
            "What becomes of runs whose time passed while nothing could run them: dropped, made up for by one, or all run"
        ),
    ] = "once"
    max_attempts: Annotated[
        int, setting("How often a run that fails is tried in all", ge=1, le=1000)
    ] = 5
    retry_delay: Annotated[
        float,
        setting(
            "Seconds before the second attempt; doubled before each later one, up to 300",
            gt=0,
            le=300,
            advanced=True,
        ),
    ] = 1.0

    @property
    def period(self) -> timedelta:
        """The interval."""
        return timedelta(**{name: getattr(self, name) for name in PERIOD})

    def check(self) -> None:
        """Refuse what is missing, contradictory or not a rule; raises `Invalid` with all faults."""
        kind, faults = SHORT_NAMES.get(self.job_type, self.job_type), {}
        if kind == "one_time" and self.start is None:
            faults["start"] = "required for a job that runs once"
        if kind == "interval":
            seconds = sum(
                getattr(self, name) * factor
                for name, factor in zip(PERIOD, (604800, 86400, 3600, 60, 1), strict=True)
            )
            if not 0 < seconds <= LONGEST:
                faults["seconds"] = (
                    "an interval needs at least one of weeks, days, hours, minutes, seconds, and is at most 100 years"
                )
        else:
            faults.update(
                {
                    name: f"is for intervals, not for {kind}"
                    for name in (*PERIOD, "repeats")
                    if getattr(self, name)
                }
            )
        if kind == "cron":
            if (
                fault := check_rule(self.cron)
                if self.cron
                else "required for a job by a crontab rule"
            ):
                faults["cron"] = fault
            if self.start is not None:
                faults["start"] = "is not for cron"
        elif self.cron:
            faults["cron"] = f"is not for {kind}"
        if fault := check_zone(self.timezone):
            faults["timezone"] = fault
        if faults:
            raise Invalid(faults)

    def times(self) -> Times:
        """The planned times."""
        start = (
            self.start
            if self.start is None or self.start.tzinfo
            else self.start.replace(tzinfo=UTC)
        )
        if self.job_type == "one_time":
            assert start is not None
            return Once(start.astimezone(UTC))
        if self.cron:
            return Cron(self.cron, self.timezone)
        return Interval(start.astimezone(UTC) if start else EPOCH, self.period, self.repeats)


class ScheduleChannel(Channel[ScheduleConfig]):
    """Runs a service once, at an interval, or by a crontab rule, once in the cluster."""

    type = "schedule"
    placement = "cluster"
    delivery = "at_least_once"

    runner: Runner | None = None
    job: Job | None = None

    @classmethod
    def prepare(cls, config: ScheduleConfig) -> ScheduleConfig:
        """Store the short name of the job type; a limited number of runs without a start begins one interval from now."""
        config = dataclasses.replace(
            config, job_type=SHORT_NAMES.get(config.job_type, config.job_type)
        )
        if config.repeats and config.start is None:
            now = datetime.now(UTC).replace(microsecond=0)
            config = dataclasses.replace(config, start=now + config.period)
        return config

    def start(self) -> None:
        """Put the job on the due-list of this worker."""
        config = self.config
        self.runner = self.runner or self.server.resource(Runner)
        self.job = Job(
            self.name,
            self.runner,
            config.times(),
            self._send,
            rule=repr(
                (
                    config.job_type,
                    config.start,
                    config.period,
                    config.repeats,
                    config.cron,
                    config.timezone,
                )
            ),
            missed=config.missed,
            max_attempts=config.max_attempts,
            retry_delay=config.retry_delay,
            log=self.log,
        )
        self.job.start()

    def stop(self) -> None:
        """Take it off; what it has in hand goes to whoever has the job next."""
        job, self.job = self.job, None
        if job is None:
            return
        job.stop()
        try:
            wanted = self.server.definitions.get(self.kind, self.type, self.name).data.get(
                "active", True
            )
        except NotFound:
            wanted = False
        if not wanted:
            job.runner.ledger.forget(self.name)

    def run(self) -> Response:
        """Run the job now, in the caller's thread, and give its response; planned runs stay as they are.

        Works on an object that was never started, too, such as that of a job that is switched off.
        """
        firing = Firing(datetime.now(UTC) if self.runner is None else self.runner.clock.now())
        if self.job is not None:
            return self.job.deliver(firing)
        return self.server.handle(
            self.settings.service,
            self._request(firing),
            type=self.type,
            channel=self.name,
            format=self.settings.format,
            config=self.config,
        )

    def status(self) -> dict[str, Any]:
        """The next run, the last one and its outcome, and counts of this worker; see `Job.status`."""
        return self.job.status() if self.job is not None else {"next": None, "running": False}

    def ping(self) -> str:
        """When the job runs next."""
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
