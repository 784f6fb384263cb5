"""The reference page of Zato's names: what works, what differs, what is not there, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hansa_zato.compatibility import Row, Subject, rows, subjects

WORDS = {"works": "works", "differs": "differs", "not": "not there"}


def compatibility() -> Iterator[str]:
    """The page, from the table of hansa-zato."""
    counts = Counter(row.status for row in rows())
    yield (
        "# Zato's names\n\n"
        "Names and features of Zato, and what becomes of each with\n"
        "[hansa-zato](../../plugins/zato/README.md).\n"
        f"Of {counts.total()} names {counts['works']} work, {counts['differs']} differ, and"
        f" {counts['not']} are not there.\n"
        "What works or differs is tried by a test.\n"
    )
    for subject in subjects():
        yield from _section(subject)


def _section(subject: Subject) -> Iterator[str]:
    yield f"\n## {subject.title}\n\n"
    if subject.note:
        yield f"{subject.note}\n\n"
    yield "| name | since | status | why |\n|---|---|---|---|\n"
    for row in subject.rows:
        yield _line(row)


def _line(row: Row) -> str:
    """One row; a name that is no text of a programming language stands without backquotes."""
    name = row.name.replace("|", "\\|")
    shown = name if " " in name and "(" not in name else f"`{name}`"
    return f"| {shown} | {row.since} | {WORDS[row.status]} | {row.why.replace('|', '&#124;')} |\n"
