"""What the code of others cannot end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hansa.foundation.exits import exits_raised
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
