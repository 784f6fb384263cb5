"""The code in Markdown pages: what stands in backticks, and fenced blocks, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^ *```(?P<language>[\w-]*).*\n(?P<code>(?:.*\n)*?) *```$", re.M)
_INLINE = re.compile(r"(?P<ticks>`+)(?P<code>(?:(?!\n\n)[\s\S])+?)(?P=ticks)")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<words>.*)$", re.M)


@dataclass(frozen=True)
class Code:
    """Code in a page in some folder; `language` is that of a block, None for what is in backticks."""

    line: int
    text: str
    language: str | None
    folder: Path


def code(page: str, folder: Path) -> Iterator[Code]:
    """Every block and everything in backticks."""
    rest = list(page)
    for block in _FENCE.finditer(page):
        yield Code(_line(page, block.start("code")), block["code"], block["language"], folder)
        rest[block.start() : block.end()] = ["\n" if c == "\n" else " " for c in block[0]]
    prose = "".join(rest)
    for inline in _INLINE.finditer(prose):
        yield Code(_line(page, inline.start()), " ".join(inline["code"].split()), None, folder)


def links(page: str) -> Iterator[tuple[int, str]]:
    """The targets of all links, with their lines."""
    for link in _LINK.finditer(page):
        yield _line(page, link.start()), link["target"]


def anchors(page: str) -> set[str]:
    """The anchors of all headings, as sites derive them."""
    found = set()
    for heading in _HEADING.finditer(page):
        words = re.sub(r"[^\w\- ]", "", heading["words"].lower())
        found.add(words.strip().replace(" ", "-"))
    return found


def _line(page: str, offset: int) -> int:
    return page.count("\n", 0, offset) + 1
