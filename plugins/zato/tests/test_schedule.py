"""`self.schedule.onetime`: a call that waits in the queue, or a definition of `channel schedule`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from hansa import Queue, Unavailable, load
from hansa_scheduler.channel import ScheduleChannel, ScheduleConfig
from hansa_zato.dialect.exceptions import ServiceMissingException
from hansa_zato.dialect.schedule import Schedule
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


class Reminder(Service):
    name = "tests.reminder"


@pytest.fixture
def schedule(server: Facade) -> Schedule:
    server.add(Reminder)
    return Schedule(server.as_server, "K1")


def job(server: Facade) -> tuple[str, dict[str, Any], ScheduleConfig]:
    """The last job that was defined, and its own settings as the scheduler reads them."""
    record = server.definitions.stored[-1]
    own = {key: one for key, one in record.data.items() if key not in ("service", "format")}
    return record.name, record.data, load(ScheduleConfig, own)


def test_after_a_time(server: Facade, schedule: Schedule) -> None:
    server.registry.add_types("test", [ScheduleChannel])
    before = datetime.now(UTC)
    name = schedule.onetime(
        None, "tests.reminder", prefix="p-", after_seconds=30, after_minutes=1, data={"a": 1}
    )
    found, data, config = job(server)
    assert found == name and name.startswith("p-tests.reminder 20")
    assert (data["service"], json.loads(data["payload"]), data["format"]) == (
        "tests.reminder",
        {"a": 1},
        "json",
    )
    assert config.start is not None
    assert timedelta(seconds=89) < config.start - before < timedelta(seconds=600)


def test_at_a_time(server: Facade, schedule: Schedule) -> None:
    server.registry.add_types("test", [ScheduleChannel])
    assert schedule.onetime(None, Reminder, name="mine", start_date="2031-01-31 10:00:00") == "mine"
    _, data, config = job(server)
    assert config.start == datetime(2031, 1, 31, 10, tzinfo=UTC)
    assert data["payload"] == "" and "format" not in data
    schedule.onetime(None, Reminder, start_date=datetime(2031, 1, 31, 11), data="text")
    assert job(server)[2].payload == "text"


def test_a_call_that_waits_in_the_queue(server: Facade, schedule: Schedule) -> None:
    found: list[Any] = []

    def handle(self: Any) -> None:
        found.append((self.channel, self.job_type, self.request.payload))

    reminder: Any = type("Reminded", (Service,), {"handle": handle})
    server.add(reminder)
    server.queue = cast(Queue, object())
    cid = schedule.onetime(None, reminder, after_minutes=1, data={"day": date(2031, 1, 31)})
    [call] = server.pending
    assert 50 < call["delay"] <= 60 and call["cid"] == cid
    schedule.onetime(None, reminder, start_date="2001-01-31")
    assert server.pending[-1]["delay"] == 0
    server.work()
    assert found == [
        ("scheduler", "one_time", {"day": "2031-01-31"}),
        ("scheduler", "one_time", ""),
    ]
    assert server.definitions.stored == []


def test_what_cannot_be_scheduled(server: Facade, schedule: Schedule) -> None:
    with pytest.raises(Unavailable, match="plugin scheduler"):
        schedule.onetime(None, Reminder)
    with pytest.raises(ServiceMissingException):
        schedule.onetime(None, "tests.nope")
    with pytest.raises(ValueError, match="isoformat"):
        schedule.onetime(None, Reminder, start_date="soon")
