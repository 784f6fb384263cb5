"""How single values of Zato's objects read in Hansa's settings, and the other way round."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Convert = Callable[[object], object]

_TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0", ""})


class Unfit(ValueError):
    """A value that the other side has no place for; its text says why."""


@dataclass(frozen=True, slots=True)
class Value:
    """A pair of functions: `read` from Zato's value to Hansa's, `write` back; raise `Unfit`."""

    read: Convert
    write: Convert


LONGEST_SHOWN: Final = 80
"""Characters of a value that an error shows."""


def shown(value: object) -> str:
    """Return a value as an error shows it."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _text(value: object) -> object:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise Unfit(f"{shown(value)} is not a text")


def _integer(value: object) -> object:
    try:
        return int(str(value))
    except ValueError:
        raise Unfit(f"{shown(value)} is not a whole number") from None


def _number(value: object) -> object:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unfit(f"{shown(value)} is not a number")
    return number


def _short_number(value: object) -> object:
    number = float(str(value))
    return int(number) if number.is_integer() else number


def _boolean(value: object) -> object:
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unfit(f"{shown(value)} is neither true nor false")


def _same(value: object) -> object:
    return value


def lines_of(value: object) -> list[str]:
    """Return the entries of a text with one on each line, or with commas between them."""
    if isinstance(value, list):
        return [str(one).strip() for one in value if str(one).strip()]
    return [line.strip() for line in re.split(r"[\r\n,]+", str(value)) if line.strip()]


def _joined(value: object) -> object:
    return "\n".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _table(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): str(inner) for key, inner in value.items()}
    found = {}
    entries = value if isinstance(value, list) else re.split(r"[\r\n]+", str(value))
    for number, entry in enumerate(entries, 1):
        line = str(entry).strip()
        if not line:
            continue
        key, equals, inner = line.partition("=")
        if not equals:
            # not the line itself, which may have a key of an API
            raise Unfit(f"its line {number} is not of the form key=value")
        found[key.strip()] = inner.strip()
    return found


def _table_lines(value: object) -> object:
    if not isinstance(value, dict):
        raise Unfit("is not a table")
    return "\n".join(f"{key}={inner}" for key, inner in value.items())


def _moment(value: object) -> object:
    """Return a time in UTC in ISO 8601."""
    if isinstance(value, datetime.datetime):
        moment = value
    else:
        try:
            moment = datetime.datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise Unfit(f"{shown(value)} is not a time like 2026-01-31 23:59:00") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="seconds") + "Z"


def _plain_moment(value: object) -> object:
    moment = datetime.datetime.fromisoformat(str(value))
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


TEXT: Final = Value(_text, _same)
INTEGER: Final = Value(_integer, _same)
NUMBER: Final = Value(_number, _short_number)
BOOLEAN: Final = Value(_boolean, _same)
LINES: Final = Value(lines_of, _joined)
"""One entry on each line in Zato, a list here."""
TABLE: Final = Value(_table, _table_lines)
"""`key=value` on each line in Zato, a table here."""
MOMENT: Final = Value(_moment, _plain_moment)
"""`2026-01-31 23:59:00`, in UTC, in Zato; ISO 8601 here."""


def one_of(pairs: dict[str, str], *, what: str) -> Value:
    """Return how a word of Zato is one of Hansa's; words that are not in `pairs` are unfit.

    Where two words of Zato are the same here, the first one is written.
    """
    back: dict[str, str] = {}
    for zato, hansa in pairs.items():
        back.setdefault(hansa, zato)

    def read(value: object) -> object:
        try:
            return pairs[str(value)]
        except KeyError:
            raise Unfit(
                f"there is no {what} {shown(value)} here (there are: {', '.join(pairs)})"
            ) from None

    def write(value: object) -> object:
        try:
            return back[str(value)]
        except KeyError:
            raise Unfit(f"Zato has no {what} {shown(value)}") from None

    return Value(read, write)
