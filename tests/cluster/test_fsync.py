"""R18: a disk that fails to sync what was written, under the ODB and under the queue: nothing is
acknowledged that is not on disk.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.accounting import Account, Receipts
from tests.cluster.clients import Clients
from tests.cluster.running import sized, within
from tests.cluster.test_disk import CONFIG, started, status

CALLS = "fsync,fdatasync,sync_file_range,msync"
BACK = 15.0  # seconds


@contextmanager
def no_sync(folder: Path, processes: list[psutil.Process]) -> Iterator[Path]:
    """Let each of these processes' calls to sync fail with EIO; gives the file that lists the
    calls.
    """
    strace, calls, faults = shutil.which("strace"), folder / "calls", folder / "strace"
    if strace is None:
        pytest.skip("there is no strace here")
    command = [
        strace,
        "-f",
        "-o",
        str(calls),
        "-e",
        f"trace={CALLS}",
        "-e",
        f"inject={CALLS}:error=EIO",
    ]
    for process in processes:
        command += ["-p", str(process.pid)]
    with open(faults, "w") as out:
        tracer = subprocess.Popen(command, stderr=out, stdout=out)
    try:
        wait_until(
            lambda: (
                tracer.poll() is not None or faults.read_text().count(" attached") >= len(processes)
            ),
            20,
            "attached",
        )
        if (
            tracer.poll() is not None and "INJECTED" not in calls.read_text()
        ):  # else they have ended already
            pytest.skip(f"strace may not attach here: {faults.read_text().strip()}")
        yield calls
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)


def named(server, words: str) -> list[psutil.Process]:
    """The server's processes whose command line has these words."""
    return [process for process in server.processes() if words in " ".join(process.cmdline())]


def channels(server) -> set[str]:
    """The names of the channels that there are."""
    return {item["name"] for item in server.api("admin.channel.http.list")["items"]}


def create(server, name: str) -> int:
    """The status of a change."""
    return status(
        server,
        "admin.channel.http.create",
        name=name,
        url_path=f"/{name}",
        service="recorder.record",
    )


@pytest.fixture(scope="module")
def server(start_shared_server):
    """One server with the services that record, which write into its folder `outside`."""
    made = start_shared_server(CONFIG, start=False)
    return started(made, made.folder / "outside")


def test_a_change_that_is_not_on_disk_is_not_acknowledged(server, tmp_path, figure):
    lasts = sized(1.0, 10.0)
    told: list[Any] = []
    with no_sync(tmp_path, server.workers()) as calls:
        began = time.monotonic()
        while time.monotonic() < began + lasts or len(told) < 4:
            told.append(create(server, f"lost{len(told)}"))
        failed = calls.read_text().count("INJECTED")
    ended = time.monotonic()
    wait_until(lambda: create(server, "after") in (200, 409), BACK, "changes are stored again")
    back = time.monotonic() - ended
    for process in server.processes():  # what is in memory alone does not count
        process.kill()
    server.process.wait()
    server.start()
    found = channels(server)
    print(
        f"{len(told)} changes while the ODB could not be synced, {failed} syncs "
        f"failed, back after {back:.1f} s"
    )
    figure(
        "R18 fsync",
        faults=1,
        failed=0,
        syncs_failed=failed,
        refused=told.count(503),
        back_max=round(back, 1),
    )
    assert failed >= len(told), "each change was to be synced"
    assert set(told) == {503}, "no change is acknowledged that was not synced"
    assert {"record", "accept", "after"} <= found, "what was acknowledged is there"


def test_a_call_that_is_not_on_disk_is_not_accepted(server, tmp_path, figure):
    account, receipts = Account(), Receipts(server.folder / "outside/async")
    faults = sized(1, 5)
    options: dict[str, Any] = {
        "clients": 4,
        "batch": 2,
        "pause": 0.02,
        "patience": 0.1,
        "log": "async",
        "options": {},
    }
    failed, back, wrong = 0, 0.0, []
    with Clients(server.port, "/accept", account, **options) as clients:
        for _ in range(faults):
            had = len(account.acknowledged)
            wait_until(
                lambda had=had: len(account.acknowledged) > had + 40, 20, "calls are accepted"
            )
            engines = [one for one in named(server, "valkey") if one.name().startswith("valkey")]
            folder = tmp_path / f"trace{had}"
            folder.mkdir()
            with no_sync(folder, engines) as calls:
                since = time.monotonic()
                wait_until(lambda calls=calls: "INJECTED" in calls.read_text(), 20, "a sync fails")
                # it cannot know what is on disk any more, so it ends, and is started again
                psutil.wait_procs(engines, 20)
                until = time.monotonic()
                failed += calls.read_text().count("INJECTED")
            assert not any(engine.is_running() for engine in engines)
            wrong += [
                a
                for a in list(clients.answers)
                if a.began > since and a.ended < until and not a.fault
            ]
            had = len(account.acknowledged)
            wait_until(
                lambda had=had: len(account.acknowledged) > had + 20, 40, "calls are accepted again"
            )
            back = max(back, time.monotonic() - until)
    wait_until(
        lambda: (
            not (s := server.api("admin.queue.status")).get("error")
            and not s["queued"] + s["running"] + s["delayed"]
        ),
        60,
        "the queue is empty",
    )
    result = account.result(receipts.numbers())
    print(
        f"{failed} syncs failed, {len(clients.refusals)} refused, accepted again after {back:.1f} s; {result}"
    )
    figure(
        "R18 fsync queue",
        faults=faults,
        accepted=result.acknowledged,
        lost=len(result.lost),
        refused=len(clients.refusals),
        back_max=round(back, 1),
    )
    assert failed
    assert not wrong, "nothing is accepted while nothing can be synced"
    assert clients.refusals
    assert not clients.faults, clients.faults[:3]
    assert not result.lost and not result.unexpected
    assert within([back], BACK)
