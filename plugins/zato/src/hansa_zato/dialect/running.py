"""A program that a service runs: its output, as far as it may have one, and its end with all that it has
started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import IO, Final

CHUNK: Final = 65_536
_LEFT: Final = 1.0
"""Seconds for which output is waited for that a program's children still hold."""


class Running:
    """A program that runs, with threads for its output, of which `limit` bytes are taken."""

    def __init__(self, process: subprocess.Popen[bytes], limit: int) -> None:
        self._process = process
        self._limit = limit
        self._out = bytearray()
        self._err = bytearray()
        self.is_too_large = False
        pipes = [(process.stdout, self._out), (process.stderr, self._err)]
        self._readers = [
            threading.Thread(target=self._read, args=pipe, name="output of a program", daemon=True)
            for pipe in pipes
        ]

    @property
    def stdout(self) -> bytes:
        """What it has written."""
        return bytes(self._out)

    @property
    def stderr(self) -> bytes:
        """What it has written about faults."""
        return bytes(self._err)

    def wait(self, given: bytes, seconds: float) -> None:
        """Hand over its input, and wait for its end; raises subprocess.TimeoutExpired."""
        writing = threading.Thread(target=self._write, args=(given,), daemon=True)
        for thread in (*self._readers, writing):
            thread.start()
        self._process.wait(seconds)

    def end(self) -> None:
        """End it with all that it has started, and take the rest of its output."""
        if self._process.poll() is None:
            self._kill()
            self._process.wait()
        for thread in self._readers:
            thread.join(_LEFT)
        # what it has left behind, and holds the pipes
        self._kill()
        for thread in self._readers:
            thread.join(_LEFT)

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing of it is left

    def _read(self, pipe: IO[bytes], taken: bytearray) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), CHUNK):
                taken += chunk
                if len(taken) > self._limit:
                    self.is_too_large = True
                    self._kill()
                    return

    def _write(self, given: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            with pipe:
                pipe.write(given)
        except BrokenPipeError:
            pass  # it does not read its input
