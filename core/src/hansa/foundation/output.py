"""What a program reports to whoever started it."""

from __future__ import annotations

import contextlib
import sys


def print_lines(*lines: str, error: bool = False) -> None:
    """Print lines to standard output, or to standard error.

    They may lead to a file on a full disk, or to a terminal that was closed: such lines are lost,
    and nothing is raised.
    """
    with contextlib.suppress(OSError, ValueError):
        print(*lines, sep="\n", file=sys.stderr if error else sys.stdout, flush=True)
