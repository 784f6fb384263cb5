"""Text -> scalars: what each type of XML Schema reads as, and what stands for text that cannot be
read.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from .shapes import Data, Scalar

Convert = Callable[[str], Data]
"""From text to a scalar, or to `Unreadable`."""

_TRUE = {"true", "1", "yes", "y", "on", "t"}
_FALSE = {"false", "0", "no", "n", "off", "f"}
XML_SPACE = " \t\r\n"


class Unreadable:
    """Stands for text that is no value of its declared type, until all faults are reported."""

    __slots__ = ("fault",)

    def __init__(self, fault: str) -> None:
        self.fault = fault


def converter(shape: Scalar) -> Convert | None:
    """Return what makes the scalar of text; None for text itself. What is left as text is converted
    and judged by msgspec.
    """
    if shape.values is not None:
        values = shape.values
        return lambda text: values.get(text, values.get(text.strip(XML_SPACE), text))
    if shape.xsd == "string":
        return None
    return _CONVERTERS.get(shape.xsd, _stripped)


def _stripped(text: str) -> str:
    return text.strip(XML_SPACE)


def _integer(text: str) -> Data:
    if text.isdigit() and text.isascii() and len(text) < 19:  # PERF: nearly every number
        return int(text)
    text = text.strip(XML_SPACE)
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits.isascii() and digits.isdigit():
        try:
            return int(text)
        except ValueError:
            return Unreadable("expected a whole number of fewer digits")
    return Unreadable("expected a whole number, got " + _shown(text))


def _float(text: str) -> Data:
    try:
        if "_" not in text and text.isascii():
            value = float(text)
            if value - value == 0.0:
                return value
    except ValueError:
        pass
    return Unreadable("expected a finite number, got " + _shown(text))


def _decimal(text: str) -> Data:
    try:
        if "_" not in text and text.isascii():
            value = Decimal(text.strip(XML_SPACE))
            if value.is_finite():
                return value
    except InvalidOperation:
        pass
    return Unreadable("expected a decimal number, got " + _shown(text))


def _boolean(text: str) -> Data:
    word = text.strip(XML_SPACE).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    return Unreadable("expected true or false, got " + _shown(text))


def _base64(text: str) -> str:
    return "".join(text.split())


_CONVERTERS: dict[str, Convert] = {
    "integer": _integer,
    "double": _float,
    "boolean": _boolean,
    "decimal": _decimal,
    "base64Binary": _base64,
}


def _shown(text: str) -> str:
    if not text:
        return "nothing"
    return repr(text if len(text) <= 40 else text[:40] + "…")
