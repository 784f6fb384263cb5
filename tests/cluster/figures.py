"""The figures of a run: printed at its end; those of full runs are kept in figures.jsonl and told
in docs/reliability.md.

`python -m tests.cluster.figures` writes the table of that page anew, as `make chaos` does at its
end.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.cluster.accounting import bound

KEPT = Path(__file__).parent / "figures.jsonl"
PAGE = Path(__file__).resolve().parent.parent.parent / "docs/reliability.md"
MARKS = ("<!-- figures: written by make chaos -->", "<!-- end of figures -->")
ABOUT = ("proof", "date", "seed")
SUMMED = frozenset(
    [
        "kills",
        "stops",
        "faults",
        "changes",
        "versions",
        "keys",
        "requests",
        "acknowledged",
        "accepted",
        "failed",
        "lost",
        "unexpected",
        "duplicated",
        "run_twice",
        "effect_twice",
        "committed_twice",
        "twice",
    ]
)
Line = dict[str, Any]

_noted: list[Line] = []


def note(proof: str, seed: int, **values: Any) -> None:
    """Keep what one proof found; also in the file that HANSA_FIGURES names, if it names one."""
    line = {"proof": proof, "date": time.strftime("%Y-%m-%d"), "seed": seed, **values}
    _noted.append(line)
    if file := os.environ.get("HANSA_FIGURES"):
        with open(file, "a") as out:
            out.write(json.dumps(line) + "\n")


def words(line: Line) -> str:
    """The figures of a line in words."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value:,}" for name, value in line.items() if name not in ABOUT
    )


def told() -> list[str]:
    """What this run found, a line for each proof."""
    return [f"{line['proof']}: {words(line)}" for line in _noted]


def rows(lines: list[Line]) -> list[str]:
    """The table: for each proof its last run, and of all runs the sums, and from which to which
    value what has no sum.
    """
    table = ["| proof | last run | date | seed | runs | in all runs |", "|---|---|---|---|---|---|"]
    for proof in sorted({line["proof"] for line in lines}, key=_order):
        runs = [line for line in lines if line["proof"] == proof]
        last = runs[-1]
        sums: Counter[str] = Counter()
        for line in runs:
            sums.update({name: value for name, value in line.items() if name in SUMMED})
        of_all = ", ".join(filter(None, [words(dict(sums)), *spans(runs)]))
        table.append(
            f"| {proof} | {words(last)} | {last['date']} | {last['seed']} | {len(runs)} | {of_all} |"
        )
    return table


def spans(runs: list[Line]) -> list[str]:
    """The least and the greatest of what differs from run to run and cannot be added, so that a
    worse run is not hidden.
    """
    found = []
    for name in dict.fromkeys(
        name for line in runs for name in line if name not in SUMMED and name not in ABOUT
    ):
        values = [line[name] for line in runs if name in line]
        if min(values) != max(values):
            found.append(f"{name.replace('_', ' ')} {min(values):,} to {max(values):,}")
    return found


def _order(proof: str) -> tuple[int, str]:
    number = re.search(r"\d+", proof)
    return int(number[0]) if number else 0, proof


def summary(lines: list[Line]) -> str:
    """What the runs of each proof say of the risk of a loss; kills of different ways of delivery
    are not added up.
    """
    told = []
    for proof in sorted(
        {line["proof"] for line in lines if "kills" in line and "lost" in line}, key=_order
    ):
        judged = [line for line in lines if line["proof"] == proof]
        kills, lost = sum(line["kills"] for line in judged), sum(line["lost"] for line in judged)
        messages = sum(line.get("acknowledged", 0) for line in judged)
        text = (
            f"{proof}, in all full runs: **{kills:,} kills, {messages:,} messages "
            f"acknowledged, {lost:,} lost.** "
        )
        if lost:
            told.append(
                text
                + "A loss is a fault of Hansa; the rule of three does not apply until it is mended."
            )
        else:
            told.append(
                text + f"By the rule of three, {kills:,} kills without a loss say, at 95 % "
                "confidence, that a kill loses "
                f"something in less than {bound(kills):.1%} of cases, and no more "
                "than that: 50 kills bound it at 6 %, 300 at 1 %."
            )
    return "\n\n".join(told)


def page(text: str, lines: list[Line]) -> str:
    """The page with the table of these lines between its marks; raises ValueError if it lacks them."""
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        raise ValueError(f"{PAGE} lacks {MARKS[0] if not begin else MARKS[1]}")
    return "\n".join([before + begin, "", summary(lines), "", *rows(lines), "", end + after])


def main() -> None:
    """Write the table of docs/reliability.md from the figures that are kept."""
    lines = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    PAGE.write_text(page(PAGE.read_text(), lines))


if __name__ == "__main__":
    main()
