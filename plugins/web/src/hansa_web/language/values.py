"""Numbers and times as the language of the user writes them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from ..view import current_view
from .catalogues import SOURCE
from .pseudo import PSEUDO

_PLAIN = (SOURCE, PSEUDO)
"""Languages in which times are as ISO 8601 has them, and numbers as Python writes them."""


def whole(value: float) -> str:
    """Return a number with its thousands apart."""
    language = current_view().language
    return f"{value:,}" if language in _PLAIN else _whole(value, language)


def decimal(text: str) -> str:
    """Return a number that Python has written, with the decimal sign of the language."""
    language = current_view().language
    return text if language in _PLAIN else text.replace(".", _decimal_sign(language))


def moment(found: datetime) -> str:
    """Return a time in the zone of the user, such as `2026-11-30 14:03:07 CET`; where that has no such
    time, as it is.
    """
    view = current_view()
    language = view.language
    try:
        local = view.local(found)
    except OverflowError:
        local = found
    if language in _PLAIN:
        return local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return _moment(local.replace(tzinfo=None), language) + f" {local.tzname()}"


# PERF: lists show the same times and numbers again and again; Babel takes 40 µs for a time


@lru_cache(4096)
def _whole(value: float, language: str) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, locale=language.replace("-", "_"))


@lru_cache(64)
def _decimal_sign(language: str) -> str:
    from babel.numbers import get_decimal_symbol

    return get_decimal_symbol(language.replace("-", "_"))


@lru_cache(4096)
def _moment(local: datetime, language: str) -> str:
    from babel.dates import format_datetime

    return format_datetime(local, "medium", locale=language.replace("-", "_"))
