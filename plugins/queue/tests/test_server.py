"""The promises of the queue on real servers: workers killed, stopped and killed by a message;
failed messages by API and CLI.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.distribution import install_plugin
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

pytestmark = pytest.mark.evidence("real_server", "kills")

CONFIG = """
[services]
files = ["work.py"]

[queue]
{settings}

[channel.http.put]
url_path = "/put"
service = "work.put"
format = "json"
"""
SOURCE = """
import os
import signal
import time

from hansa import Service
from hansa_queue import fan_out

FILE = "{file}"


def note(*words):
    handle = os.open(FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (" ".join(map(str, words)) + "\\n").encode())
    os.fsync(handle)
    os.close(handle)


class Put(Service):
    def handle(self):
        asked = self.request.input
        if asked.get("targets"):
            return {{"cid": fan_out(self, asked["targets"], "work.final")}}
        name, payload = asked.pop("service"), asked.pop("payload")
        return {{"cid": self.server.invoke_async(name, payload, cid=self.cid, **asked)}}


class Quick(Service):
    def handle(self):
        note("quick", self.request.payload)


class Long(Service):
    def handle(self):
        note("begun", self.request.payload, self.request.attempt, os.getpid())
        until = time.monotonic() + (60 if self.request.attempt == 1 else 0)
        while time.monotonic() < until and not os.path.exists(FILE + ".go"):
            time.sleep(0.02)
        note("done", self.request.payload, self.request.attempt)
        return {{"attempt": self.request.attempt}}


class Back(Service):
    def handle(self):
        note("result", self.request.payload["attempt"])


class Crash(Service):
    def handle(self):
        note("crash", self.request.attempt)
        os.kill(os.getpid(), signal.SIGKILL)


class Poison(Service):
    def handle(self):
        note("poison", self.request.attempt)
        raise RuntimeError("{version}")


class Final(Service):
    def handle(self):
        states = self.request.payload["data"]
        note("final", *sorted(f"{{name}}={{state['ok']}}" for name, state in states.items()))
