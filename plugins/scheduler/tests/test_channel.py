"""The channel: its settings, its life with the real clock and threads, running now, and what an
administrator sees.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hansa import Invalid, Outcome, Response, dump, load
from hansa.contract.service import Binding, Service
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_scheduler import early, plugin
from hansa_scheduler.channel import ScheduleChannel, ScheduleConfig
from hansa_scheduler.ledger import Ledger
from hansa_scheduler.runner import Runner

from plugins.scheduler.tests.support import START, Calls, Facade


def definition(**settings):
    registry = Registry()
    registry.add_types("scheduler", plugin.hansa_transports())
    return load(registry.type("channel", "schedule").model, {"service": "echo", **settings})


@pytest.fixture
def facade(tmp_path):
    return Facade(tmp_path / "server")


@pytest.fixture
def live(facade):
    """Makes started channels on a real runner of the facade, and stops them."""
    facade.runner = Runner(Ledger(facade.as_server))
    made = []

    def make(dispatch=None, name="job", **settings):
        channel = ScheduleChannel(name, definition(**settings), facade.as_server)
        if dispatch is not None:
            channel.dispatch = dispatch
        made.append(channel)
        facade.defined[name] = {"active": True}
        channel.start()
        return channel

    yield make
    for channel in made:
        channel.stop()


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"job_type": "one_time"}, {"start"}),
        ({"job_type": "interval"}, {"seconds"}),
        ({"job_type": "interval", "days": 36500, "weeks": 5200}, {"seconds"}),
        ({"job_type": "cron"}, {"cron"}),
        ({"job_type": "cron", "cron": "61 * * * *", "timezone": "Mars"}, {"cron", "timezone"}),
        (
            {"job_type": "cron", "cron": "@hourly", "seconds": 5, "start": "2030-01-01T00:00:00Z"},
            {"seconds", "start"},
        ),
        ({"job_type": "interval", "seconds": 5, "cron": "@hourly"}, {"cron"}),
        ({"job_type": "one_time", "start": "2030-01-01T00:00:00Z", "repeats": 2}, {"repeats"}),
        ({"job_type": "daily"}, {"job_type"}),
        ({"job_type": "interval", "seconds": -1, "max_attempts": 0}, {"seconds", "max_attempts"}),
        ({"job_type": "interval", "seconds": 1, "missed": "maybe"}, {"missed"}),
        ({"job_type": "one_time", "start": "tomorrow"}, {"start"}),
    ],
)
def test_faults_are_told_by_setting(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(ScheduleConfig, settings)
    assert set(caught.value.errors) == faults


@pytest.mark.parametrize(
    ("given", "stored"),
    [("interval_based", "interval"), ("cron_style", "cron"), ("one_time", "one_time")],
)
def test_other_names_are_stored_as_ours(given, stored):
    rest: dict[str, dict[str, object]] = {
        "interval": {"hours": 1},
        "cron": {"cron": "@daily"},
        "one_time": {"start": "2030-01-01 00:00:00"},
    }
    config = load(ScheduleConfig, {"job_type": given, **rest[stored]})
    assert ScheduleChannel.prepare(config).job_type == stored


def test_settings_survive_the_way_through_json():
    config = definition(job_type="one_time", start="2030-01-31T06:00:00+02:00", payload="x")
    assert load(type(config), msgspec.json.decode(msgspec.json.encode(dump(config)))) == config
    assert config.times().start == datetime(2030, 1, 31, 4, tzinfo=UTC)


def test_a_start_without_zone_is_utc():
    assert definition(job_type="one_time", start="2030-01-31 06:00:00").times().start == datetime(
        2030, 1, 31, 6, tzinfo=UTC
    )


def test_limited_runs_without_a_start_begin_one_interval_from_now():
    config = ScheduleChannel.prepare(definition(job_type="interval", minutes=5, repeats=3))
    assert config.start is not None
    wait = config.start - datetime.now(UTC)
    assert timedelta(minutes=4, seconds=55) < wait <= timedelta(minutes=5)
    assert ScheduleChannel.prepare(config) == config
    assert ScheduleChannel.prepare(definition(job_type="interval", minutes=5)).start is None


def test_a_job_runs_by_the_real_clock_and_carries_its_message(live):
    calls = Calls()
    start = datetime.now(UTC) + timedelta(seconds=0.3)
    live(calls, job_type="one_time", start=start.isoformat(), payload='{"a": 1}')
    wait_until(lambda: calls)
    late = (datetime.now(UTC) - start).total_seconds()
    assert 0 <= late < 1.0
    request = calls[0]
    assert request.raw == b'{"a": 1}'
    assert request.headers["job"] == "job"
    assert request.extra == {"job": "job", "job_type": "one_time", "planned": start.isoformat()}
    assert request.attempt == 1


def test_each_run_has_a_cid_of_its_own_and_a_swapped_dispatch_is_obeyed(live):
    first, second = Calls(), Calls()
    channel = live(first, job_type="interval", seconds=1)
    wait_until(lambda: len(first) >= 1)
    channel.dispatch = second
    wait_until(lambda: len(second) >= 1)
    assert len({request.cid for request in [*first, *second]}) == len(first) + len(second)


def test_nothing_runs_after_stop_and_no_thread_is_left(live):
    before = set(threading.enumerate())
    for _ in range(2):
        calls = Calls()
        channel = live(calls, job_type="interval", seconds=1)
        wait_until(lambda calls=calls: calls)
        channel.stop()
        count = len(calls)
        wait_until(lambda: set(threading.enumerate()) <= before)
        assert len(calls) == count


def test_an_edit_goes_on_without_a_gap_or_a_double_run(live):
    old, new = Calls(), Calls()
    first = live(old, job_type="interval", seconds=1)
    wait_until(lambda: old)
    live(new, job_type="interval", seconds=1, payload="new")
    first.stop()
    wait_until(lambda: len(new) >= 2)
    planned = sorted(old.planned + new.planned)
    assert planned == [planned[0] + timedelta(seconds=number) for number in range(len(planned))]


def test_run_now_gives_the_answer_and_does_not_use_up_a_job_that_runs_once(live):
    class Echo(Service):
        def handle(self):
            return self.request.input

    start = datetime.now(UTC) + timedelta(hours=1)
    channel = live(job_type="one_time", start=start.isoformat(), payload="hello")
    channel.dispatch = compile_route(
        Binding("echo", LocalServer(), None, "job", "schedule", channel.config), Echo
    )
    response = channel.run()
    assert response.ok
    assert response.payload == b"hello"
    assert response.cid.startswith("K")
    status = channel.status()
    assert status["next"] == start.isoformat()
    assert (status["runs"], status["failures"], status["last_outcome"], status["last_cid"]) == (
        1,
        0,
        "done",
        response.cid,
    )
    assert channel.ping() == f"next run {start.isoformat()}"


def test_run_now_of_a_job_that_is_switched_off_goes_straight_to_the_service(facade, runner):
    facade.runner = runner
    config = definition(
        job_type="interval", hours=1, payload="p", active=False, service="my.service"
    )
    response = ScheduleChannel("off", config, facade.as_server).run()
    assert response.payload == "handled"
    ((service, request, options),) = facade.handled
    assert service == "my.service"
    assert request.raw == b"p"
    assert (options["type"], options["channel"], options["format"]) == ("schedule", "off", "")
    (run,) = runner.ledger.runs(["off"])["off"]
    assert (run.outcome, run.by_hand, run.cid) == ("ok", True, request.cid)


def test_the_next_runs_are_those_of_the_settings(tmp_path):
    server = Facade(tmp_path).as_server
    now = datetime.now(UTC)
    start = (now + timedelta(hours=1)).replace(microsecond=0)
    config = definition(job_type="interval", hours=1, start=start.isoformat(), repeats=3)
    expected = [(start + timedelta(hours=number)).isoformat() for number in range(3)]
    assert ScheduleChannel("job", config, server).next_runs(2) == expected[:2]
    assert ScheduleChannel("job", config, server).next_runs(10) == expected
    over = definition(job_type="one_time", start="2020-01-01T00:00:00Z")
    assert ScheduleChannel("job", over, server).next_runs(10) == []
    monthly = definition(job_type="cron", cron="0 9 LW * *", timezone="Europe/Berlin")
    found = ScheduleChannel("job", monthly, server).next_runs(12)
    assert len({moment[:7] for moment in found}) == 12


def test_failures_are_seen_in_the_status(live):
    rejected: list[Outcome] = ["reject"] * 50
    channel = live(Calls(*rejected), job_type="interval", seconds=1)
    wait_until(lambda: channel.status()["failures"])
    status = channel.status()
    assert (status["last_outcome"], status["last_error"]) == ("reject", "the back end is down")


def test_time_while_switched_off_is_not_missed(live, facade, caplog):
    channel = live(Calls(), job_type="interval", seconds=1)
    runner = channel.runner
    facade.defined["job"] = {"active": False}
    channel.stop()
    later = datetime.now(UTC) + timedelta(days=1)
    assert runner.ledger.begin("job", "rule", later) == later


def test_a_job_that_waits_for_its_stopped_service_drains(live, facade):
    release = threading.Event()

    def slow(request):
        assert release.wait(20)
        return Response()

    channel = live(slow, job_type="interval", seconds=1)
    wait_until(lambda: channel.status()["running"])
    drained = threading.Thread(target=plugin.hansa_drain, args=(facade.as_server,))
    drained.start()
    release.set()
    drained.join(10)
    assert not drained.is_alive()
    assert not channel.status()["running"]


def test_the_section_has_defaults():
    (model,) = early.hansa_settings().values()
    section: Any = load(model, {})
    assert section.threads == 16
    assert START.tzinfo is UTC
