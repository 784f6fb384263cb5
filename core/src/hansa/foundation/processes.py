"""Other processes of this machine, told apart by process id and start time."""

from __future__ import annotations

import signal
from pathlib import Path


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


def how_ended(status: int) -> str:
    """Return how a process ended, by its exit status, in which a signal is negative."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
