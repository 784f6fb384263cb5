"""JSON Pointer (RFC 6901): reads and writes values of nested dictionaries and lists."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

from ..payloads import Value

MISSING: Final = object()
_LONGEST_LIST: Final = 10_000
"""Elements that a list has at most after one was put at its end."""


def steps(text: str) -> list[str]:
    """Return the keys and indexes of a pointer; raises ValueError."""
    if not text:
        return []
    if not text.startswith("/"):
        raise ValueError(f"a JSON Pointer is empty or begins with /, {text!r} does not")
    found = text[1:].split("/")
    if any("~" in step.replace("~0", "").replace("~1", "") for step in found):
        raise ValueError("in a JSON Pointer, ~ stands only in ~0 and ~1")
    return [step.replace("~1", "/").replace("~0", "~") for step in found]


def get(document: Value, pointer: str, default: object = MISSING) -> Value:
    """Return the value at a pointer; the default if there is none."""
    found = document
    for step in steps(pointer):
        found = _child(found, step)
        if found is MISSING:
            return default
    return found


def put(document: Value, pointer: str, value: object) -> None:
    """Set the value at a pointer, with dictionaries made on the way; raises ValueError if a value
    that is neither a dictionary nor a list is in the way.
    """
    path = steps(pointer)
    if not path:
        raise ValueError("an empty JSON Pointer is the whole document, which cannot be replaced")
    place = document
    for step in path[:-1]:
        found = _child(place, step)
        if found is MISSING:
            found = {}
            _set(place, step, found)
        place = found
    _set(place, path[-1], value)


def _child(place: Value, step: str) -> Value:
    if isinstance(place, MutableMapping):
        return place.get(step, MISSING)
    if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        return place[int(step)]
    return MISSING


def _set(place: Value, step: str, value: object) -> None:
    if isinstance(place, MutableMapping):
        place[step] = value
    elif isinstance(place, list) and step in ("-", str(len(place))) and len(place) < _LONGEST_LIST:
        place.append(value)
    elif isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        place[int(step)] = value
    else:
        raise ValueError(f"there is no place for {step!r}")
