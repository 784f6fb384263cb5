"""Other processes of this machine, told apart by process id and start time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def started_at(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot (proc(5), field 22); None if there
    is none, or only its zombie.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def boot_id() -> str:
    """Return what tells this run of this machine from others; empty if the kernel does not say."""
    with contextlib.suppress(OSError):
        # as it stands: holders of names that an earlier version has written are compared with it
        return _BOOT_ID.read_text()
    return ""


def process_mark(folder: Path, pid: int, start: int | None) -> str:
    """Return what tells a process, which works in a folder and started at `start`, from any other
    one, also of other machines; empty where the start is not known.
    """
    if start is None:
        return ""
    about = (boot_id(), socket.gethostname(), folder.resolve(), pid, start)
    return hashlib.sha256(" ".join(map(str, about)).encode()).hexdigest()[:16]


def own_children() -> set[int]:
    """Return the process ids of the children that the main thread of this process has, those that it
    has adopted among them; none where the kernel does not tell them.
    """
    me = os.getpid()
    try:
        text = Path(f"/proc/{me}/task/{me}/children").read_text()
    except OSError:
        return set()
    return {int(pid) for pid in text.split()}


def how_ended(status: int) -> str:
    """Return how a process ended, by its exit status, in which a signal is negative."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def count_oom_kills() -> int:
    """Return how many processes of this machine the kernel has killed for want of memory since it
    started (`oom_kill` in /proc/vmstat, those of control groups included); 0 if it does not say.
    """
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0
