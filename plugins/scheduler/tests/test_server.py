"""Jobs on a real server: they go on while workers are replaced, and what a killed worker had in
hand is run again, once.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

SOURCE = """
import os
import time

from hansa import Service


class Tick(Service):
    def handle(self):
        with open("{ticks}", "a") as file:
            file.write(self.request.extra["planned"] + "\\n")


class Slow(Service):
    def handle(self):
        with open("{slow}", "a") as file:
            file.write(f"begins {{self.request.attempt}} {{os.getpid()}}\\n")
        time.sleep(2 if self.request.attempt == 1 else 0)
        with open("{slow}", "a") as file:
            file.write(f"ends {{self.request.attempt}}\\n")
"""


@pytest.fixture
def server(tmp_path):
    running = RunningServer(tmp_path / "server", plugins=["redis", "scheduler"]).start()
    source = SOURCE.format(ticks=tmp_path / "ticks", slow=tmp_path / "slow")
    running.api("admin.service.deploy", file="jobs.py", source=source)
    yield running
    running.stop()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.proof
def test_replaced_workers_and_edits_neither_lose_nor_repeat_a_run(server, tmp_path):
    server.api(
        "admin.channel.schedule.create",
        name="tick",
        service="jobs.tick",
        job_type="interval",
        seconds=1,
    )
    wait_until(lambda: len(lines(tmp_path / "ticks")) >= 2)
    server.api("admin.server.reload")
    wait_until(lambda: "replaced 2 workers" in server.log(), 40)
    server.api("admin.channel.schedule.edit", name="tick", payload="edited")
    count = len(lines(tmp_path / "ticks"))
    wait_until(lambda: len(lines(tmp_path / "ticks")) >= count + 2)
    planned = [datetime.fromisoformat(line) for line in lines(tmp_path / "ticks")]
    assert [moment for moment, times in Counter(planned).items() if times > 1] == []
    # the lease moves in about a second, so at most what fell into it is made up for by one run
    gaps = [after - before for before, after in itertools.pairwise(planned)]
    assert max(gaps) <= timedelta(seconds=5), gaps


@pytest.mark.evidence("kills")
@pytest.mark.proof
@pytest.mark.proves("channel schedule", "guarantee")
def test_what_a_killed_worker_had_in_hand_is_run_again_once(server, tmp_path):
    start = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    server.api(
        "admin.channel.schedule.create",
        name="slow",
        service="jobs.slow",
        job_type="one_time",
        start=start,
    )
    (first,) = wait_until(lambda: lines(tmp_path / "slow"))
    os.kill(int(re.findall(r"\d+", first)[1]), signal.SIGKILL)
    wait_until(lambda: "ends 2" in lines(tmp_path / "slow"), 45)
    server.api("admin.server.reload")
    wait_until(lambda: "replaced 2 workers" in server.log(), 40)
    found = lines(tmp_path / "slow")
    assert [line.split()[:2] for line in found] == [["begins", "1"], ["begins", "2"], ["ends", "2"]]


YEARLY = {"service": "jobs.tick", "job_type": "cron", "cron": "@yearly", "active": False}


def test_run_now_works_in_any_worker_and_for_a_job_that_is_off_and_every_run_is_kept(server):
    server.api("admin.channel.schedule.create", name="off", **YEARLY)
    ran = server.api("admin.channel.schedule.run", name="off")
    assert ran["result"] == "done"
    server.api(
        "admin.channel.schedule.create",
        name="tick",
        service="jobs.tick",
        job_type="interval",
        seconds=1,
    )
    wait_until(lambda: len(server.api("admin.job.runs", name="tick")["items"][0]["runs"]) >= 2)
    server.api("admin.channel.schedule.edit", name="tick", active=False)
    off, tick = server.api("admin.job.runs")["items"]
    assert [run["by_hand"] for run in off["runs"]] == [True]
    newest, before = tick["runs"][:2]
    assert (newest["outcome"], newest["attempt"], newest["by_hand"]) == ("ok", 1, False)
    planned = datetime.fromisoformat(newest["planned"])
    assert planned - datetime.fromisoformat(before["planned"]) == timedelta(seconds=1)
    assert -1 < newest["at"] - planned.timestamp() < 30
    assert newest["server"] == newest["worker"].partition("/")[0] != ""
    assert newest["cid"] and newest["cid"] != before["cid"] and newest["ms"] > 0
    shown = hansa(server, "job", "runs", "off").stdout
    assert "by hand" in shown and off["runs"][0]["cid"] in shown
    server.api("admin.channel.schedule.delete", name="off")
    with pytest.raises(ApiError) as refused:
        server.api("admin.job.runs", name="off")
    assert refused.value.status == 404
    server.api("admin.channel.schedule.create", name="off", **YEARLY)
    assert server.api("admin.job.runs", name="off")["items"][0]["runs"] == []
