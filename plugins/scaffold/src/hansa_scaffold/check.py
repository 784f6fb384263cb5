"""Checks of one plugin, as its users will judge it: declaration, imports, documentation, the
conformance suite, and the quality level that it reaches.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hansa import Invalid, NotFound, check_plugins

from .levels import level_of
from .source import GROUPS, Source, documentation_faults, import_faults, normalized

GENERAL = ""
"""The name that faults have which are none of a plugin."""
TAIL = 15
"""Lines of output that are shown of a test run that names no failed test."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; without faults the plugin has passed it. `note` says more of it."""

    check: str
    faults: list[str] = field(default_factory=list)
    note: str = ""


def locate(target: str) -> Path:
    """Return the folder of a plugin, given that folder or the name of a plugin in editable form;
    raises `NotFound`.
    """
    folder = Path(target)
    if (folder / "pyproject.toml").is_file():
        return folder.resolve()
    name = target if target.startswith("hansa-") else f"hansa-{target}"
    try:
        origin = distribution(name).read_text("direct_url.json")
    except (PackageNotFoundError, ValueError):
        raise NotFound(
            f"{target} is neither a folder with a pyproject.toml nor an installed plugin"
        ) from None
    address = json.loads(origin or "{}")
    if not address.get("dir_info", {}).get("editable"):
        raise NotFound(f"{name} is installed without its tests: give the folder of its source")
    return Path(unquote(urlsplit(address["url"]).path))


def check_installed(name: str = "") -> list[Finding]:
    """Load the plugins that are installed here as a server would: a finding for the one of this
    name, or for each, and one for what keeps all from being loaded; raises `NotFound`.
    """
    names = {entry.name for entry in _entries()}
    if name and name not in names:
        raise NotFound(f"no plugin {name!r} is installed (there are: {', '.join(sorted(names))})")
    faults = _installed_faults()
    wanted = [name] if name else sorted(names)
    findings = [Finding(f"loading of {one}", faults.get(one, [])) for one in wanted]
    if GENERAL in faults:
        findings.append(Finding("loading", faults[GENERAL]))
    return findings


def _entries() -> list[EntryPoint]:
    """Return the entry points of the plugins that are installed here."""
    return [entry for group in GROUPS for entry in entry_points(group=group)]


def _installed_faults() -> dict[str, list[str]]:
    """Return what is wrong with plugins that are installed here, by name; `GENERAL` has what
    concerns none of them, such as a process that ended before it loaded the first.
    """
    try:
        check_plugins(None)
    except Invalid as invalid:
        found: dict[str, list[str]] = {}
        for label, fault in invalid.errors.items():
            # the label of a plugin: plugin NAME (DISTRIBUTION VERSION)
            name = label.removeprefix("plugin ").partition(" (")[0]
            found.setdefault(name, []).append(f"{label}: {fault}" if label else fault)
        return found
    return {}


def check_plugin(folder: Path) -> list[Finding]:
    """Run all checks on the plugin in a folder; raises `NotFound` if there is none."""
    source = Source.read(folder)
    checks: dict[str, Callable[[Source], list[str]]] = {
        "declaration": declaration_faults,
        "imports": import_faults,
        "documentation": documentation_faults,
        "loading": loading_faults,
        "conformance": conformance_faults,
    }
    findings = [Finding(name, check(source)) for name, check in checks.items()]
    passed = not any(finding.faults for finding in findings)
    level = level_of(source, passed=passed)
    return [*findings, Finding("level", level.faults, str(level))]


def declaration_faults(source: Source) -> list[str]:
    """Return what its pyproject.toml lacks to be found and installed."""
    faults = []
    if not str(source.project.get("name", "")).startswith("hansa-"):
        faults.append("the name of the distribution does not begin with hansa-")
    if not source.modules:
        faults.append('no entry point in the group "hansa": nothing will load it')
    if "hansa" not in source.declared:
        faults.append("the dependencies do not list hansa")
    return faults


def loading_faults(source: Source) -> list[str]:
    """Return what is wrong when its plugins are loaded as a server would, with everything else that
    is installed; nothing if it is not installed here.
    """
    own = normalized(source.project.get("name", ""))
    installed = {
        entry.name
        for entry in _entries()
        if entry.dist is not None and normalized(entry.dist.name) == own
    }
    if not installed:
        return []
    faults = _installed_faults()
    return [fault for name in (*sorted(installed), GENERAL) for fault in faults.get(name, [])]


def conformance_faults(source: Source) -> list[str]:
    """Run its tests but proofs under kills and outages (the mark `proof`), which take minutes; a
    contract class must test each of its types. Returns the tests that failed.
    """
    if not source.modules:
        return ["without an entry point there are no types to test"]
    tests = source.folder / "tests"
    if not tests.is_dir():
        return ["there is no folder tests"]
    for needed in ("pytest", "hansa_devkit"):
        if importlib.util.find_spec(needed) is None:
            return [f"{needed} is not installed here: pip install hansa-devkit"]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    command += ["-m", "not proof"]
    for module in source.entry_points("hansa")[:1]:
        command += ["--hansa-types", module]
    ran = subprocess.run(
        [*command, str(tests)],
        cwd=source.folder,
        env=_environment(source.folder / "src"),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode == 0:
        return []
    lines = (ran.stdout + ran.stderr).strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return failed or lines[-TAIL:]


def _environment(source: Path) -> dict[str, str]:
    """Return this process's environment, with a folder at the head of the Python path."""
    path = str(source)
    if os.environ.get("PYTHONPATH"):
        path += os.pathsep + os.environ["PYTHONPATH"]
    return {**os.environ, "PYTHONPATH": path}
