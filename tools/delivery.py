"""Write docs/delivery.md: what is guaranteed for each way a message takes, and which test proves it.

A channel type says its guarantee itself (`delivery` of its class). A test says what it proves by a
mark, which is read without running anything: `@pytest.mark.proves("channel http", "guarantee")`, or
with a claim for the cells that no class tells, `@pytest.mark.proves("channel http", "loss window",
"what a killed worker had in hand")`. Run by `make docs`; a test fails when the page is stale, or
when a channel type has no proof for its guarantee.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hansa.plugins.discovery import Plugins
from hansa.plugins.installed import EARLY, FULL
from hansa.plugins.registry import Registry

from tools.project import TOP, plugins

PAGE = TOP / "docs" / "delivery.md"
MARK = "pytest.mark.proves"
CELLS = ("guarantee", "durability", "loss window", "duplicates")
# what follows from the guarantee, where no test says more
FOLLOWS = {
    "at_most_once": {
        "guarantee": "at most once",
        "durability": "nothing is stored",
        "loss window": "what is in hand when its process dies",
        "duplicates": "none",
    },
    "at_least_once": {
        "guarantee": "at least once",
        "durability": "what the other side keeps until it is told",
        "loss window": "none: it is told after the service has ended",
        "duplicates": "what is in hand when its process dies, or is not told in time",
    },
}
HEAD = """<!-- written by `make docs` from the code and the tests; do not edit -->

# Delivery

What is guaranteed for each way that a message takes into, through and out of a cluster, and the test that
proves it. *At least once*: what was accepted is carried out, and after a failure possibly again. *At most
once*: nothing is repeated, and a failure may cost the messages in hand. *Durability* says what is on disk
when a message is accepted, *loss window* what may be lost nevertheless, and *duplicates* what may arrive
twice. The numbers refer to the tests below; a cell without a test of its own follows from the guarantee and
has the numbers of that.

