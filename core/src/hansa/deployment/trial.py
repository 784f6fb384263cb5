"""The trial import of sources, in a child process where they can do no harm to this one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import IO

import msgspec

from ..foundation.errors import Invalid, MissingModule
from ..plugins.sections import ServerSection
from .report import TrialReport
from .sources import MAX_SOURCE

NAMES_SHOWN = 200
"""Characters of the names of what is tried, in messages."""


def trial(
    sources: Mapping[str, str],
    changed: Iterable[str],
    timeout: float = ServerSection.trial_timeout,
    modules: Iterable[str] = (),
    memory: int = ServerSection.trial_memory,
    dialects: Iterable[str] = (),
) -> dict[str, dict[str, str]]:
    """Import those of the packages that changed, and all that import them, in a child process.

    Returns their services by package, {class name: service name}. `modules` are imported before
    them; `dialects` are those that `hansa_dialects` names. The child has its own process group,
    killed after `timeout` seconds, at most `memory` MiB, and none of Hansa's environment variables.
    Success is its report in a private file, never an exit status. It is no sandbox: whoever may
    deploy code owns the server. Raises `Invalid` with the faults under `source`; `MissingModule` if
    one is an import of what is not there.
    """
    tried = sorted(changed)
    names = ", ".join(tried)[:NAMES_SHOWN]
    # a file and no pipe, which children that broke away could keep open
    with tempfile.TemporaryFile() as file:
        job = {
            "sources": dict(sources),
            "changed": tried,
            "modules": list(modules),
            "dialects": list(dialects),
            "report": file.fileno(),
            "memory": memory,
        }
        try:
            status = _run_child(json.dumps(job).encode(), file.fileno(), timeout)
        except subprocess.TimeoutExpired:
            late = f"{names}: the import took longer than {timeout:g} s"
            raise Invalid({"source": late}) from None
        report = _read_report(file)
    if report is None:
        ended = f"{names}: the import ended its process (exit status {status})"
        raise Invalid({"source": ended})
    if report.errors:
        kind = MissingModule if report.missing_module else Invalid
        raise kind({"source": "; ".join(report.errors)})
    return report.services


def _run_child(job: bytes, report: int, timeout: float) -> int:
    """Run the child, with everything it starts, and return its exit status."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HANSA_")}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "hansa.deployment.trial_child"],
        env=environment,
        pass_fds=(report,),
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        child.communicate(job, timeout=timeout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return child.returncode


def _read_report(file: IO[bytes]) -> TrialReport | None:
    """Return what the child reported; None for nothing, or nothing of its own making."""
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(MAX_SOURCE), type=TrialReport)
    except msgspec.MsgspecError:
        return None
