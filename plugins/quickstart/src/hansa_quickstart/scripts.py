"""The shell scripts that start, stop and restart a cluster."""

from __future__ import annotations

import shlex
import sys
from typing import Final

from .programs import programs

_SCRIPT: Final = """#!/bin/sh
# {what} this cluster; further arguments are passed on.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
{lines}
"""


def script_name(program: str, action: str) -> str:
    """Return the name of the script by which a program carries out `start`, `stop` or `restart`."""
    return f"{program}-qs-{action}.sh"


def scripts() -> dict[str, str]:
    """Return the scripts by name, for each installed program."""
    found: dict[str, str] = {}
    for program, module in programs().items():
        run = f"{shlex.quote(sys.executable)} -m {module}"
        start = f'exec {run} start "$here" "$@"'
        stop = f'{run} stop "$here"'
        actions = {
            "start": ("Starts", start),
            "stop": ("Stops", f'exec {stop} "$@"'),
            "restart": ("Stops and starts", f"{stop} || exit\n{start}"),
        }
        for action, (what, lines) in actions.items():
            found[script_name(program, action)] = _SCRIPT.format(what=what, lines=lines)
    return found
