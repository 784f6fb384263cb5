"""How deep JSON texts are nested, found out without decoding them, and which types limit that by
themselves.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Annotated, get_args, get_origin
from uuid import UUID

from hansa import Invalid, Model, Secret, fields

DEPTH = 100
"""Maximum levels of nesting."""

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_FLAT: set[object] = {
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


def depth(raw: bytes) -> int:
    """Return how deep arrays and objects of a JSON text are nested, without decoding it; of a
    malformed text, a guess.
    """
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(raw.translate(None, _NOT_STRUCTURE).split(b'"')[::2])
    return max(accumulate(map(_STEP.__getitem__, outside)), default=0)


def guard(raw: bytes) -> None:
    """Raise `Invalid` for what is nested deeper than 100 levels.

    PERF: few texts have so many brackets that they could be too deep, and counting is the quickest
    way to know.
    """
    if raw.count(b"[") + raw.count(b"{") > DEPTH and depth(raw) > DEPTH:
        raise too_deep()


def too_deep() -> Invalid:
    """Return the error for a text that is nested too deeply."""
    return Invalid(f"nested too deeply: more than {DEPTH} levels deep")


def is_bounded(hint: object, above: tuple[object, ...] = ()) -> bool:
    """Whether a type itself limits how deep its values go, since nothing in it is `Any` or refers
    to itself.

    `above` are the models that it is part of. PERF: texts of such a type need no `guard`; what they
    have beyond the type is skipped by msgspec, which has a limit of its own.
    """
    if isinstance(hint, type) and issubclass(hint, Model):
        if hint in above:
            return False
        return all(is_bounded(field.type, (*above, hint)) for field in fields(hint))
    if get_origin(hint) is Annotated:
        return is_bounded(get_args(hint)[0], above)
    arguments = get_args(hint)
    if arguments:
        return all(is_bounded(argument, above) for argument in arguments if argument is not ...)
    return isinstance(hint, type) and hint in _FLAT
