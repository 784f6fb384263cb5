"""Numbers such as `1.0` or `1e2` where an integer is declared: JSON Schema does not tell them from
`1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import isinf
from typing import Any

from .members import alternatives, is_list, item_hint, member_hints

_MOST_DIGITS = 20
"""Maximum digits of such an integer; longer ones, `1e999999999` for one, are not what msgspec
reads.
"""


def with_integers(data: object, hint: Any) -> Any:
    """Return plain data in which numbers without a fraction are integers where integers are
    declared.

    Fractions may be given as `Decimal`, which keeps every digit; they stay so where decimals are
    declared, and are floats everywhere else. Raises ValueError for what is too large for a float.
    """
    types = alternatives(hint)
    if isinstance(data, float | Decimal):
        return _number(data, types)
    if isinstance(data, Mapping):
        return _object(data, types)
    if isinstance(data, list | tuple):
        sequence = next((one for one in types if is_list(one)), Any)
        return [with_integers(one, item_hint(sequence, index)) for index, one in enumerate(data)]
    return data


def _number(value: float | Decimal, types: tuple[Any, ...]) -> object:
    if Decimal in types and isinstance(value, Decimal):
        return value
    if int in types and not {float, Decimal} & set(types):
        exact = Decimal(value)
        is_whole = exact.is_finite() and exact.adjusted() < _MOST_DIGITS and exact % 1 == 0
        if is_whole:
            return int(exact)
    found = float(value)
    if isinf(found):
        raise ValueError("Number out of range")
    return found


def _object(data: Mapping[Any, Any], types: tuple[Any, ...]) -> dict[Any, Any]:
    hints, rest = member_hints(types)
    return {key: with_integers(value, hints.get(key, rest)) for key, value in data.items()}
