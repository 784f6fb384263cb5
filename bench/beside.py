"""A server in a process of its own, for benchmarks of what calls: only the CPU time of the client counts,
which is in this process.

The module of a benchmark is the program, too: `python -m bench.NAME server PORT` prints a line once it
listens.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hansa_devkit.harness.ports import free_port

from tools.project import TOP


@contextmanager
def beside(module: str) -> Iterator[int]:
    """Start the server of a benchmark, and end it; yields its port."""
    port = free_port()
    words = [sys.executable, "-m", f"bench.{module}", "server", str(port)]
    process: Any = subprocess.Popen(words, cwd=TOP, stdout=subprocess.PIPE)
    try:
        if not process.stdout.readline():
            raise RuntimeError(f"the server of {module} has failed")
        yield port
    finally:
        process.kill()
        process.communicate()


def ready() -> None:
    """Say that the server listens."""
    print("ready", flush=True)
