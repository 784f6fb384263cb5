"""The figures of the source: sizes, `Any`, complexity, documentation, tests, and whether their bounds hold.

    python -m tools.figures           a table of all folders, then the bounds
    python -m tools.figures --where   with every place that breaks a bound
    python -m tools.figures --json    all of it as one JSON object

Ends with 1 when a bound does not hold. A test in tests/walls holds the same bounds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from tools.measures import AIMLESS, COMPLEX, UNDOCUMENTED, WIDE, WIDEST, Figures, Finding, figures
from tools.rules import RULES

TOTALS = ("core", "plugins")
PACKAGES = ("core", "plugin")
SOURCES = (*PACKAGES, "tools", "bench", "examples")
EVERYTHING = (*SOURCES, "tests")


@dataclass(frozen=True)
class Bound:
    """The most that a figure of a folder may be, for folders of some kinds."""

    name: str
    kinds: tuple[str, ...]
    most: float
    value: Callable[[Figures], float]


@dataclass(frozen=True)
class Verdict:
    """A bound, judged for one folder, with the places that count against it."""

    bound: Bound
    folder: str
    value: float
    places: list[Finding]

    @property
    def holds(self) -> bool:
        """Whether the value is within the bound."""
        return self.value <= self.bound.most


def none_of(rule: str, kinds: tuple[str, ...]) -> Bound:
    """That no place breaks a rule."""
    return Bound(rule, kinds, 0, lambda each: len(each.breaking(rule)))


BOUNDS = [
    # of plugins together: the names of some libraries are long
    Bound("mean length of a line of code", TOTALS, 36, lambda each: round(each.mean_line, 1)),
    Bound("Any per 100 lines of code", ("core",), 2, lambda each: round(each.any_per_100, 2)),
    Bound("Any per 100 lines of code", ("plugin",), 4, lambda each: round(each.any_per_100, 2)),
    Bound("lines of code of a file", SOURCES, 400, lambda each: each.largest),
    none_of(WIDE, SOURCES),
    none_of(COMPLEX, SOURCES),
    none_of(UNDOCUMENTED, SOURCES),
    none_of(AIMLESS, EVERYTHING),
    *(none_of(rule, EVERYTHING) for rule in RULES),
]


def verdicts(bound: Bound, found: Iterable[Figures]) -> list[Verdict]:
    """A bound, judged for every folder that it is for."""
    return [
        Verdict(bound, each.name, bound.value(each), each.breaking(bound.name))
        for each in found
        if each.kind in bound.kinds
    ]


COLUMNS: dict[str, Callable[[Figures], str]] = {
    "": lambda each: each.name,
    "files": lambda each: str(each.files),
    "lines": lambda each: f"{each.lines:,}",
    "mean": lambda each: f"{each.mean_line:.1f}",
    "Any/100": lambda each: f"{each.any_per_100:.2f}",
    "largest": lambda each: str(each.largest),
    f">{WIDEST}": lambda each: str(len(each.breaking(WIDE))),
    "complex": lambda each: str(len(each.breaking(COMPLEX))),
    "undocumented": lambda each: str(len(each.breaking(UNDOCUMENTED))),
    "test lines": lambda each: f"{each.test_lines:,}",
    "per line": lambda each: f"{each.test_lines_per_line:.2f}" if each.lines else "",
}


def table(found: Iterable[Figures]) -> list[str]:
    """The figures of all folders, in columns."""
    rows = [list(COLUMNS), *([show(each) for show in COLUMNS.values()] for each in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *right]))
    return lines


def judged(found: list[Figures], where: bool = False) -> list[str]:
    """A line for each bound, and one for each folder that breaks it; `where` adds the places."""
    lines = []
    for bound in BOUNDS:
        broken = [verdict for verdict in verdicts(bound, found) if not verdict.holds]
        answer = "does not hold" if broken else "holds"
        lines.append(f"{bound.name} in {', '.join(bound.kinds)}, at most {bound.most:g}: {answer}")
        for verdict in broken:
            lines.append(f"  {verdict.folder}: {verdict.value:g}")
            if where:
                lines += [f"    {place.file}: {place.what}" for place in verdict.places]
    return lines


def as_json(found: list[Figures]) -> str:
    """Everything, for programs."""
    bounds = [
        {
            "name": bound.name,
            "folder": verdict.folder,
            "most": bound.most,
            "value": verdict.value,
            "holds": verdict.holds,
        }
        for bound in BOUNDS
        for verdict in verdicts(bound, found)
    ]
    return json.dumps({"figures": [asdict(each) for each in found], "bounds": bounds}, indent=2)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.figures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--where", action="store_true", help="print each place that breaks a bound")
    arguments = parser.parse_args()
    found = figures()
    if arguments.json:
        print(as_json(found))
    else:
        print("\n".join([*table(found), "", *judged(found, arguments.where)]))
    holds = all(verdict.holds for bound in BOUNDS for verdict in verdicts(bound, found))
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
