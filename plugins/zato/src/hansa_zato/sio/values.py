"""Single values: what counts as true, as a whole number, as text, and what stands for nothing given."""

from __future__ import annotations

import decimal
import re
from typing import Any, Final


class _NotGiven:
    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = _NotGiven()
TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
FALSE = frozenset({"false", "f", "no", "n", "off", "0", ""})
_WHOLE = re.compile(r"\s*[+-]?\d{1,1000}\s*")


def as_bool(value: Any) -> bool:
    """True or False from the words and digits that SimpleIO knows, in any case; raises ValueError for others."""
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


def as_int(value: Any) -> int:
    """A whole number from a number or text; raises ValueError for all else, and rather than cut off a fraction."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if (
        isinstance(value, decimal.Decimal)
        and value.is_finite()
        and value.adjusted() < 1000
        and value == value.to_integral_value()
    ):
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise ValueError(f"expected a whole number, got {shown(value)}")


def as_text(value: Any) -> str:
    """Plain text of a value; bytes are read as UTF-8."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def shown(value: Any) -> str:
    """A value as it stands in a message about it: short, and never that of a secret."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
