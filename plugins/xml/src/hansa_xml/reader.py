"""Reading: from a declared type, once, the function that turns an element into a validated value of
that type.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import msgspec
from hansa import Invalid, decode_hook, explain, learn, load_pydantic, rule_checker
from lxml import etree

from .element import to_data
from .scalars import Unreadable
from .shape_reader import Read, read_slot, reading_list
from .shapes import Hint, Listing, slot_of


def reader(model: Hint) -> Read:
    """Build the function that reads one type; it raises `Invalid` with all faults, by path.

    A Model's `check` runs; elements that are not declared are ignored. Pydantic models validate
    themselves.
    """
    if hasattr(model, "model_validate"):
        return lambda element: load_pydantic(lambda: model.model_validate(to_data(element)))
    shaped = data_reader(model)
    learn(model)
    check = rule_checker(model)

    def read(element: etree._Element) -> object:
        data = shaped(element)
        try:
            value = msgspec.convert(data, model, dec_hook=decode_hook)
        except (msgspec.ValidationError, ValueError, RecursionError) as error:
            raise _all_faults(explain(data, model) or Invalid(str(error)), data) from None
        if check is not None:
            check(value)
        return value

    return read


def data_reader(model: Hint) -> Read:
    """Build the function that returns plain data in the shape of a type, unvalidated, for
    `msgspec.convert`.
    """
    slot = slot_of(model)
    records: dict[int, Read] = {}
    if isinstance(slot.shape, Listing):
        read_all = reading_list(slot.shape, records)
        return lambda element: read_all([element])
    return read_slot(slot, records)


_data_readers: weakref.WeakKeyDictionary[type, Read] = weakref.WeakKeyDictionary()


def shaped_data(element: etree._Element, model: Hint) -> object:
    """Return plain data in the shape of a type; raises `Invalid` naming what could not be read.

    PERF: the reader of a class is kept as long as the class is; it does not refer to it.
    """
    if not isinstance(model, type):
        return readable_data(data_reader(model)(element))
    read = _data_readers.get(model)
    if read is None:
        read = _data_readers[model] = data_reader(model)
    return readable_data(read(element))


def readable_data(data: object) -> object:
    """Return the data, if all of it could be read; raises `Invalid` naming what could not."""
    faults = dict(_unreadable(data, ""))
    if faults:
        raise Invalid(faults)
    return data


def _all_faults(invalid: Invalid, data: object) -> Invalid:
    """Return the faults that msgspec found and those found while reading; the latter say more where
    both did.
    """
    stand_in = f"`{Unreadable.__name__}`"
    faults = {path: fault for path, fault in invalid.errors.items() if stand_in not in fault}
    return Invalid(faults | dict(_unreadable(data, "")))


def _unreadable(data: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield the faults in data, by path."""
    if isinstance(data, Unreadable):
        yield path, data.fault
    elif isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, Unreadable):
                yield path, f"key: {key.fault}"
            yield from _unreadable(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _unreadable(value, f"{path}[{index}]")
