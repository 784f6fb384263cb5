"""`self.commands`: programs that services run, where the configuration allows it."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from hansa import Forbidden, ResultTooLarge, Unavailable, current_cid, new_cid, spawn

from ..pubsub import PubSub
from ..section import ZatoSection
from . import lookup
from .lookup import ServiceLike
from .running import Running
from .threads import in_thread

if TYPE_CHECKING:
    from hansa import Server

TIMEOUT: Final = 600.0
"""Seconds that a program has by default."""
AT_ONCE: Final = 16
"""Programs that a worker runs at the same time."""
UNKNOWN: Final = -1
"""The exit code of a program that has none: it runs still, or took too long."""
_places: Final = threading.BoundedSemaphore(AT_ONCE)


@dataclasses.dataclass
class CommandResult:
    """What became of a program: its output as text, its exit code, and its times, UTC.

    `is_ok` is so for an exit code of 0; `exit_code` is -1 as long as there is none.
    """

    cid: str
    command: str
    timeout: float
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    is_async: bool = False
    is_ok: bool = False
    exit_code: int = UNKNOWN
    is_timeout: bool = False
    timeout_msg: str = ""
    len_stdout_bytes: int = 0
    len_stderr_bytes: int = 0
    start_time: datetime | None = None
    start_time_iso: str = ""
    end_time: datetime | None = None
    end_time_iso: str = ""
    total_time: str = ""
    total_time_sec: float = -1.0
    encoding: str = "utf8"
    replace_char: str = "\ufffd"

    def to_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        found = dataclasses.asdict(self)
        del found["start_time"], found["end_time"]
        return found


Callback: TypeAlias = ServiceLike | Callable[[CommandResult], object]
"""Who learns of a result: a service, by name or class, a function, or a topic by its name."""


class Commands:
    """`invoke` waits for a program, `invoke_async` does not.

    `[zato] commands` says whether, and whether by a shell.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def invoke(
        self,
        command: str,
        *,
        cid: str | None = None,
        timeout: float = TIMEOUT,
        stdin: str = "",
        callback: Callback | None = None,
        encoding: str = "utf8",
        replace_char: str = "\ufffd",
        use_pubsub: bool = False,
    ) -> CommandResult:
        """Run a program, and return what became of it.

        It runs in the server's folder, without Hansa's environment variables. After `timeout`
        seconds it is ended with all that it has started. `callback` learns of the result; with
        `use_pubsub` it is a topic. Raises `Forbidden` where the configuration does not allow it,
        `Unavailable` if 16 run already, FileNotFoundError for a program that is not there, and
        `ResultTooLarge` for more output than `[zato] commands_output`.
        """
        result = self._result(command, cid, timeout, stdin, encoding, replace_char)
        with _place():
            self._run(result)
        self._tell(result, callback, use_pubsub)
        return result

    def invoke_async(
        self,
        command: str,
        *,
        cid: str | None = None,
        timeout: float = TIMEOUT,
        stdin: str = "",
        callback: Callback | None = None,
        encoding: str = "utf8",
        replace_char: str = "\ufffd",
        use_pubsub: bool = False,
    ) -> CommandResult:
        """Begin to run a program, and return at once: the result says nothing yet but its `cid`.

        What keeps it from being run is logged.
        """
        result = self._result(command, cid, timeout, stdin, encoding, replace_char)
        result.is_async = True
        begun = dataclasses.replace(result)

        def run() -> None:
            with _place():
                self._run(result)
            self._tell(result, callback, use_pubsub)

        in_thread(run)
        return begun

    def _result(
        self,
        command: str,
        cid: str | None,
        timeout: float,
        stdin: str,
        encoding: str,
        replace_char: str,
    ) -> CommandResult:
        if self._section.commands == "off":
            raise Forbidden("services run no programs here: `commands` of `[zato]` is off")
        return CommandResult(
            cid or current_cid.get() or new_cid(),
            command,
            timeout,
            stdin,
            encoding=encoding,
            replace_char=replace_char,
        )

    @property
    def _section(self) -> ZatoSection:
        return self._server.section(ZatoSection)

    def _run(self, result: CommandResult) -> None:
        words = shlex.split(result.command)
        if self._section.commands == "shell":
            words = ["/bin/sh", "-c", result.command]
        started = time.monotonic()
        result.start_time = datetime.now(UTC)
        process = spawn(
            words,
            death_signal=signal.SIGKILL,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._server.dir,
            env=_environment(),
        )
        running = Running(process, self._section.commands_output)
        try:
            running.wait(result.stdin.encode(result.encoding), result.timeout)
        except subprocess.TimeoutExpired:
            result.is_timeout = True
            result.timeout_msg = f"not done within {result.timeout:g} s"
        finally:
            running.end()
        if running.is_too_large:
            limit = self._section.commands_output
            raise ResultTooLarge(f"a program wrote more than {limit:,} bytes, and was ended")
        result.end_time = datetime.now(UTC)
        result.start_time_iso = result.start_time.isoformat()
        result.end_time_iso = result.end_time.isoformat()
        result.total_time_sec = round(time.monotonic() - started, 3)
        result.total_time = f"{result.total_time_sec} s"
        result.len_stdout_bytes = len(running.stdout)
        result.len_stderr_bytes = len(running.stderr)
        result.stdout = _text(running.stdout, result)
        result.stderr = _text(running.stderr, result)
        if not result.is_timeout:
            result.exit_code = process.returncode
            result.is_ok = result.exit_code == 0

    def _tell(self, result: CommandResult, callback: Callback | None, use_pubsub: bool) -> None:
        if callback is None:
            return
        if use_pubsub:
            PubSub(self._server, result.cid).publish(callback, result.to_dict())
        elif isinstance(callback, str | type) or hasattr(callback, "get_name"):
            service = lookup.resolve(self._server, result.cid, cast(ServiceLike, callback))
            self._server.invoke_async(service, result.to_dict(), cid=result.cid)
        else:
            callback(result)


@contextmanager
def _place() -> Iterator[None]:
    """Take one of the places for programs; raises `Unavailable`."""
    if not _places.acquire(blocking=False):
        raise Unavailable(f"{AT_ONCE} programs run in this worker already")
    try:
        yield
    finally:
        _places.release()


def _environment() -> dict[str, str]:
    """Return the environment variables of programs: this process's, without those of Hansa."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HANSA_")}


def _text(raw: bytes, result: CommandResult) -> str:
    return raw.decode(result.encoding, "replace").replace("\ufffd", result.replace_char)
