"""Reading JSON (RFC 8259): typed, plain, or strictly; with a limit on depth, and every fault
reported as `Invalid`.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from hansa import Invalid, decode_hook, explain, learn, load_pydantic, rule_checker, with_integers

from .depth import guard, is_bounded, too_deep

Read = Callable[[bytes], Any]
"""What builds a value from a JSON text; raises `Invalid` with every fault."""

_PLAIN = msgspec.json.Decoder()
_EXACT = msgspec.json.Decoder(float_hook=Decimal)
_maybe_lenient = re.compile(rb'"(?: [ 0-9.+-]|[0-9.+\-eE]*[_\\\x80-\xff]|[0-9.+\-eE]+ )').search
"""Finds text that begins as a number, perhaps after white space, and goes on with what only Python
allows in one.
"""
# TypeError is for what cannot be in a set or a key, such as a signaling NaN
_MALFORMED = (msgspec.MsgspecError, TypeError, ValueError, RecursionError)


def reader(model: Any) -> Read:
    """Build the function that reads one type: a Model or what msgspec knows, a pydantic model, or
    anything for None.
    """
    if hasattr(model, "model_validate_json"):
        return lambda raw: _read_pydantic(raw, model)
    decode: Read = _PLAIN.decode
    if model is not None:
        decode = msgspec.json.Decoder(learn(model), dec_hook=decode_hook).decode
    check = rule_checker(model)
    bounded = is_bounded(model)

    def read(raw: bytes) -> object:
        raw = raw.removeprefix(BOM_UTF8)
        if not bounded:
            guard(raw)
        try:
            value = decode(raw)
        except _MALFORMED as error:
            value = _with_integers(raw, model, error)
        if check is not None:
            check(value)
            # PERF: only where such a text may be, since this reads the message once more
            if _maybe_lenient(raw):
                check.texts(_PLAIN.decode(raw))
        return value

    return read


def _read_pydantic(raw: bytes, model: Any) -> object:
    raw = raw.removeprefix(BOM_UTF8)
    guard(raw)
    return load_pydantic(lambda: model.model_validate_json(raw))


def decode_strict(raw: bytes) -> Any:
    """Return plain data from JSON in which a key given twice is a fault, too: for definitions and
    other things that are kept.

    Raises `Invalid`, naming the key. Integers keep every digit.
    """
    raw = raw.removeprefix(BOM_UTF8)
    guard(raw)
    try:
        found = _PLAIN.decode(raw)
        if raw.count(b":") > 1:  # msgspec keeps the last of two equal keys without a word
            json.loads(raw, object_pairs_hook=_unique)
    except _MALFORMED as error:
        raise _why(error) from None
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise Invalid({name: "given twice" for name, count in counts.items() if count > 1})
    return found


def _with_integers(raw: bytes, model: Any, error: Exception) -> object:
    """Return what a text is that msgspec refused, if it only has `1.0` where an integer is declared;
    raises `Invalid` with every fault.
    """
    if model is None or not isinstance(error, msgspec.ValidationError | TypeError):
        raise _why(error) from None
    try:
        data = with_integers(_EXACT.decode(raw), model)
    except _MALFORMED as malformed:
        raise _why(malformed) from None
    try:
        return msgspec.convert(data, model, dec_hook=decode_hook, str_keys=True)
    except _MALFORMED as fault:
        raise explain(data, model) or _why(fault) from None


def _why(error: Exception) -> Invalid:
    """Return the `Invalid` of a text that could not be read."""
    if isinstance(error, RecursionError):
        return too_deep()
    if isinstance(error, UnicodeDecodeError):
        return Invalid("not valid UTF-8")
    return Invalid(str(error) or "malformed")
