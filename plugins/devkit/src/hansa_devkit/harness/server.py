"""A `hansa server run` under test, with a folder of its own, and nothing left behind at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import ClassVar, Self

import psutil

from .forked import ForkedCommand, can_be_forked
from .processes import MARK, kill_all, marked, workers_of
from .waiting import wait_until

BIN = Path(sys.executable).parent
"""The folder with the commands of the Python environment that runs the tests."""


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment of this process without what would configure Hansa, and with some more
    variables.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HANSA_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start would compile what has changed
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


class ServerProcess:
    """One server. `folder` has its config.toml and output, `dir` is the folder in which it keeps
    its state.

    `launch` starts it, `start` also waits until it is ready; `stop` ends it in good order and
    `kill` at once. It may be started again after either.
    """

    forked: ClassVar[bool] = False
    """Whether it is forked from a process that has imported all plugins that are installed, which
    saves most of the time of its start; with variables that only an interpreter reads it is not.
    """
    start_limit = 40.0
    """Seconds that a start may take on an idle machine."""
    stop_limit = 40.0
    """Seconds that ending in good order may take on an idle machine."""

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        workers: int = 2,
        env: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.dir = folder / "var"
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.toml"
        if not self.config.exists():
            self.config.write_text(config)
        self.worker_count = workers
        self.env = clean_environment(**(env or {}))
        self.process: subprocess.Popen[bytes] | ForkedCommand | None = None
        self.mark = ""

    def options(self) -> list[str]:
        """Return the options of `hansa server run`."""
        folders = ["--config", str(self.config), "--dir", str(self.dir)]
        return [*folders, "--workers", str(self.worker_count)]

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the server."""
        return self.env

    def ready(self) -> bool:
        """Whether every worker serves."""
        raise NotImplementedError

    # -- life --------------------------------------------------------------------------------------

    def launch(self) -> Self:
        """Start the process without waiting for it."""
        self.mark = uuid.uuid4().hex
        command = ["server", "run", *self.options()]
        environment = {**self.environment(), MARK: self.mark}
        output = self.folder / "output.log"
        if self.forked and can_be_forked(environment):
            self.process = ForkedCommand(command, self.folder, environment, output)
            return self
        with open(output, "ab") as file:
            self.process = subprocess.Popen(
                [str(BIN / "hansa"), *command],
                cwd=self.folder,
                env=environment,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def start(self) -> Self:
        """Start it and wait until it is ready; raises `AssertionError` with its log if it ends, or
        is not ready in time.
        """
        self.launch()
        try:
            wait_until(self._started, self.start_limit, self._last_of_log)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal and return its exit status, 0 if it was not running.

        Raises `AssertionError` unless it ends in time, leaves no process, and has status 0 if it
        ran until now.
        """
        if self.process is None:
            return 0
        ended_before = self.process.poll() is not None  # the test has seen to it
        self.process.send_signal(number)
        try:
            wait_until(lambda: self._status() is not None, self.stop_limit, self._last_of_log)
        except BaseException:
            self.kill()
            raise
        status = self._status() or 0
        left = self.processes()
        kill_all(left)
        self.process = None
        assert not left, f"processes were left behind: {left}"
        assert ended_before or status == 0, f"ended with {status}:\n{self._last_of_log()}"
        return status

    def kill(self) -> None:
        """End every process of it at once."""
        kill_all(self.processes())
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor alone."""
        assert self.process is not None
        self.process.send_signal(number)

    # -- looking at it -----------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The process id of its supervisor; raises `AssertionError` before it was started."""
        return self.supervisor.pid

    @property
    def supervisor(self) -> subprocess.Popen[bytes] | ForkedCommand:
        """The process of its supervisor; raises `AssertionError` before it was started."""
        assert self.process is not None, "the server was not started"
        return self.process

    def processes(self) -> list[psutil.Process]:
        """Return every process of this server that is alive, wherever it was moved to."""
        return marked(self.mark, self.dir)

    def workers(self) -> list[psutil.Process]:
        """Return its living workers; none once the supervisor has ended."""
        return [] if self.process is None else workers_of(self.process.pid)

    def output(self) -> str:
        """Return what it has printed since it was first started."""
        file = self.folder / "output.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def log(self) -> str:
        """Return everything that it has written so far: what it printed, and the files of its log
        folder.
        """
        files = sorted(self.dir.glob("log*/*"))
        return "\n".join([self.output(), *(file.read_text(errors="replace") for file in files)])

    def _started(self) -> bool:
        status = self._status()
        assert status is None, f"the server ended with {status}:\n{self._last_of_log()}"
        return self.ready()

    def _status(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def _last_of_log(self) -> str:
        return self.log()[-5000:]
