"""Segments as plain data: a list of the tag and its elements."""

from __future__ import annotations

import re
from typing import TypeAlias

from hansa import Invalid

Element: TypeAlias = str | list[str | list[str]]
"""A text; a composite, which is a list of texts; or an element that is repeated, which is a list of
lists: `"9"`, `["ORDERS", "D", "96A"]`, `[["A"], ["B", "1"]]`.
"""
Segment: TypeAlias = list[Element]
"""The tag, and the elements after it: an element is found by its number in the standard."""

MOST_FAULTS = 20
"""Faults of one message that are told, at most."""
_is_tag = re.compile(r"[A-Z][A-Z0-9]{1,2}").fullmatch


class Faults:
    """The faults of a message by their places; what is beyond 20 is not told."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, place: str, fault: str) -> None:
        """Note a fault; of a place that has one, the first is kept."""
        if len(self._found) < MOST_FAULTS:
            self._found.setdefault(place, fault)

    def raise_all(self) -> None:
        """Raise `Invalid` if there are any."""
        if self._found:
            raise Invalid(self._found)


def tag_of(segment: Segment) -> str:
    """Return the tag of a segment; empty for a segment that has none."""
    first = segment[0] if isinstance(segment, list) and segment else ""
    return first if isinstance(first, str) and _is_tag(first) else ""


def text_at(segment: Segment, number: int, component: int = 1) -> str:
    """Return an element, or a component of it, from 1 on; empty if it is not there.

    Of an element that is repeated, it is the first one.
    """
    element = segment[number] if number < len(segment) else ""
    if isinstance(element, str):
        return element if component == 1 else ""
    parts = element[0] if element and isinstance(element[0], list) else element
    part = parts[component - 1] if component <= len(parts) else ""
    return part if isinstance(part, str) else ""
