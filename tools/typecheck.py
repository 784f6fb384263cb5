"""Check the types of the whole workspace by mypy, as pyproject.toml configures it; arguments go to mypy.

    python -m tools.typecheck              everything
    python -m tools.typecheck tools        some files or folders, and what they import

mypy has to know the `src` folder of each package, and its configuration cannot name them by a pattern.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools.project import TOP, core, plugins


def main(arguments: list[str]) -> int:
    """Run mypy; returns its status."""
    places = [str(package.folder / "src") for package in [core(), *plugins()]]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(places)}
    command = [sys.executable, "-m", "mypy", *arguments]
    return subprocess.run(command, cwd=TOP, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
