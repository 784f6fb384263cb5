"""Which language a browser asks for: `Accept-Language` (RFC 9110, 12.5.4)."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 20
"""Languages of a header that are looked at."""


def accepted(header: str, known: Sequence[str]) -> str:
    """Return the known language that a browser prefers, else the first of the known ones.

    A language is looked up as RFC 4647, 3.4, says: `de-AT` is `de` where there is no `de-AT`.
    """
    # the longest first: `de-AT` is more to the point than `de`
    longest_first = sorted(known, key=len, reverse=True)
    for tag in _by_preference(header):
        wanted = f"{tag.lower()}-"
        for found in longest_first:
            if wanted.startswith(f"{found.lower()}-"):
                return found
    return known[0]


def _by_preference(header: str) -> list[str]:
    """Return the languages of a header, the preferred ones first, without those that are refused."""
    weighed = [_weighed(part) for part in header.split(",")[:MOST]]
    wanted = [one for one in weighed if one[1] > 0]
    return [tag for tag, _ in sorted(wanted, key=lambda one: -one[1])]


def _weighed(part: str) -> tuple[str, float]:
    tag, _, parameter = part.strip().partition(";")
    name, _, value = parameter.strip().partition("=")
    try:
        return tag.strip(), float(value) if name == "q" else 1.0
    except ValueError:
        return tag.strip(), 0.0
