"""From a service's payload to plain rows of the declared names, converted and complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from ..payloads import PlainDict, Value
from . import models
from .declaration import Declaration, Element
from .naming import ByName
from .payload import Payload, pull
from .reading import kept
from .types import Boolean, ForceType
from .values import ATOMS, NOT_GIVEN

Writer: TypeAlias = Callable[[Payload], PlainDict | list[PlainDict]]


def writer(declared: Declaration) -> Writer:
    """Return the function that makes dictionaries of the declared names from a payload.

    The function raises TypeError for output that breaks its declaration.
    """
    convert_row = _row_writer(declared)
    is_repeated = declared.output_repeated

    def write(payload: Payload) -> PlainDict | list[PlainDict]:
        if payload.rows:
            return [convert_row(row) for row in payload.rows]
        if is_repeated or payload.rows is not None:
            return [convert_row(payload.values)] if payload.values else []
        return convert_row(payload.values)

    return write


def _row_writer(declared: Declaration) -> Callable[[Value], PlainDict]:
    plan = [(element, _converter(element.type)) for element in declared.outputs]
    is_newer = declared.profile == "3.x"
    skips_empty = declared.skip_empty_response

    def convert_row(row: Value) -> PlainDict:
        found: PlainDict = {}
        faults = []
        is_mapping = isinstance(row, Mapping)
        for element, convert in plan:
            name = element.name
            value = row.get(name, NOT_GIVEN) if is_mapping else pull(row, name)
            is_empty = value == "" and element.required and not is_newer
            if value is NOT_GIVEN or is_empty:
                if element.required:
                    faults.append(f"{name}: required, and missing")
                else:
                    _leave_out(element, is_newer, found)
                continue
            try:
                found[name] = convert(value)
            except (ValueError, TypeError, ArithmeticError) as error:
                faults.append(f"{name}: {error}")
        if faults:
            raise TypeError("the response does not fit the declared output: " + "; ".join(faults))
        return _without_empty(found, declared) if skips_empty else found

    return convert_row


def _leave_out(element: Element, is_newer: bool, found: PlainDict) -> None:
    """Set what an optional element that the service left out has: its default.

    In 2.0 empty text, if it has none.
    """
    if element.default is not NOT_GIVEN:
        found[element.name] = element.default
    elif not is_newer:
        found[element.name] = ""


def _without_empty(found: PlainDict, declared: Declaration) -> PlainDict:
    return {name: value for name, value in found.items() if kept(name, value, declared)}


def _converter(type: ForceType) -> Callable[[object], object]:
    """Return the conversion of one type.

    Empty values stay as they are, except for what is boolean by its name.
    """
    convert = type.write

    def convert_boolean(value: object) -> object:
        return None if value is None else convert(value)

    def convert_unless_empty(value: object) -> object:
        if value is None or value == "":
            return models.plain(value)
        converted = convert(value)
        return converted if converted.__class__ in ATOMS else models.plain(converted)

    if isinstance(type, Boolean) and isinstance(type, ByName):
        return convert_boolean
    return convert_unless_empty


def names(elements: Iterable[Element]) -> frozenset[str]:
    """Return the names of elements."""
    return frozenset(element.name for element in elements)
