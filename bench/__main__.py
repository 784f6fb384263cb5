"""Run the benchmarks: `python -m bench [PART...]`, by default all of them; `servers` and `connectors` stand
for all parts of a table; `--pairs 3` for a quick trial.

Prints each figure as it is found, and writes a table into its page of docs/ when all of its parts ran,
at their full number of pairs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tools.project import TOP

from . import measure
from .measure import Figure, exit_status, table
from .parts import LIBRARIES, PARTS, TABLES

PAGE = TOP / "docs/performance.md"
PAGES = {"scale": TOP / "docs/scale.md"}
"""The pages of tables that stand elsewhere."""
BUSY = 1.0
"""Processes that run or wait besides, on average, from which on a machine counts as busy."""


def page_of(name: str) -> Path:
    """The page that a table stands in."""
    return PAGES.get(name, PAGE)


def write_table(name: str, text: str) -> None:
    """Put a table into its page, between the marks of its name."""
    page = page_of(name)
    first, last = f"<!-- figures of {name}: written by make bench -->", f"<!-- end of {name} -->"
    before, _, rest = page.read_text().partition(first)
    _, _, after = rest.partition(last)
    page.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}")


def machine() -> str:
    """What the figures are measured on, and whether it has other work to do, as of now."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = model[1] if model else platform.machine()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = os.getloadavg()[1]
    busy = f"; the machine was busy, its load was {load:.0f} before" if load > BUSY else ""
    return f"{os.cpu_count()} × {processor}, {python}{busy}"


def versions(name: str) -> str:
    """The versions of what a table compares with."""
    return ", ".join(f"{library} {version(library)}" for library in LIBRARIES[name])


def parts_of(words: list[str]) -> list[str]:
    """The names of the parts that are asked for, all if none is."""
    found = [part for word in words for part in TABLES.get(word, [word])]
    return list(dict.fromkeys(found)) or list(PARTS)


def run(part: str, folder: Path) -> list[Figure]:
    """Measure a part, and tell each figure."""
    began = time.monotonic()
    print(f"== {part}: {(PARTS[part].__doc__ or '').partition(chr(10))[0]}", flush=True)
    figures = []
    for figure in PARTS[part](folder / part):
        figures.append(figure)
        print("   " + "  ".join(cell for cell in figure.row() if cell), flush=True)
    print(f"   in {time.monotonic() - began:.0f} s", flush=True)
    return figures


def main() -> int:
    """Measure and tell; ends with 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    names = list(dict.fromkeys([*PARTS, *TABLES]))
    parser.add_argument("parts", nargs="*", choices=[*names, []], help="what to measure")
    parser.add_argument(
        "--pairs", type=int, help="at most so many pairs of each figure, for a trial"
    )
    arguments = parser.parse_args()
    measure.AT_MOST = arguments.pairs or measure.AT_MOST
    about = machine()
    figures: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in parts_of(arguments.parts):
            figures[part] = run(part, Path(folder))
    for name, parts in TABLES.items():
        if set(parts) <= set(figures) and not arguments.pairs:
            rows = table([figure for part in parts for figure in figures[part]])
            told = f"Measured on {about}; {versions(name)}."
            more = "Figures without a bound are for comparison."
            write_table(name, f"{told} {more}\n\n{rows}")
            print(f"the table of {name} is written to {page_of(name).relative_to(TOP)}")
    return exit_status(figure for found in figures.values() for figure in found)


if __name__ == "__main__":
    sys.exit(main())