"""


@dataclass(frozen=True)
class Proof:
    """One mark: what a test proves, in which cell, with which claim, and where the test stands."""

    subject: str
    cell: str
    claim: str
    test: str
    faults: tuple[str, ...] = ()


@dataclass
class Row:
    """One way a message takes: claim and tests of each cell."""

    claims: dict[str, str] = field(default_factory=dict)
    tests: dict[str, list[str]] = field(default_factory=dict)


def types() -> dict[str, str]:
    """Every type of the workspace's plugins, as `KIND TYPE`, with the guarantee that its class
    says, if it is a channel's.
    """
    registry = Registry()
    Plugins(registry, (EARLY, FULL)).load()
    ours = {package.module for package in plugins()}
    return {
        f"{each.kind} {each.type}": getattr(each.cls, "delivery", "")
        for each in registry.types()
        if each.cls.__module__.partition(".")[0] in ours
    }


def files_of_tests(top: Path = TOP) -> list[Path]:
    """Every file of tests."""
    return sorted([*top.glob("tests/**/test_*.py"), *top.glob("plugins/*/tests/**/test_*.py")])


def proofs(files: Iterable[Path], top: Path = TOP) -> Iterator[Proof]:
    """All marks in these files."""
    for file in files:
        text = file.read_text()
        # PERF: few files have a mark; parsing all of them took 2 s
        if MARK in text:
            yield from _marks(ast.parse(text).body, file.relative_to(top).as_posix())


def _marks(body: list[ast.stmt], path: str) -> Iterator[Proof]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            here = f"{path}::{node.name}"
            names = [ast.unparse(getattr(each, "func", each)) for each in node.decorator_list]
            left_out = [
                name for name in names if name.rpartition(".")[2] in ("skip", "skipif", "xfail")
            ]
            for each, name in zip(node.decorator_list, names, strict=True):
                if isinstance(each, ast.Call) and name == MARK:
                    yield _read(each, here, left_out)
            if isinstance(node, ast.ClassDef):
                yield from _marks(node.body, here)


def _read(call: ast.Call, test: str, left_out: list[str]) -> Proof:
    words = [each.value if isinstance(each, ast.Constant) else None for each in call.args]
    faults = [f"a test with {name} proves nothing" for name in left_out]
    if (
        call.keywords
        or not 2 <= len(words) <= 3
        or not all(isinstance(word, str) and word for word in words)
    ):
        return Proof(
            "",
            "",
            "",
            test,
            (*faults, "give a subject, a cell and perhaps a claim, as plain texts"),
        )
    subject, cell, claim = (*map(str, words), "")[:3]
    if cell not in CELLS:
        faults.append(f"there is no cell {cell!r} (there are: {', '.join(CELLS)})")
    return Proof(subject, cell, claim, test, tuple(faults))


def table(types: Mapping[str, str], found: Iterable[Proof]) -> tuple[dict[str, Row], list[str]]:
    """The rows of the table, and everything that is wrong with the marks or missing."""
    rows = {subject: Row() for subject, guarantee in types.items() if guarantee}
    faults = []
    for proof in found:
        faults += [f"{proof.test}: {fault}" for fault in proof.faults]
        if proof.faults:
            continue
        plain = proof.subject.partition(" with ")[0]
        if plain.startswith(("channel ", "outgoing ")) and plain not in types:
            faults.append(f"{proof.test}: there is no {plain}")
            continue
        row = rows.setdefault(proof.subject, Row())
        row.tests.setdefault(proof.cell, []).append(proof.test)
        if proof.claim and types.get(proof.subject) and proof.cell == "guarantee":
            faults.append(f"{proof.test}: the guarantee of {proof.subject} is said by its class")
        elif proof.claim and row.claims.setdefault(proof.cell, proof.claim) != proof.claim:
            faults.append(
                f"{proof.test}: the {proof.cell} of {proof.subject} is claimed to be something else too"
            )
    for subject, row in rows.items():
        follows = FOLLOWS.get(types.get(subject, ""), {})
        faults += [
            f"{subject}: its {cell} is proven and nowhere claimed"
            for cell in row.tests
            if cell not in row.claims and not (cell == "guarantee" and follows)
        ]
        if "guarantee" not in row.tests:
            faults.append(
                f'{subject}: no test is marked with pytest.mark.proves("{subject}", "guarantee")'
            )
        row.claims = {**follows, **row.claims}
    return rows, faults


def page(rows: Mapping[str, Row]) -> str:
    """The page."""
    numbers: dict[str, int] = {}
    lines = [f"| | {' | '.join(CELLS)} |", "|---|" + "---|" * len(CELLS)]
    for subject in sorted(
        rows, key=lambda subject: (subject.partition(" ")[0] == "outgoing", subject)
    ):
        row, cells = rows[subject], []
        for cell in CELLS:
            tests = row.tests.get(cell) or (
                row.tests.get("guarantee", []) if cell in row.claims else []
            )
            marks = " ".join(f"[{numbers.setdefault(test, len(numbers) + 1)}]" for test in tests)
            cells.append(f"{row.claims.get(cell, '')} {marks}".strip())
        kind, _, type = subject.partition(" with ")[0].partition(" ")
        known = kind in ("channel", "outgoing")
        name = f"[{subject}](reference/types.md#{kind}-{type})" if known else subject
        lines.append(f"| {name} | {' | '.join(cells)} |")
    tests = [f"{number}. `{test}`" for test, number in numbers.items()]
    return HEAD + "\n".join(lines) + "\n\n## Tests\n\n" + "\n".join(tests) + "\n"


def main() -> int:
    """Write the page, or say what is wrong."""
    rows, faults = table(types(), proofs(files_of_tests()))
    if faults:
        print("\n".join(faults))
        return 1
    PAGE.write_text(page(rows))
    print(f"docs/delivery.md: {len(rows)} rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
