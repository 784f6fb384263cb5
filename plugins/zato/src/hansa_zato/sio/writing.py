"""From what a service assigned to its payload to plain rows of the declared names, converted and complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import models
from .declaration import Declaration, Element
from .naming import ByName
from .payload import Payload
from .reading import kept
from .types import Boolean, ForceType
from .values import NOT_GIVEN

Writer = Callable[[Payload], Any]


def writer(declared: Declaration) -> Writer:
    """Build the function payload -> a dictionary of the declared names, or a list of such; it raises TypeError for bad output."""
    convert_row = _row_writer(declared)
    repeated = declared.output_repeated

    def write(payload: Payload) -> Any:
        if payload.rows is not None or repeated:
            return [
                convert_row(row)
                for row in payload.rows or ([payload.values] if payload.values else [])
            ]
        return convert_row(payload.values)

    return write


def _row_writer(declared: Declaration) -> Callable[[Any], dict[str, Any]]:
    plan = [(element.name, element, _converter(element.type)) for element in declared.outputs]
    newer, skip = declared.profile == "3.x", declared.skip_empty_response

    def convert_row(row: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        faults = []
        is_mapping = isinstance(row, Mapping)
        for name, element, convert in plan:
            value = row.get(name, NOT_GIVEN) if is_mapping else pull(row, name)
            if value is NOT_GIVEN or (value == "" and element.required and not newer):
                if element.required:
                    faults.append(f"{name}: required, and missing")
                    continue
                value = element.default
                if value is NOT_GIVEN:
                    if newer:
                        continue
                    value = ""
                found[name] = value
                continue
            try:
                found[name] = convert(value)
            except (ValueError, TypeError, ArithmeticError) as error:
                faults.append(f"{name}: {error}")
        if faults:
            raise TypeError("the response does not fit the declared output: " + "; ".join(faults))
        return (
            {name: value for name, value in found.items() if kept(name, value, declared)}
            if skip
            else found
        )

    return convert_row


def _converter(type: ForceType) -> Callable[[Any], Any]:
    convert = type.write
    if isinstance(type, Boolean) and isinstance(type, ByName):
        return lambda value: None if value is None else convert(value)
    return lambda value: (
        models.plain(value) if value is None or value == "" else _plain(convert(value))
    )


def _plain(value: Any) -> Any:
    return value if value.__class__ in _ATOMS else models.plain(value)


_ATOMS = frozenset({str, int, float, bool, type(None)})


def pull(row: Any, name: str) -> Any:
    """A value of a row by name: a column of a query, or an attribute; NOT_GIVEN if it has none."""
    mapping = getattr(
        row, "_mapping", None
    )  # first: a row of a query may have methods of the same names as its columns
    if isinstance(mapping, Mapping):
        return mapping.get(name, NOT_GIVEN)
    return getattr(row, name, NOT_GIVEN)


def names(elements: Iterable[Element]) -> frozenset[str]:
    """The names of elements."""
    return frozenset(element.name for element in elements)
