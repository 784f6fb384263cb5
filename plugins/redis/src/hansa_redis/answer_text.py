"""Answers of Redis as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from .untyped import Answer

MOST_LINES = 10_000
LONGEST_ANSWER = 262_144
NOTHING = "(None)"


def answer_text(answer: Answer) -> tuple[str, bool]:
    """Return an answer as text, with a number before each item of a list, and whether it was cut."""
    lines: list[str] = []
    left = LONGEST_ANSWER
    is_cut = False
    for line in islice(_lines(answer, ""), MOST_LINES + 1):
        if len(lines) == MOST_LINES or left <= 0:
            is_cut = True
            break
        is_cut = len(line) > left
        lines.append(line[:left])
        left -= len(line) + 1
    return "\n".join(lines), is_cut


def _lines(answer: Answer, indent: str) -> Iterator[str]:
    if isinstance(answer, Mapping):
        # a client of a Redis Cluster reads answers itself
        answer = [item for pair in answer.items() for item in pair]
    if isinstance(answer, list | tuple | set | frozenset):
        if not answer:
            yield f"{indent}(empty)"
        for number, item in enumerate(answer, 1):
            yield from _numbered(number, item, indent)
        return
    yield from (indent + line for line in _plain(answer).splitlines() or [""])


def _numbered(number: int, item: Answer, indent: str) -> Iterator[str]:
    mark = f"{number}) "
    following = " " * len(mark)
    for place, line in enumerate(_lines(item, "")):
        yield indent + (following if place else mark) + line


def _plain(answer: Answer) -> str:
    if answer is None:
        return NOTHING
    if isinstance(answer, bytes):
        return answer.decode(errors="backslashreplace")
    return str(answer)
