"""What is a decimal in a message, beyond what Python takes for one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, get_args, get_origin
from weakref import WeakKeyDictionary

from .members import alternatives, is_list, item_hint, member_hints, types_within

LARGEST_EXPONENT = 6144
"""That of IEEE 754 decimal128, the largest format of the standard."""
NOT_FINITE = "Expected a finite number"
"""The fault of NaN and of infinities."""
NOT_DECIMAL = "Invalid decimal string"
"""The fault of text that is no decimal number."""
OUT_OF_RANGE = f"Expected a number with an exponent of at most {LARGEST_EXPONENT}"
"""The fault of numbers such as `1e999999999`: what calculates with one, or writes its digits, takes
time and memory without a limit.
"""


def fault_of_decimal(value: Decimal) -> str:
    """Return what is wrong with a decimal: JSON has no NaN and no infinity; empty for nothing."""
    if not value.is_finite():
        return NOT_FINITE
    return OUT_OF_RANGE if abs(value.adjusted()) > LARGEST_EXPONENT else ""


def is_decimal_text(text: str) -> bool:
    """Return whether a text that Python reads as a decimal is one in other languages, too: Python
    takes `1_0`, the digits of any script, and white space around them.
    """
    return text.isascii() and "_" not in text and text == text.strip()


# records of services that were deployed anew must be free to go, hence weak keys
_records_with_decimals: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def has_decimals(hint: object) -> bool:
    """Return whether a decimal may be anywhere in a value of a type."""
    if not isinstance(hint, type):
        return Decimal in types_within(hint)
    known = _records_with_decimals.get(hint)
    if known is None:
        known = Decimal in types_within(hint)
        _records_with_decimals[hint] = known
    return known


def collect_decimal_texts(data: object, hint: Any, path: str, faults: dict[str, str]) -> None:
    """Add the texts that stand for decimals by the rules of Python alone, by path; `data` is plain
    data that fits the type.
    """
    types = alternatives(hint)
    if isinstance(data, str):
        if Decimal in types and not is_decimal_text(data):
            faults[path] = NOT_DECIMAL
    elif isinstance(data, Mapping):
        hints, rest = member_hints(types)
        keys = next((get_args(one)[0] for one in types if get_origin(one) is dict), Any)
        for key, value in data.items():
            below = f"{path}.{key}" if path else str(key)
            collect_decimal_texts(key, keys, path, faults)
            collect_decimal_texts(value, hints.get(key, rest), below, faults)
    elif isinstance(data, list | tuple):
        sequence = next((one for one in types if is_list(one)), Any)
        for index, value in enumerate(data):
            collect_decimal_texts(value, item_hint(sequence, index), f"{path}[{index}]", faults)
