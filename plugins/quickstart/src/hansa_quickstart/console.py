"""The end of what a component wrote, for messages about its failure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .component import Component

LINES: Final = 15
_BYTES: Final = 16384


def end_of_output(component: Component) -> str:
    """Return the last lines that a component wrote to its console, else to its newest log."""
    logs = sorted(component.logs.glob("*.log"), key=_changed, reverse=True)
    for file in (component.console, *logs):
        lines = _last_lines(file)
        if lines:
            indented = [f"  {line}" for line in lines]
            return "\n".join([f" The end of {file}:", *indented])
    return f" It wrote nothing into {component.logs}."


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _last_lines(path: Path) -> list[str]:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-LINES:]
