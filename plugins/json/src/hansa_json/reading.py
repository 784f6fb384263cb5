"""Reading JSON (RFC 8259): typed or plain, with a limit on depth, and every fault told as `Invalid`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import msgspec
from hansa import Invalid, Model, Secret, decode_hook, explain, fields, learn

DEPTH = 100

_PLAIN = msgspec.json.Decoder()
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_FLAT = {
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    Secret,
    Decimal,
    date,
    time,
    datetime,
    timedelta,
    UUID,
}
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def depth(raw: bytes) -> int:
    """How deep arrays and objects of a JSON text are nested, without decoding it; of a malformed text, a guess."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(raw.translate(None, _NOT_STRUCTURE).split(b'"')[::2])
    return max(accumulate(map(_STEP.__getitem__, outside)), default=0)


def guard(raw: bytes) -> None:
    """Raise `Invalid` for what is nested deeper than 100.

    PERF: few texts have so many brackets that they could be too deep, and counting is the quickest way to know.
    """
    if raw.count(b"[") + raw.count(b"{") > DEPTH and depth(raw) > DEPTH:
        raise Invalid(f"nested too deeply: more than {DEPTH} levels")


def reader(model: Any) -> Callable[[bytes], Any]:
    """Build the function that reads one type: a Model or what msgspec knows, a pydantic model, or anything for None."""
    if hasattr(model, "model_validate_json"):
        return lambda raw: _read_pydantic(raw, model)
    decode = (
        _PLAIN.decode
        if model is None
        else msgspec.json.Decoder(learn(model), dec_hook=decode_hook).decode
    )
    checked = _overrides_check(model, set())
    bounded = _bounded(model, ())

    def read(raw: bytes) -> Any:
        if not bounded:
            guard(raw)
        try:
            value = decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise _why(raw, model, error) from None
        if checked:
            faults: dict[str, str] = {}
            _check(value, "", faults)
            if faults:
                raise Invalid(faults)
        return value

    return read


def decode_strict(raw: bytes) -> Any:
    """Plain data from JSON in which a key given twice is a fault too: for definitions and other things that are kept.

    Raises `Invalid`, naming the key. Integers keep every digit.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise Invalid({key: "given twice"})
                seen.add(key)
        return found

    guard(raw)
    try:
        found = _PLAIN.decode(raw)
        if raw.count(b":") > 1:  # msgspec keeps the last of two equal keys and cannot tell
            json.loads(raw, object_pairs_hook=once)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _why(raw, None, error) from None
    return found


def _why(raw: bytes, model: Any, error: Exception) -> Invalid:
    """The `Invalid` that tells every fault of a text that could not be read."""
    if isinstance(error, RecursionError):
        return Invalid(f"nested too deeply: more than {DEPTH} levels")
    if isinstance(error, UnicodeDecodeError):
        return Invalid("not valid UTF-8")
    if model is not None and isinstance(error, msgspec.ValidationError):
        try:
            found = explain(_PLAIN.decode(raw), model)
        except (msgspec.MsgspecError, ValueError, RecursionError) as deeper:
            return _why(raw, None, deeper)
        if found is not None:
            return found
    return Invalid(str(error) or "malformed")


def _read_pydantic(raw: bytes, model: Any) -> Any:
    guard(raw)
    try:
        return model.model_validate_json(raw)
    except ValueError as error:
        errors = getattr(error, "errors", None)
        if errors is None:
            raise Invalid(str(error)) from None
        raise Invalid(
            {".".join(map(str, one["loc"])): one["msg"] for one in errors(include_input=False)}
        ) from None


def _bounded(hint: Any, above: tuple[Any, ...]) -> bool:
    """Whether a type itself limits how deep its values go, since nothing in it is `Any` or refers to itself.

    PERF: its texts need no `guard`. What they have beyond the type is skipped by msgspec, which has a limit of its own.
    """
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint not in above and all(
            _bounded(field.type, (*above, hint)) for field in _fields(hint)
        )
    if get_origin(hint) is Annotated:
        return _bounded(get_args(hint)[0], above)
    if get_args(hint):
        return all(_bounded(argument, above) for argument in get_args(hint) if argument is not ...)
    return isinstance(hint, type) and hint in _FLAT


def _overrides_check(hint: Any, seen: set[Any]) -> bool:
    """Whether a type has a model anywhere in it with a `check` of its own."""
    if isinstance(hint, type) and issubclass(hint, Model):
        if hint in seen:
            return False
        seen.add(hint)
        return hint.check is not Model.check or any(
            _overrides_check(field.type, seen) for field in _fields(hint)
        )
    return any(_overrides_check(argument, seen) for argument in get_args(hint))


def _check(value: Any, path: str, faults: dict[str, str]) -> None:
    """Run `check` of every model in a value, collecting what they find by path."""
    if isinstance(value, Model):
        for field in _fields(type(value)):
            _check(getattr(value, field.name), f"{path}.{field.name}".lstrip("."), faults)
        try:
            value.check()
        except Invalid as invalid:
            faults.update(
                {f"{path}.{name}".strip("."): fault for name, fault in invalid.errors.items()}
            )
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", faults)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(item, f"{path}.{key}".lstrip("."), faults)


def _fields(model: Any) -> tuple[Any, ...]:
    return fields(model)
