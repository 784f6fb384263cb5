"""Rates as settings write them, `100/m`, and what the generic cell rate algorithm (GCRA) makes of
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hansa import Invalid

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
"""Seconds of each unit of time."""
MOST_PER_SECOND = 10_000
"""The fastest rate: intervals are whole microseconds, so that even this one is exact to 0.5 %."""
_FORM = re.compile(r"([1-9][0-9]{0,8})/([smhd])")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in `window` seconds: `burst` at once, then one in every `interval`
    microseconds; a counter that is full is empty after `capacity` microseconds.
    """

    text: str
    count: int
    window: int
    burst: int
    interval: int
    capacity: int


def parse_rate(text: str, burst: int = 0) -> Rate:
    """Return the rate of a text such as `100/m`; a `burst` of 0 is the whole count at once.

    Raises `Invalid`.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise Invalid(f"{text!r} is not a rate: a number, / and one of s, m, h or d, as in 100/m")
    count = int(match[1])
    window = UNITS[match[2]]
    if count > MOST_PER_SECOND * window:
        raise Invalid(f"{text!r} is faster than {MOST_PER_SECOND:,} requests a second")
    at_once = burst or count
    interval = round(window * 1_000_000 / count)
    return Rate(text, count, window, at_once, interval, interval * at_once)


def rate_texts(given: str | list[str] | None) -> list[str]:
    """Return the rates of a setting that holds one, several or none."""
    if not given:
        return []
    return [given] if isinstance(given, str) else given


def faults_of_rates(given: str | list[str] | None) -> str:
    """Return what is wrong with the rates of a setting; an empty text if nothing is."""
    texts = rate_texts(given)
    faults = [fault for fault in map(_fault, texts) if fault]
    if len(set(texts)) < len(texts):
        faults.append("the same rate is given twice")
    return "; ".join(faults)


def _fault(text: str) -> str:
    try:
        parse_rate(text)
    except Invalid as invalid:
        return invalid.detail
    return ""


def rates(given: str | list[str] | None, burst: int) -> Iterable[Rate]:
    """Return the rates of a setting, with a burst."""
    return [parse_rate(text, burst) for text in rate_texts(given)]
