"""What the code of others cannot end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hansa.foundation.exits import exits_raised, hangs_raised
from hansa.foundation.starts import DeathLedger
from hansa_devkit.harness.distribution import install_plugin


def test_an_exit_is_raised_and_children_still_end():
    end = os._exit
    with pytest.raises(SystemExit, match=r"os\._exit\(3\)"), exits_raised():
        os._exit(3)
    assert os._exit is end
    with exits_raised():
        child = os.fork()
        if child == 0:
            os._exit(7)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_what_holds_a_process_up_is_interrupted():
    before = signal.getsignal(signal.SIGALRM)
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    with pytest.raises(TimeoutError, match=r"had not returned after 0\.05 s"), hangs_raised(0.05):
        time.sleep(60)
    assert signal.getsignal(signal.SIGALRM) is before
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= left or left == 0
    with hangs_raised(0.2) as begin:
        for _ in range(4):
            begin()
            time.sleep(0.1)


def test_who_ends_a_process_is_logged(tmp_path: Path):
    script = """
import os, threading
from hansa.foundation.exits import log_exits
from hansa.foundation.origins import on_thread_start, origins
from hansa.foundation.starts import Starts

on_thread_start(origins.note)
end = log_exits(lambda subject: print("noted", subject, flush=True))
child = os.fork()
if child == 0:
    os._exit(5)
os.waitpid(child, 0)

def ends():
    os._exit(3)

def begins_another():
    threading.Thread(target=ends, name="second").start()

with Starts().starting("plugin y (hansa_startup)"):
    first = threading.Timer(0.01, begins_another)
    first.start()
first.join()
threading.Event().wait(10)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    told = "os._exit(3) ends this process in the thread second, begun by plugin y (hansa_startup):"
    assert told in done.stderr and "in ends" in done.stderr
    assert "os._exit(5)" not in done.stderr
    assert done.stdout == "noted plugin y (hansa_startup)\n"


def test_who_ends_a_fork_by_a_name_that_was_imported_before_is_logged():
    script = """
import os
from hansa.foundation.exits import log_exits, watch_exits

watch_exits()
from os import _exit, kill

def forked(end):
    child = os.fork()
    if child == 0:
        end()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def exits():
    log_exits(print)
    _exit(3)

def kills():
    log_exits(print)
    kill(os.getpid(), 9)

print(forked(exits), forked(kills), forked(lambda: _exit(5)), flush=True)
_exit(7)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (7, "3 -9 5\n")
    told = re.findall(r"^(\S+(?: with \w+)?) ends this process", done.stderr, re.MULTILINE)
    assert told == ["os._exit(3)", "os.kill with SIGKILL"]


def test_who_kills_its_own_process_is_logged():
    script = """
import os, signal
from hansa.foundation.exits import log_exits
from hansa.foundation.starts import Starts

log_exits(lambda subject: print("noted", subject, flush=True))
os.kill(os.getpid(), 0)
# nobody's start has begun this thread, so nothing is noted
signal.signal(signal.SIGTERM, lambda *_: None)
os.kill(os.getpid(), signal.SIGTERM)
with Starts().starting("plugin y (hansa_startup)"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert "os.kill with SIGTERM ends this process in the thread MainThread:" in done.stderr
    assert (
        "os.kill with SIGKILL ends this process in the thread MainThread, begun by" in done.stderr
    )
    assert done.stdout == "noted plugin y (hansa_startup)\n"


CHILD = """
import _thread, os, signal, subprocess, sys, time
from pathlib import Path
from hansa.foundation.exits import log_exits
from hansa.foundation.origins import inherit_origins
from hansa.foundation.starts import Starts

starts = Starts(Path(sys.argv[1]), name="me")
log_exits(starts.note_end)
inherit_origins()

def forks(number=signal.SIGKILL):
    with starts._lock:  # whoever holds it does not exist in the child
        if os.fork() == 0:
            os.{kill}
            os._exit(0)
    time.sleep(30)

with starts.starting("plugin y (hansa_startup)"):
    _thread.start_new_thread(forks, (), {{"number": signal.SIGTERM}})
time.sleep(30)
"""


@pytest.mark.parametrize("kill", ["kill(os.getppid(), number)", "killpg(0, number)"])
def test_a_child_that_kills_its_parent_is_blamed_in_a_thread_without_an_object_too(
    tmp_path: Path, kill: str
):
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(kill=kill), tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == -signal.SIGTERM
    assert re.search(
        r"with SIGTERM by its child \d+ ends this process in the thread .*, begun by plugin y "
        r"\(hansa_startup\):",
        done.stderr,
    )
    assert DeathLedger(tmp_path).has_ended_itself("me")


def test_commands_work_although_an_early_module_ends_its_process(tmp_path: Path):
    install_plugin(tmp_path, "ends", None, "import os\nos._exit(3)")
    install_plugin(tmp_path, "newer", "", requires=["hansa>=99"])
    done = subprocess.run(
        [sys.executable, "-m", "hansa", "plugin", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and "reload" in done.stdout
    told = "Commands of the plugin ends (hansa-ends 1.0) are missing: SystemExit: os._exit(3)"
    assert told in done.stderr and "newer" not in done.stderr
