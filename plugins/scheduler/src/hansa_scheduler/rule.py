"""The grammar of crontab rules: what is accepted, and how it is handed to the library."""

from __future__ import annotations

import re

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Rules that have a name."""

FIELDS = ("minute", "hour", "day", "month", "weekday")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
SUNDAY = 0
SUNDAY_AS_END = 7

_STEP = r"(?:/\d{1,4})?"
_PLAIN = re.compile(rf"(?:\*|\d{{1,2}}|\d{{1,2}}-\d{{1,2}}){_STEP}", re.ASCII)
_SPECIAL = {
    "day": re.compile(r"LW?"),
    "weekday": re.compile(r"[0-7](?:L|#[1-5])", re.ASCII),
}
"""Terms that only one field knows: the last day and the last working day of a month; the last, or
the n-th, such weekday of a month."""


def parse_rule(rule: str) -> str:
    """Return a rule as its five fields, without names, as the library `cronsim` reads it.

    Raises ValueError, with what is wrong, for one that does not have the documented form.
    """
    text = ALIASES.get(rule.strip().lower(), rule)
    if text.strip().startswith("@"):
        raise ValueError(f"there is no such name; there are {', '.join(ALIASES)}")
    parts = text.upper().split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"it has {len(parts)}")
    return " ".join(_field(name, part) for name, part in zip(FIELDS, parts, strict=True))


def _field(name: str, part: str) -> str:
    return ",".join(_term(name, term) for term in part.split(","))


def _term(name: str, term: str) -> str:
    """Return one term of a field, without names and without a range of a single value."""
    plain = _without_names(name, term)
    special = _SPECIAL.get(name)
    if special is not None and special.fullmatch(plain):
        return plain
    if not _PLAIN.fullmatch(plain):
        raise ValueError(f"{term!r} is not valid as its {name}")
    values, _, _ = plain.partition("/")
    start, dash, end = values.partition("-")
    if dash and int(start) == int(end):
        # the library reads `3-3/3` as `3/3`, which is "from 3 on"
        return start
    return plain


def _without_names(name: str, term: str) -> str:
    """Return a term with numbers in place of the names of months or weekdays."""
    if name == "month":
        return _numbered(term, MONTHS, 1)
    if name != "weekday":
        return term
    numbered = _numbered(term, WEEKDAYS, SUNDAY)
    # a week that ends with Sunday: `FRI-SUN`
    if "-SUN" in term and not numbered.startswith(f"{SUNDAY}-"):
        return numbered.replace(f"-{SUNDAY}", f"-{SUNDAY_AS_END}")
    return numbered


def _numbered(term: str, names: tuple[str, ...], first: int) -> str:
    def number(found: re.Match[str]) -> str:
        name = found[0]
        return str(names.index(name) + first) if name in names else name

    return re.sub(r"[A-Z]{3}", number, term)
