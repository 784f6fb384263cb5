"""Scalars as XML text: escaping, and how each type is written so that an XML Schema accepts it."""

from __future__ import annotations

import base64
import datetime
import math
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from enum import Enum

import msgspec
from hansa import Invalid, Secret

_ILLEGAL_CLASS = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
needs_care = re.compile(f"[&<>\r{_ILLEGAL_CLASS}]").search
_illegal = re.compile(f"[{_ILLEGAL_CLASS}]")
# what a name begins with (NameStartChar of XML 1.0, without the colon)
_START = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_name = re.compile(f"[{_START}][{_START}\\-.0-9\xb7\u0300-\u036f\u203f\u2040]*").fullmatch
_REFERENCES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))
_EXPONENT_LIMIT = 6144  # of decimal128: written in full, a larger one could fill the memory


def is_name(text: str) -> bool:
    """Whether the text may be the local name of an element (NCName of XML 1.0)."""
    return _name(text) is not None


def escape(text: str) -> str:
    """Text as the content of an element; raises `Invalid` for characters that XML 1.0 has no way to
    write.
    """
    # PERF: one search tells that there is nothing to do, which is nearly always so.
    if not needs_care(text):
        return text
    found = _illegal.search(text)
    if found:
        raise Invalid(f"the character U+{ord(found[0]):04X} cannot be written in XML")
    for character, reference in _REFERENCES:
        text = text.replace(character, reference)
    return text


def escape_attribute(text: str) -> str:
    """Text as the value of an attribute in double quotes; raises `Invalid` as `escape` does."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def presentable(text: str) -> str:
    """Escaped text in which characters that XML cannot write are replaced by U+FFFD: for telling of
    errors.
    """
    return escape(_illegal.sub("\ufffd", text))


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "INF" if value > 0 else "-INF"


def _decimal(value: Decimal) -> str:
    if (
        not value.is_finite()
        or abs(value.adjusted()) > _EXPONENT_LIMIT
        or len(value.as_tuple().digits) > 2 * _EXPONENT_LIMIT
    ):
        raise Invalid(
            "a decimal number that is infinite, not a number, or too large cannot be written in XML"
        )
    return f"{value:f}"


def _integer(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        raise Invalid("the number has too many digits to be written") from None


def write_base64(value: bytes | bytearray | memoryview) -> str:
    """Return binary content as Base64 text."""
    return base64.b64encode(value).decode()


binary_writer: ContextVar[Callable[[bytes | bytearray | memoryview], str]] = ContextVar(
    "binary_writer", default=write_base64
)
"""What writes binary values in the current context: Base64, unless a package has them beside the
document.
"""


def _binary(value: bytes | bytearray | memoryview) -> str:
    return binary_writer.get()(value)


WRITERS: dict[type, Callable[..., str]] = {
    str: escape,
    int: _integer,
    bool: lambda value: "true" if value else "false",
    float: _float,
    Decimal: _decimal,
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: msgspec.to_builtins,
    uuid.UUID: str,
    bytes: _binary,
    bytearray: _binary,
    memoryview: _binary,
    Secret: lambda value: "",
    type(None): lambda value: "",
}


def write_text(value: object) -> str | None:
    """A scalar as escaped text, None if it is not a scalar; raises `Invalid` if it cannot be
    written.
    """
    write = WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, Enum):
        return write_text(value.value)
    for kind in type(value).__mro__[1:-1]:
        if kind in WRITERS:
            return WRITERS[kind](value)
    return None