"""


@pytest.fixture
def make(start_server: Any, tmp_path: Path) -> Any:
    def made(settings: str = "", **options: Any) -> RunningServer:
        server: RunningServer = start_server(
            CONFIG.format(settings=settings), start=False, plugins=["queue", "redis"], **options
        )
        (server.folder / "work.py").write_text(
            SOURCE.format(file=tmp_path / "notes", version="version 1")
        )
        server.start()
        wait_until(lambda: len(server.api("admin.server.status")["workers"]) == server.worker_count)
        return server

    return made


def notes(tmp_path: Path) -> list[list[str]]:
    file = tmp_path / "notes"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def put(server: RunningServer, service: str, payload: Any, **options: Any) -> None:
    answer = server.post("/put", {"service": f"work.{service}", "payload": payload, **options})
    assert answer.status_code == 200, answer.text


def settled(server: RunningServer) -> dict[str, Any]:
    """The status once nothing is left to do, with everything accounted for."""

    def done() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = server.api("admin.queue.status")
        except requests.ConnectionError:  # its worker was killed
            return None
        return None if found["queued"] or found["running"] or found["delayed"] else found

    found: dict[str, Any] = wait_until(done, 60)
    assert (
        found["counts"]["accepted"]
        == found["counts"]["finished"] + found["counts"]["deleted"] + found["failed"]
    )
    return found


@pytest.mark.proof
@pytest.mark.proves("async invocation", "guarantee")
def test_a_killed_worker_loses_nothing_and_another_goes_on_within_half_a_minute(
    make: Any, tmp_path: Path
):
    server = make()
    put(server, "long", "x", callback=["work.back"])
    (begun,) = wait_until(lambda: [line for line in notes(tmp_path) if line[0] == "begun"])
    for number in range(100):
        put(server, "quick", number)
    os.kill(int(begun[3]), signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: ["result", "2"] in notes(tmp_path), 40)
    assert time.monotonic() - killed <= 30
    settled(server)
    seen = Counter(line[0] for line in notes(tmp_path))
    assert (seen["begun"], seen["done"], seen["result"]) == (2, 1, 1)
    assert {int(line[1]) for line in notes(tmp_path) if line[0] == "quick"} == set(range(100))
    assert seen["quick"] <= 103, (
        "those that the killed worker had in hand may run twice, one for each of its other threads"
    )


@pytest.mark.proof
def test_poison_and_crash_messages_get_their_attempts_and_hold_up_nobody(make: Any, tmp_path: Path):
    server = make("lease = 1.5\nmax_attempts = 3\nfirst_delay = 0.2\n")
    put(server, "poison", {"n": 2}, extra={"header": "h"})
    wait_until(lambda: server.api("admin.failed.list")["total"] == 1)
    put(server, "crash", {"n": 1})
    sent = 0
    while sum(line[0] == "crash" for line in notes(tmp_path)) < 3:
        with contextlib.suppress(requests.ConnectionError):  # its worker was killed
            sent += (
                server.post("/put", {"service": "work.quick", "payload": "n"}).status_code == 200
            )
        time.sleep(0.02)
    wait_until(lambda: settled(server)["failed"] == 2, 30)
    seen = Counter(line[0] for line in notes(tmp_path))
    assert (seen["crash"], seen["poison"]) == (3, 3)
    assert seen["quick"] >= sent, (
        "nothing accepted is lost; what ran in a worker that was killed may run twice"
    )
    with contextlib.suppress(
        requests.ConnectionError
    ):  # accepted, and perhaps killed at once by what was accepted
        server.post("/put", {"targets": {"work.quick": 1, "work.poison": 2, "work.crash": 3}})
    wait_until(lambda: any(line[0] == "final" for line in notes(tmp_path)), 60)
    assert settled(server)["failed"] == 4
    finals = [line for line in notes(tmp_path) if line[0] == "final"]
    assert finals == [["final", "work.crash=False", "work.poison=False", "work.quick=True"]]
    for item in server.api("admin.failed.list")["items"]:
        one = server.api("admin.failed.get", id=item["id"])
        assert one["attempts"] == 3
        assert len(one["history"]) == 3
        assert one["cause"].startswith(("RuntimeError: version 1", "Lost: the worker ended"))


@pytest.mark.proof
def test_a_message_that_ends_its_worker_keeps_no_server_from_starting(make: Any, tmp_path: Path):
    """It is due when the server starts, which a plugin makes last until it would have been begun."""
    slow = (
        "import os, time\n\n@hookimpl\ndef hansa_serve(server):\n    end = time.monotonic() + 2\n"
    )
    slow += (
        "    while time.monotonic() < end and not "
        f"os.path.exists({str(tmp_path / 'notes')!r}):\n"
        "        time.sleep(0.02)\n"
    )
    install_plugin(tmp_path, "slow", slow)
    server = make("lease = 1.5\nmax_attempts = 1\n", env={"PYTHONPATH": str(tmp_path)})
    due = time.monotonic() + 8
    put(server, "crash", 1, delay=8)
    server.stop()
    assert not notes(tmp_path)
    wait_until(lambda: time.monotonic() > due)
    server.start()
    wait_until(lambda: settled(server)["failed"] == 1, 60)
    assert [line[0] for line in notes(tmp_path)] == ["crash"]


@pytest.mark.proof
def test_a_stopped_worker_that_comes_back_commits_no_second_result(make: Any, tmp_path: Path):
    server = make("lease = 2")
    put(server, "long", "x", callback=["work.back"])
    (begun,) = wait_until(lambda: [line for line in notes(tmp_path) if line[0] == "begun"])
    os.kill(int(begun[3]), signal.SIGSTOP)
    wait_until(lambda: ["result", "2"] in notes(tmp_path), 30)
    (tmp_path / "notes.go").touch()
    os.kill(int(begun[3]), signal.SIGCONT)
    wait_until(lambda: server.api("admin.queue.status")["counts"]["refused"] == 1)
    settled(server)
    assert Counter(line[0] for line in notes(tmp_path)) == {"begun": 2, "done": 2, "result": 1}
    assert "was refused: another worker has taken it over" in server.log()


@pytest.mark.proof
def test_a_worker_killed_during_a_replay_changes_nothing_of_its_tally(make: Any, tmp_path: Path):
    server = make("max_attempts = 3\nlease = 2\nfirst_delay = 0.05\nlast_delay = 0.1", workers=2)
    for number in range(300):
        put(server, "poison", {"n": number})
    wait_until(lambda: server.api("admin.failed.list", limit=1)["total"] == 300, 60)
    fixed = SOURCE.format(file=tmp_path / "notes", version="2").replace(
        'raise RuntimeError("2")', 'note("fixed", self.request.payload["n"], os.getpid())'
    )
    server.deploy("work.py", fixed)
    replay = server.api("admin.failed.replay", service="work.poison", rate=60)["id"]
    again = server.api("admin.failed.replay", service="work.poison", rate=60)
    assert again["id"] == replay
    killed: list[str] = []
    for sent in (60, 160):
        found = wait_until(lambda sent=sent: _replay(server, replay, sent), 60)
        pids = {line[2] for line in notes(tmp_path) if line[0] == "fixed"} - set(killed)
        killed.append(sorted(pids)[0])
        os.kill(int(killed[-1]), signal.SIGKILL)
    wait_until(lambda: (_replay(server, replay, 300) or {}).get("state") == "finished", 60)
    found = server.api("admin.replay.get", id=replay)
    assert (found["total"], found["sent"], found["succeeded"]) == (300, 300, 300)
    assert (found["failed"], found["left"], found["missing"], found["causes"]) == (0, 0, 0, [])
    seen = Counter(line[1] for line in notes(tmp_path) if line[0] == "fixed")
    assert set(seen) == {str(number) for number in range(300)}
    in_hand = 4
    assert sum(seen.values()) - 300 <= len(killed) * in_hand, (
        "those that a killed worker had in hand may run twice"
    )
    assert settled(server)["counts"]["replayed"] == 300


def _replay(server: RunningServer, identifier: str, sent: int) -> dict[str, Any] | None:
    """Return a replay once it has sent so many."""
    try:
        found: dict[str, Any] = server.api("admin.replay.get", id=identifier)
    except requests.ConnectionError:  # its worker was killed
        return None
    return found if found["sent"] >= sent else None


def test_the_workbench_by_api_and_command_line(make: Any, tmp_path: Path):
    server = make("max_attempts = 1")
    for number in range(30):
        put(server, "poison", {"n": number})
    settled(server)
    assert server.api("admin.failed.list")["total"] == 30
    paths = server.get("/hansa/api/openapi.json", auth=("admin", server.password)).json()["paths"]
    for operation in ("list", "groups", "get", "edit", "replay", "delete", "export"):
        assert f"/hansa/api/admin.failed.{operation}" in paths
    for operation in ("list", "get", "stop", "pause", "resume"):
        assert f"/hansa/api/admin.replay.{operation}" in paths

    shown = hansa(server, "failed", "list", "--limit", "2").stdout
    assert "RuntimeError: version 1" in shown
    assert "2 of 30" in shown
    (group,) = json.loads(hansa(server, "failed", "groups", "--json").stdout)["items"]
    assert (group["count"], group["service"]) == (30, "work.poison")
    identifier = group["latest"]
    assert "Traceback" in hansa(server, "failed", "get", identifier).stdout
    assert (
        hansa(server, "failed", "edit", identifier, "--payload", '{"n": "edited"}').stdout
        == f"changed {identifier}\n"
    )
    exported = hansa(server, "failed", "export", "-", "--group", group["group"]).stdout.splitlines()
    numbers = {json.loads(line)["payload"]["n"] for line in exported}
    assert (len(numbers), "edited" in numbers) == (30, True)
    hansa(server, "failed", "export", "all.jsonl")
    assert len((server.folder / "all.jsonl").read_text().splitlines()) == 30
    refused = hansa(server, "failed", "replay", check=False)
    assert (refused.returncode, "give ids, or conditions, or all" in refused.stderr) == (1, True)
    assert hansa(server, "failed", "delete", identifier).stdout == "deleted 1\n"
    assert "not there any more" in hansa(server, "failed", "delete", identifier).stdout

    fixed = SOURCE.format(file=tmp_path / "notes", version="2").replace(
        'raise RuntimeError("2")', 'note("fixed", self.request.payload["n"])'
    )
    server.deploy("work.py", fixed)
    (group,) = server.api("admin.failed.groups", series=True)["items"]
    assert (group["changed"]["file"], group["changed"]["version"]) == ("work.py", 2)
    assert (len(group["series"]), group["series"][-1]) == (24, 29)
    attempt = server.api("admin.failed.get", id=group["latest"])["history"][0]
    assert attempt["code"] == "work.py version 1"
    _replay_by_command_line(server)
    assert hansa(server, "failed", "replay", "--service", "work.poison").stdout == "replayed 27\n"
    assert hansa(server, "failed", "replay", "--service", "work.poison").stdout == "replayed 0\n"
    settled(server)
    assert Counter(line[0] for line in notes(tmp_path))["fixed"] == 29
    assert hansa(server, "failed", "list").stdout == "no failed messages\n"
    status = server.api("admin.server.status")["async"]
    assert (status["failed"], status["durability"]["fsync"]) == (0, "always")
    assert hansa(server, "queue", "list").stdout == "no calls in the queue\n"
    assert "accepted" in hansa(server, "queue", "status").stdout


def _replay_by_command_line(server: RunningServer) -> None:
    """Replay two messages, the second after a look at the first, and leave the others."""
    begun = hansa(server, "failed", "replay", "--all", "--batch", "1", "--rate", "20").stdout
    identifier = begun.split()[1]
    assert begun == f"replay {identifier} sends 29\n"

    def paused(sent: int) -> bool:
        found = server.api("admin.replay.get", id=identifier)
        return found["state"] == "paused" and found["succeeded"] == sent

    wait_until(lambda: paused(1))
    again = hansa(server, "failed", "replay", "--all", "--rate", "20").stdout
    assert again == f"replay {identifier} sends 0; 28 are sent by replays that go on\n"
    resumed = hansa(server, "replay", "resume", identifier, "--batch", "1").stdout
    assert "is running" in resumed
    wait_until(lambda: paused(2))
    assert "2 of 29 sent, 2 succeeded" in hansa(server, "replay", "list").stdout
    stopped = hansa(server, "replay", "stop", identifier).stdout
    assert stopped == (
        f"replay {identifier} is stopped: 2 of 29 sent, 2 succeeded, 27 stay failed\n"
    )
    assert "stopped" in hansa(server, "replay", "show", identifier).stdout
