"""Interchanges between plain data and models.

Segments are put into a model as they are: what writes them checks them, and tells all faults at once.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hansa import Model, fields, load

T = TypeVar("T")

SEGMENTS = ("segments", "acknowledgements")
"""Members that are lists of segments."""
PARTS = ("groups", "messages", "transactions")
"""Members that are lists of models."""


def build(model: type[T], data: object, *, unknown: bool) -> T:
    """Return plain data as a model of this plugin, or a list of them; raises `Invalid` with all
    faults but those of segments. With `unknown`, what is not declared is a fault.
    """
    built = load(model, _without_segments(data), unknown=unknown)
    _fill(built, data)
    return built


def plain_of(value: object) -> Any:
    """Return models, also those in lists and dictionaries, as plain data."""
    if isinstance(value, Model):
        return {one.name: plain_of(getattr(value, one.name)) for one in fields(type(value))}
    if isinstance(value, dict):
        return {name: plain_of(one) for name, one in value.items()}
    if isinstance(value, list | tuple) and value and isinstance(value[0], Model | dict):
        return [plain_of(one) for one in value]
    return value


def _without_segments(data: object) -> object:
    if isinstance(data, list):
        return [_without_segments(one) for one in data]
    if not isinstance(data, dict):
        return data
    found = dict(data)
    for name in SEGMENTS:
        if isinstance(found.get(name), list):
            found[name] = []
    for name in PARTS:
        if name in found:
            found[name] = _without_segments(found[name])
    return found


def _fill(built: object, data: Any) -> None:
    """Put the segments of plain data into models that are built of it."""
    if isinstance(built, list):
        for one, part in zip(built, data, strict=True):
            _fill(one, part)
        return
    for name in SEGMENTS:
        if name in data:
            getattr(built, name).extend(data[name])
    for name in PARTS:
        if name in data:
            _fill(getattr(built, name), data[name])
