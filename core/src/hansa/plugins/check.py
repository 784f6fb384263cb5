"""A trial load of all plugins, in a child process: could a worker start with what is installed?

    python -m hansa.plugins.check CONFIG DIRECTORY [BLOCKED ...]

An empty DIRECTORY is the one that the configuration names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ..foundation.errors import Invalid
from .configuration import read_config
from .discovery import load_plugins

TRIAL_LIMIT = 120
"""Seconds that a trial load of all plugins may take."""


def check_plugins(config: Path, directory: Path | None = None, blocked: Iterable[str] = ()) -> None:
    """Try in a child process whether a worker could load all plugins and read the configuration;
    raises `Invalid`.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        "hansa.plugins.check",
        str(config),
        str(directory or ""),
        *sorted(blocked),
    ]
    child = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRIAL_LIMIT, check=False
    )
    if child.returncode:
        raise Invalid(_faults(child))


def _faults(child: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    """Return what a trial printed, or how it ended."""
    try:
        faults: dict[str, str] = json.loads(child.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        end = child.stderr.decode(errors="replace")[-500:]
        return {"": f"the trial ended with status {child.returncode}: {end}"}
    return faults


def main(path: str, directory: str, *blocked: str) -> int:
    """Load all plugins and read a configuration as a worker would; prints the faults as JSON.

    Returns the exit status: 1 if there are any.
    """
    try:
        load_plugins(read_config(path, directory=directory or None), set(blocked))
    except Invalid as invalid:
        print(json.dumps(invalid.errors))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
