"""Child processes: they die with their parent, and what was left behind is ended, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hansa.foundation.processes import started_at
from hansa.process.children import Ledger, spawn

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
]


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while started_at(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    return started_at(pid) is None


@pytest.fixture
def child():
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def test_a_child_can_be_ended_although_its_parent_holds_signals_back():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    try:
        held = spawn(SLEEP)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        held.terminate()
        assert held.wait(10) == -signal.SIGTERM
    finally:
        held.kill()


def test_when_a_process_started(child: subprocess.Popen[bytes]):
    start = started_at(child.pid)
    own_start = started_at(os.getpid())
    assert start is not None
    assert own_start is not None
    assert start == started_at(child.pid)
    assert start > own_start
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert started_at(child.pid) is None, "a zombie has ended"
    child.wait()
    assert started_at(child.pid) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_with_their_parent(number: int):
    code = (
        "from hansa.process.children import spawn; import time; "
        f"print(spawn({SLEEP!r}).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert started_at(pid)
    parent.send_signal(number)
    parent.communicate()
    assert gone(pid)


def test_a_child_stands_in_a_session_of_its_own():
    process = spawn(SLEEP)
    assert os.getsid(process.pid) == process.pid
    process.kill()
    process.wait()


def test_leftovers_are_ended_and_nothing_else(tmp_path: Path, child: subprocess.Popen[bytes]):
    path = tmp_path / "processes.json"
    left, stubborn = subprocess.Popen(SLEEP), subprocess.Popen(STUBBORN, stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    ledger = Ledger(path)
    for process in (left, stubborn, child):
        ledger.add(process.pid)
    ledger.remove(child.pid)
    # the number of a process that ended long ago now belongs to somebody else
    listed = json.loads(path.read_text())
    start = started_at(child.pid)
    assert start is not None
    path.write_text(json.dumps({**listed, child.pid: start - 1, 2**22 + 1: 5}))
    ledger = Ledger(path)
    assert ledger.end_leftovers(patience=0.3) == sorted([left.pid, stubborn.pid])
    # of a process id that another process has by now, the one of then has ended
    assert ledger.ended == {
        **{int(pid): start for pid, start in listed.items()},
        child.pid: start - 1,
        2**22 + 1: 5,
    }
    assert (left.wait(5), stubborn.wait(5)) == (-signal.SIGTERM, -signal.SIGKILL)
    assert child.poll() is None
    stubborn.stdout.close()
    assert Ledger(path).end_leftovers() == []


def test_a_full_disk_ends_nobody_and_what_was_not_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "processes.json"
    ledger = Ledger(path)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("hansa.foundation.files.os.open", full)
        ledger.add(os.getpid())
    assert not path.exists()
    ledger.remove(2**22 + 1)
    assert json.loads(path.read_text()) == {str(os.getpid()): started_at(os.getpid())}


@pytest.mark.parametrize(
    "content", [None, "", "no json", "[1, 2]", '{"x": 1}', "5", '{"1": "a"}', "null"]
)
def test_a_ledger_that_cannot_be_read_ends_nothing(tmp_path: Path, content: str | None):
    path = tmp_path / "processes.json"
    if content is not None:
        path.write_text(content)
    assert Ledger(path).end_leftovers() == []
    Ledger(path).add(os.getpid())
    assert json.loads(path.read_text()) == {str(os.getpid()): started_at(os.getpid())}
