"""Pin what the workspace's pyproject.toml files ask for: requirements.lock (to run) and
requirements-dev.lock (the rest).

Names, versions and hashes only: no address of any package index. Run by `make lock`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^(?=[A-Za-z0-9])", re.M)


def declared(group: str) -> list[str]:
    """The requirements of a dependency group of the workspace."""
    table = tomllib.loads((TOP / "pyproject.toml").read_text())
    return list(table["dependency-groups"][group])


def of_packages(*, development: bool) -> list[str]:
    """What packages of the workspace, with all their extras, require from outside it: those of a
    server, or those that are there for tests (`[tool.hansa] development = true`, and extras whose
    libraries have to be compiled, `[tool.hansa] compiled = ["NAME"]`).
    """
    found: list[str] = []
    for file in [TOP / "core/pyproject.toml", *sorted(TOP.glob("plugins/*/pyproject.toml"))]:
        declared = tomllib.loads(file.read_text())
        own = declared.get("tool", {}).get("hansa", {})
        tests = own.get("development", False)
        project = declared["project"]
        parts = [(tests, project.get("dependencies", []))]
        for extra, requirements in project.get("optional-dependencies", {}).items():
            parts.append((tests or extra in own.get("compiled", []), requirements))
        for of_tests, requirements in parts:
            if of_tests == development:
                found += [text for text in requirements if not re.match(r"hansa\b", text)]
    return found


def pins(requirements: list[str], *options: str) -> list[str]:
    """The pinned set, one text with version, marker and hashes for each package."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "-",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
    ]
    command += ["--no-header", "--no-annotate", "--quiet", *options]
    text = subprocess.run(
        command,
        input="\n".join(requirements),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        cwd=TOP,
    ).stdout
    return [pin.rstrip() for pin in PIN.split(text) if pin.strip()]


def main() -> None:
    """Write both files."""
    run, dev = TOP / "requirements.lock", TOP / "requirements-dev.lock"
    needed = of_packages(development=False) + declared("install") + declared("examples")
    to_run = pins(needed, "--upgrade")
    run.write_text("# What a server needs; written by `make lock`.\n" + "\n".join(to_run) + "\n")
    tested = of_packages(development=True) + declared("dev")
    both = pins(needed + tested, "--upgrade", "--constraint", str(run))
    names = {pin.split("==")[0] for pin in to_run}
    more = [pin for pin in both if pin.split("==")[0] not in names]
    dev.write_text(
        "# What tests, benchmarks and docs need besides; written by `make lock`.\n"
        + "\n".join(more)
        + "\n"
    )
    print(f"{run.name}: {len(to_run)} packages, {dev.name}: {len(more)} more")


if __name__ == "__main__":
    main()
