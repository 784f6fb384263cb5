"""Check one plugin as its users will judge it: walls, documentation, and the conformance suite of each of its types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hansa import NotFound

from .walls import Source, documentation_faults, import_faults


@dataclass(frozen=True)
class Finding:
    """What one check found: nothing, if the plugin passes."""

    check: str
    faults: list[str] = field(default_factory=list)


def locate(target: str) -> Path:
    """The folder of a plugin, given that folder or the name of a plugin installed from one; raises `NotFound`."""
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


def check_plugin(folder: Path) -> list[Finding]:
    """Run all checks over the plugin in a folder; raises `NotFound` if there is none."""
    source = Source.read(folder)
    checks: dict[str, Callable[[Source], list[str]]] = {
        "declaration": declaration_faults,
        "imports": import_faults,
        "documentation": documentation_faults,
        "conformance": conformance_faults,
    }
    return [Finding(name, check(source)) for name, check in checks.items()]


def declaration_faults(source: Source) -> list[str]:
    """What its pyproject.toml lacks to be found and installed."""
    faults = []
    if not str(source.project.get("name", "")).startswith("hansa-"):
        faults.append("the name of the distribution does not begin with hansa-")
    if not source.modules:
        faults.append('no entry point in the group "hansa": nothing will load it')
    if "hansa" not in source.declared:
        faults.append("the dependencies do not list hansa")
    return faults


def conformance_faults(source: Source) -> list[str]:
    """Run its tests, of which one contract class must test each of its types."""
    if not source.modules:
        return ["without an entry point there are no types to test"]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    workers = source.project.get("entry-points", {}).get("hansa", {}).values()
    for module in list(workers)[:1]:
        command += ["--hansa-types", module]
    path = os.pathsep.join(
        filter(None, [str(source.folder / "src"), os.environ.get("PYTHONPATH", "")])
    )
    tests = source.folder / "tests"
    if not tests.is_dir():
        return ["there is no folder tests"]
    ran = subprocess.run(
        [*command, str(tests)],
        cwd=source.folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if ran.returncode == 0:
        return []
    lines = (ran.stdout + ran.stderr).strip().splitlines()
    told = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return told or lines[-15:]
