"""Starting the process of a component."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from hansa import spawn

from .component import Component


@dataclass(frozen=True)
class Launched:
    """A process that this command has started, and when (`time.monotonic()`)."""

    process: subprocess.Popen[bytes]
    began: float


def launch(component: Component, *, ends_with_us: bool) -> Launched:
    """Start a component's process in a session of its own.

    With `ends_with_us` it gets SIGTERM when this process ends; otherwise it goes on, even when the
    terminal is closed.
    """
    component.logs.mkdir(mode=0o700, exist_ok=True)
    # logs go to files only
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "HANSA_CONSOLE": "off"}
    began = time.monotonic()
    start = spawn if ends_with_us else _start_detached
    # appended to, since it is emptied when it has grown too large
    with open(component.console, "ab") as out:
        out.truncate(0)
        process = start(
            component.command(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=component.folder,
            env=environment,
        )
    return Launched(process, began)


def _start_detached(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, start_new_session=True, **options)
