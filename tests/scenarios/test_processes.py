"""Starting, ending and being killed: nothing accepted is lost, nothing is left behind, faults are
told at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.scenarios.load import SOURCE, Load, handled


def counting(server, written: Path) -> None:
    """Give the server the counting service on /live."""
    server.deploy("live.py", SOURCE.format(version=1, path=str(written)))
    server.api(
        "admin.channel.http.create",
        name="live",
        url_path="/live",
        service="live.count",
        format="json",
    )


@pytest.mark.proof
def test_a_killed_supervisor_leaves_nothing_and_the_next_start_comes_up(
    start_server, wait, tmp_path
):
    server = start_server(workers=2)
    counting(server, tmp_path / "written")
    names = {process.name() for process in server.processes()}
    assert len(server.processes()) >= 5, names  # the supervisor, its template, two workers, Valkey
    server.signal(signal.SIGKILL)
    server.process.wait()
    wait(lambda: not server.processes(), 10, "its processes end with it")
    server.start()
    assert server.post("/live", {"number": 7}).json()["number"] == 7


@pytest.mark.proof
def test_a_killed_worker_is_replaced(start_server, wait, tmp_path):
    server = start_server(workers=2)
    counting(server, tmp_path / "written")
    victim = server.workers()[0]
    victim.kill()
    wait(lambda: len(server.workers()) == 2, 20)
    wait(lambda: server.ready() and server.post("/live", {"number": 8}).ok, 20)


@pytest.mark.proof
def test_sigterm_under_load_answers_everything_accepted(start_server, tmp_path):
    server = start_server(workers=2)
    written = tmp_path / "written"
    counting(server, written)
    with Load(server.port, "/live", stop_when_refused=True, pause=0.002) as load:
        time.sleep(2)
        server.stop()
        load.join(30)
    assert len(load.answers) > 200
    assert not load.faults, f"{len(load.faults)} of {len(load.answers)}: {load.faults[:5]}"
    times = handled(written)
    assert set(times) == {answer.number for answer in load.answers if not answer.refused}
    assert set(times.values()) == {1}


def test_it_ends_by_signal_with_code_0_and_at_once_when_idle(start_server):
    server = start_server(workers=2, plugins=["redis"])
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert time.monotonic() - began < 10
    assert not server.processes()


def test_ctrl_c_reaches_the_whole_group_and_leaves_nothing(start_server):
    """A terminal sends SIGINT to every process of the foreground group, not to the supervisor
    alone.
    """
    server = start_server(workers=1, plugins=["redis"])
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.process.wait(20) == 0
    assert not server.processes()


def test_what_is_wrong_with_a_configuration_is_told_at_once(start_server):
    """Faults first of the file alone, then of what it refers to."""
    server = start_server(
        '[server]\nworkers = "many"\nnmae = "x"\n[no_such_section]\na = 1\n[http]\nno_such_key = 1\n',
        start=False,
        workers=1,
    )
    server.launch()
    assert server.process.wait(30) not in (0, None)
    log = server.log()
    for wanted in (
        "config.toml",
        "server.nmae",
        "did you mean name?",
        "no_such_section",
        "http.no_such_key",
    ):
        assert wanted in log, f"{wanted!r} is missing in:\n{log}"
    assert not server.processes()

    server.config.write_text(
        '[channel.http.orphan]\nservice = "no.such-service"\nurl_path = "/orphan"\n'
    )
    server.launch()
    assert server.process.wait(40) not in (0, None)
    log = server.log()
    assert "no.such-service" in log
    assert "orphan" in log
    assert "Traceback" not in log


@pytest.fixture(scope="module")
def running(start_shared_server):
    return start_shared_server(workers=1, plugins=["redis"])


def test_a_taken_port_is_told_clearly(running, start_server):
    other = start_server(workers=1, plugins=["redis"], start=False, port=running.port)
    other.launch()
    assert other.process.wait(30) not in (0, None)
    assert str(running.port) in other.log()
    assert "Traceback" not in other.log()


def test_a_second_server_in_the_same_folder_is_refused(running, start_server):
    other = start_server(workers=1, plugins=["redis"], start=False)
    own = other.dir
    other.dir = running.dir
    other.launch()
    other.dir = own  # else its end would be that of the one that runs
    assert other.process.wait(30) not in (0, None)
    assert "Traceback" not in other.log()
    assert running.ready()


def test_the_secrets_under_the_folder_are_private(running):
    listed = subprocess.run(
        ["find", str(running.dir), "-name", "*.key", "-o", "-name", "*password*"],
        capture_output=True,
        text=True,
        check=False,
    )
    files = [Path(line) for line in listed.stdout.split()]
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, file
