"""Hosts leave nothing behind: no namespace, link, process or folder, also of a run that fails or is
killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.hosts import network
from tests.hosts.network import Network, remove_leftovers, why_not

KILLED = """
import sys, time
from tests.hosts.network import Network
with Network() as made:
    host = made.host("one")
    host.launch("sleep", "600")
    print(made.bridge, host.namespace, made.folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def has_namespaces() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


def left_of(bridge: str, folder: Path) -> list[str]:
    """What there is of the hosts at a bridge."""
    mark = bridge.removeprefix("hb")
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    links = [link for link in os.listdir("/sys/class/net") if link[2:].startswith(mark)]
    spaces = [line for line in listed.stdout.splitlines() if bridge in line]
    return [*spaces, *links, *([str(folder)] if folder.exists() else [])]


def test_what_fails_in_the_middle_is_removed(monkeypatch: pytest.MonkeyPatch):
    run = network._run

    def fail(*command: str) -> None:
        if command[-3:] == ("set", "lo", "up"):
            raise OSError("not allowed")
        run(*command)

    monkeypatch.setattr(network, "_run", fail)
    made = Network()
    with pytest.raises(OSError, match="not allowed"):
        with made:
            made.host("one")
    assert left_of(made.bridge, made.folder) == []


def test_what_a_killed_run_left_is_removed_by_the_next_one():
    command = [sys.executable, "-c", KILLED]
    top = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=top, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        try:
            bridge, namespace, folder = killed.stdout.readline().split()
            # what was launched is not there at once
            wait_until(lambda: len(pids_in(namespace)) >= 3, 30, "the host has its processes")
            pids = pids_in(namespace)
        finally:
            killed.send_signal(signal.SIGKILL)
    assert left_of(bridge, Path(folder))
    remove_leftovers()
    assert left_of(bridge, Path(folder)) == []
    wait_until(lambda: not any(is_alive(pid) for pid in pids), 30, "its processes ended")


def pids_in(namespace: str) -> list[str]:
    """The processes that use the network of a host."""
    command = ["ip", "netns", "pids", namespace]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def is_alive(pid: str) -> bool:
    """Whether a process runs, unlike one that nobody has waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_machine_without_namespaces_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "ip"
    program.write_text('#!/bin/sh\ncase "$*" in *bridge*) echo no bridges >&2; exit 2;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert why_not().endswith("type bridge`: no bridges")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert "only root" in why_not()
