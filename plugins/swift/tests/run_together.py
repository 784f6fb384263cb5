"""Run several servers until the first one ends; they end with this process: `run_together.py COMMAND ...`."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Have the kernel end a child when this process has ended."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


servers = [
    subprocess.Popen(shlex.split(command), preexec_fn=end_with_parent) for command in sys.argv[1:]
]
ended, _ = os.wait()
for server in servers:
    if server.pid != ended:
        server.kill()
sys.exit(1)
