"""Lists as Zato pages and filters them: `name_filter`, `query`, `paginate`, `cur_page`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..payloads import PlainDict, Value

if TYPE_CHECKING:
    from .call import Call

PAGE_SIZE: Final = 50
"""Number of entries on a page, unless the caller says another."""
LARGEST_PAGE: Final = 10_000
ALL: Final = "*"
"""A filter that everything passes."""
TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})


def listed(call: Call, rows: Sequence[PlainDict], by: str = "name") -> list[PlainDict]:
    """Return the rows that pass the filters of a call, sorted by a name; one page of them if it asks
    for pages, whose figures are then the call's `meta`.
    """
    asked = f"{call.text('name_filter')} {call.text('query')}"
    found = [row for row in rows if matches(asked, str(row.get(by, "")))]
    found.sort(key=lambda row: str(row.get(by, "")))
    if not is_true(call.input.get("paginate")):
        return found
    size = min(_number(call, "page_size", PAGE_SIZE), LARGEST_PAGE)
    page = _number(call, "cur_page", 1)
    call.meta = figures(len(found), page, size)
    return found[(page - 1) * size : page * size]


def matches(asked: str, name: str) -> bool:
    """Whether a name has all words of a filter in it, and none of those after a minus, in upper or
    lower case.
    """
    name = name.lower()
    for word in asked.lower().split():
        if word == ALL:
            continue
        is_negative = word.startswith("-") and len(word) > 1
        if (word[is_negative:] in name) is is_negative:
            return False
    return True


def figures(total: int, page: int, size: int) -> PlainDict:
    """Return the figures of a page."""
    last = max(1, math.ceil(total / size))
    return {
        "total": total,
        "num_pages": last,
        "page_size": size,
        "cur_page": page,
        "has_prev_page": page > 1,
        "prev_page": page - 1 if page > 1 else None,
        "has_next_page": page < last,
        "next_page": page + 1 if page < last else None,
    }


def is_true(value: Value) -> bool:
    """Whether an input says yes."""
    return str(value or "").strip().lower() in TRUE


def _number(call: Call, name: str, default: int) -> int:
    text = call.text(name).strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:10]) < 2**31:
        raise call.refuse(f"{name}: {text!r} is no number above 0")
    return int(text)
