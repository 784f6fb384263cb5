"""The end of what a component wrote, for messages about its failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .component import SERVER, Component

LINES: Final = 15
_BYTES: Final = 2**14
TROUBLES: Final = 5
"""Errors of workers that are shown, the newest."""
SUPERVISOR: Final = "hansa.supervisor"
"""The logger of what supervisors say of their workers."""
_LOG_BYTES: Final = 2**17


def end_of_output(component: Component) -> str:
    """Return the last lines that a component wrote to its console, else to its newest log."""
    logs = sorted(component.logs.glob("*.log"), key=_changed, reverse=True)
    for file in (component.console, *logs):
        lines = _last_lines(file)[-LINES:]
        if lines:
            indented = [f"  {line}" for line in lines]
            return "\n".join([f" The end of {file}:", *indented])
    return f" It wrote nothing into {component.logs}."


def troubles_of_workers(component: Component, pid: int | None) -> str:
    """Return what the process `pid` of a server has logged as errors of its workers, such as what
    one was starting when it ended; empty if nothing.
    """
    if component.kind != SERVER or pid is None:
        return ""
    told = [
        line
        for line in _last_lines(component.logs / "server.log", _LOG_BYTES)
        if SUPERVISOR in line and "ERROR" in line and str(pid) in line
    ]
    if not told:
        return ""
    shown = "".join(f"\n  {line}" for line in told[-TROUBLES:])
    return f"{shown}\n"


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _last_lines(path: Path, count: int = _BYTES) -> list[str]:
    """Return the lines in the last `count` bytes of a file."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - count))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()
