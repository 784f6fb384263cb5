"""Single values: what counts as true, as a whole number, as text, and as not given."""

from __future__ import annotations

import decimal
import re
from typing import Final, Literal, TypeAlias

LONGEST_SHOWN: Final = 60
Shape: TypeAlias = Literal["one", "several", "any"]
"""How many values of a parameter of path and query an element takes: one, a list of them, or either.
"""


class NotGiven:
    """The type of `NOT_GIVEN`."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = NotGiven()
"""Stands for a value that was not given, where None is a value."""

TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0", ""})
ATOMS: Final = frozenset({str, int, float, bool, type(None)})
"""The types of values that need neither a copy nor a conversion."""

_WHOLE_NUMBER = re.compile(r"\s*[+-]?\d{1,1000}\s*", re.ASCII)
_MOST_DIGITS = 1000


def as_bool(value: object) -> bool:
    """Return True or False for the words and digits that SimpleIO knows, in any case.

    Raises ValueError for others.
    """
    if isinstance(value, bool):
        return value
    word = "" if value is None else str(value).strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError(
        f"expected a boolean (true, false, yes, no, on, off, 1, 0 ...), got {shown(value)}"
    )


def as_int(value: object) -> int:
    """Return the whole number that a number or text stands for.

    Raises ValueError rather than cut off a fraction.
    """
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, decimal.Decimal) and _is_whole(value):
        return int(value)
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise ValueError(f"expected a whole number, got {shown(value)}")


def _is_whole(value: decimal.Decimal) -> bool:
    """Whether a decimal has no fraction, and few enough digits to be converted quickly."""
    if not value.is_finite() or value.adjusted() >= _MOST_DIGITS:
        return False
    return value == value.to_integral_value()


def is_number_text(text: str) -> bool:
    """Return whether a text that Python reads as a number is one in other languages, too: Python
    takes `1_0` and the digits of any script.
    """
    return text.isascii() and "_" not in text


def as_text(value: object) -> str:
    """Return the text of a value; bytes are decoded as UTF-8."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def shown(value: object) -> str:
    """Return a value as messages quote it: short, and never the content of a secret."""
    text = repr(value)
    if len(text) <= LONGEST_SHOWN:
        return text
    return text[: LONGEST_SHOWN - 3] + "..."
