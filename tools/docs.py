"""Check the hand-written pages: they name no hook, command, setting, service, type, file or import
that is not there.

    python -m tools.docs

Prints every fault with its place; ends with 1 if there is any. A test and pre-commit run the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.markdown import anchors, code, links
from tools.names import CHECKS
from tools.project import TOP

PATTERNS = (
    "*.md",
    "docs/*.md",
    "packaging/*.md",
    "plugins/*/README.md",
    "examples/*/README.md",
    "changelog/*.md",
)
# released texts, which may name what is gone, and a page that is written from the code
LEFT_OUT = {TOP / "CHANGELOG.md", TOP / "docs" / "delivery.md"}


def pages() -> list[Path]:
    """The hand-written pages."""
    found = [file for pattern in PATTERNS for file in sorted(TOP.glob(pattern))]
    return [file for file in found if file not in LEFT_OUT]


def faults(page: Path) -> Iterator[str]:
    """What is wrong with a page, each with its place."""
    text = page.read_text()
    where = page.relative_to(TOP) if page.is_relative_to(TOP) else page
    for found in code(text, page.parent):
        for check in CHECKS:
            for fault in check(found):
                yield f"{where}:{found.line}: {fault}"
    for line, target in links(text):
        fault = broken(page, target)
        if fault:
            yield f"{where}:{line}: {fault}"


def broken(page: Path, target: str) -> str:
    """What is wrong with a link inside the project; empty for one that works, or leads elsewhere."""
    if "://" in target or target.startswith("mailto:"):
        return ""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"the link to {target} leads nowhere"
    if anchor and anchor not in _anchors(file):
        return f"{path or 'the page'} has no heading #{anchor}"
    return ""


@cache
def _anchors(page: Path) -> set[str]:
    """The anchors of a page, to which many links lead."""
    return anchors(page.read_text())


def main() -> int:
    """Print all faults."""
    found = [fault for page in pages() for fault in faults(page)]
    for fault in found:
        print(fault)
    print(f"{len(pages())} pages, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
