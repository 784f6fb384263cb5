"""The `hansa` command, run in the process of the tests: starting one of its own takes ten times as
long, and adds nothing where its answer matters and not how it starts.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

from click.testing import CliRunner
from hansa.cli import commands
from hansa_cli import definitions
from hansa_devkit.harness.api_server import RunningServer


def hansa(
    server: RunningServer, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command against a server, in its folder, as `RunningServer.cli` does; raises
    `AssertionError` if it fails, unless `check` is off.
    """
    variables: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("HANSA_")
    }
    variables |= {
        "HANSA_SERVER": server.url,
        "HANSA_ADMIN_PASSWORD": server.password,
        "NO_COLOR": "1",
    }
    definitions._known.clear()  # each process asks a server what it has
    runner = CliRunner(env=variables)
    with contextlib.chdir(server.folder):
        result = runner.invoke(commands, arguments, prog_name="hansa")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    ended = f"hansa {' '.join(arguments)}: {result.exit_code}\n{result.output}"
    assert result.exit_code == 0 or not check, ended
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
