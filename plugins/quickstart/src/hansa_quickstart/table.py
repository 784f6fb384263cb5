"""Tables of two columns, as `hansa info` prints them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping


def render_table(rows: Mapping[str, object], widths: tuple[int, int]) -> str:
    """Return a table with the columns Key and Value, of these widths, and lines between its rows."""
    line = _border("-", widths)
    lines = [line, *_row("Key", "Value", widths), _border("=", widths)]
    for key, value in rows.items():
        lines += _row(key, _text(value), widths)
        lines.append(line)
    return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, str | bool):
        return str(value)
    return json.dumps(value)


def _border(mark: str, widths: tuple[int, int]) -> str:
    return "+" + "+".join(mark * (width + 2) for width in widths) + "+"


def _row(key: str, value: str, widths: tuple[int, int]) -> list[str]:
    """Return the lines of one row: cells that are too long are wrapped."""
    key_width, value_width = widths
    key_lines = textwrap.wrap(key, key_width) or [""]
    value_lines = textwrap.wrap(value, value_width) or [""]
    height = max(len(key_lines), len(value_lines))
    key_lines += [""] * (height - len(key_lines))
    value_lines += [""] * (height - len(value_lines))
    return [
        f"| {left.ljust(key_width)} | {right.ljust(value_width)} |"
        for left, right in zip(key_lines, value_lines, strict=True)
    ]
