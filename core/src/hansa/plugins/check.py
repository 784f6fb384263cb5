"""A trial load of all plugins, in a child process: could a worker start with what is installed?

    python -m hansa.plugins.check TRIAL

TRIAL is a `Trial` as JSON. The child prints the name of each plugin before it loads it, and in the
end its faults as JSON.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..foundation.errors import Invalid
from ..foundation.processes import how_ended
from .configuration import LISTEN_VARIABLE, read_config
from .discovery import Plugins, load_plugins
from .installed import Plugin, discover
from .registry import Registry
from .requirements import unmet

TRIAL_LIMIT = 120
"""Seconds that a trial load of all plugins may take."""
HANG_LIMIT = 30
"""Seconds that a trial may take for one plugin."""
TRYING = "loading: "
SHOWN = 500
"""Characters that are shown of what a trial printed before it ended."""
_HANG = "Timeout ("
"""How faulthandler begins to print the stack of what hangs, the innermost frame first."""


@dataclass(frozen=True)
class Trial:
    """What is tried: the configuration file, its folder (empty: the one that it names), the plugins
    that are blocked, and those that must load; with None, all must.

    Without a configuration all plugins are tried that are not blocked, and nothing else.
    """

    config: str
    directory: str
    blocked: list[str]
    needed: list[str] | None


def check_plugins(
    config: Path | None,
    directory: Path | None = None,
    blocked: Iterable[str] = (),
    needed: Iterable[str] | None = None,
) -> None:
    """Try in a child process whether a worker could load all plugins and read the configuration;
    raises `Invalid`.

    A plugin that cannot be loaded counts if it is among those `needed`; by default all are. Without
    a configuration, everything that is installed is loaded, and what it requires of other
    distributions counts, too.
    """
    if config is None:
        faults = _installed_faults()
        if faults:
            raise Invalid(faults)
        return
    left_out = set(blocked)
    wanted = None if needed is None else set(needed)
    while True:
        end = run_trial(
            Trial(
                str(config),
                str(directory or ""),
                sorted(left_out),
                None if wanted is None else sorted(wanted),
            )
        )
        innocent = wanted is not None and end.loading not in {"", *wanted, *left_out}
        if not (end.faults and innocent):
            break
        left_out.add(end.loading)
    if end.faults:
        raise Invalid(end.faults)


def _installed_faults() -> dict[str, str]:
    """Return what is wrong with the plugins that are installed here, by plugin."""
    found = discover()
    faults = _loading_faults()
    for name, plugin in found.items():
        missing = unmet(plugin.requirements, all=True)
        told = [faults[name]] if name in faults else []
        told += [one for one in missing if one not in faults.get(name, "")]
        if told:
            faults[name] = "; ".join(told)
    return {found[name].label if name in found else name: why for name, why in faults.items()}


def _loading_faults() -> dict[str, str]:
    """Return why plugins that are installed here cannot be loaded, by name; what ends its process
    is left out of the next trial.
    """
    fatal: dict[str, str] = {}
    while True:
        end = run_trial(Trial("", "", sorted(fatal), None))
        if not end.loading:
            return {**end.faults, **fatal}
        fatal[end.loading] = "; ".join(end.faults.values())


@dataclass(frozen=True)
class TrialEnd:
    """How a trial ended: its faults, and the plugin that it was loading if it did not reach its
    end.
    """

    faults: dict[str, str]
    loading: str = ""


def run_trial(trial: Trial) -> TrialEnd:
    """Run a trial in a child process."""
    command = [sys.executable, "-P", "-m", "hansa.plugins.check", json.dumps(asdict(trial))]
    try:
        child = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRIAL_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as late:
        return _cut_short(late.stdout or b"", f"it was not loaded after {TRIAL_LIMIT} s")
    with contextlib.suppress(ValueError, IndexError):
        faults = json.loads(child.stdout.strip().splitlines()[-1])
        if isinstance(faults, dict):
            return TrialEnd(faults)
    said = _last_words(child.stderr.decode(errors="replace"))
    why = f"the process that loaded it {how_ended(child.returncode)}"
    return _cut_short(child.stdout, f"{why}: {said}" if said else why)


def _last_words(printed: str) -> str:
    """Return the end of what a trial printed, or where it hung."""
    _, hung, stack = printed.rpartition(_HANG)
    return f"{hung}{stack}"[:SHOWN].strip() if hung else printed[-SHOWN:].strip()


def _cut_short(printed: bytes, why: str) -> TrialEnd:
    """Return the end of a trial that ended in the plugin whose name it printed last."""
    for line in reversed(printed.decode(errors="replace").splitlines()):
        if line.startswith(TRYING):
            name = line.removeprefix(TRYING)
            return TrialEnd({f"plugin {name}": why}, name)
    return TrialEnd({"": why})


def main(text: str) -> int:
    """Load all plugins and read a configuration as a worker would; prints the faults as JSON.

    Returns the exit status: 1 if there are any.
    """
    faults: dict[str, str] = {}
    trial = Trial(**json.loads(text))

    def announce(plugin: Plugin) -> None:
        print(f"{TRYING}{plugin.name}", flush=True)
        faulthandler.dump_traceback_later(HANG_LIMIT, exit=True)

    try:
        if trial.config:
            _stand_in_for_addresses(Path(trial.config))
            config = read_config(trial.config, directory=trial.directory or None)
            load_plugins(config, trial.blocked, needed=trial.needed, trying=announce)
        else:
            plugins = Plugins(Registry())
            plugins.load(blocked=trial.blocked, trying=announce)
            faults = {plugin.name: plugin.why for plugin in plugins.broken}
    except Invalid as invalid:
        faults = invalid.errors
    print(json.dumps(faults))
    return 1 if faults else 0


def _stand_in_for_addresses(config: Path) -> None:
    """Set the variables with addresses that a server will set, where the configuration names them."""
    with contextlib.suppress(OSError, ValueError):
        for name in re.findall(LISTEN_VARIABLE + r"\w+", config.read_text()):
            scheme = name.removeprefix(LISTEN_VARIABLE).lower()
            os.environ.setdefault(name, f"{scheme}://127.0.0.1:1")


if __name__ == "__main__":
    # PERF: what is imported is no garbage; looking for some took a tenth of the time
    gc.disable()
    sys.exit(main(*sys.argv[1:]))
