"""The `hansa` command in a process that is forked from one which has imported it: it takes a tenth
of the processor's time that an interpreter of its own takes to come so far, and is otherwise the
same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_processes = multiprocessing.get_context("forkserver")


class ForkedCommand:
    """A command that runs, as `subprocess.Popen` has it: `pid`, `poll`, `wait`, signals.

    It prints into files, `output` and `errors`. `imported` are further modules that it need not
    import itself; those of the first command of this process count.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        imported: Sequence[str] = (),
    ) -> None:
        self.arguments = tuple(arguments)
        self.output, self.errors = folder / "output", folder / "errors"
        _processes.set_forkserver_preload(["hansa.cli", *imported])
        files = (str(self.output), str(self.errors))
        self._process = _processes.Process(
            target=_run, args=(self.arguments, dict(environment), *files), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended; raises `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Return all that it has printed once it has ended; raises `subprocess.TimeoutExpired`."""
        self.wait(timeout)
        errors = self.errors.read_text() if self.errors.exists() else ""
        return self.said(), errors

    def said(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text() if self.output.exists() else ""

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _run(arguments: tuple[str, ...], environment: dict[str, str], output: str, errors: str) -> None:
    """Become the command."""
    for file, standard in ((output, 1), (errors, 2)):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, standard)
        os.close(opened)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["hansa", *arguments]
    from hansa.cli import commands

    commands(prog_name="hansa")
