"""`self.rates` of services: rates that a service counts itself, such as one for each of its customers."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Final, Literal

from hansa import Invalid

from .callers import LONGEST_KEY
from .cells import Cell, Cells
from .policies import Policy
from .rate import Rate, parse_rate
from .throttling import refusal

KNOWN: Final = 1024
"""Rates whose texts are read once."""
Scope = Literal["cluster", "worker"]
_parsed = functools.lru_cache(KNOWN)(parse_rate)


class Rates:
    """Rates by name: `self.rates.check(f"customer {number}", "10/m")`.

    Names belong to the whole cluster: services that give the same name, with the same rate, count
    together. They are counted in the cluster's Redis as rates of channels are; with the scope
    `worker`, or without Redis, in each worker by itself.
    """

    def __init__(self, cells: Mapping[str, Cells]) -> None:
        self._cells = cells

    def check(self, name: str, rate: str, *, burst: int = 0, scope: Scope = "cluster") -> None:
        """Count one call; raises `TooMany` (429 with Retry-After) where there is no room for it, which
        is then not counted, and `Invalid` for what is no rate.

        A rate is `N/s`, `N/m`, `N/h` or `N/d`; `burst` is how many at once, 0 for the whole number.
        """
        policy = _policy(name, rate, burst)
        judgement = self._cells[scope].take([Cell(policy.prefix, policy.rate)])
        if not judgement.accepted:
            [left] = judgement.left
            raise refusal([policy], [left], policy.header(), policy.state(left))


def _policy(name: str, text: str, burst: int) -> Policy:
    if burst < 0:
        raise Invalid({"burst": "is negative"})
    rate: Rate = _parsed(text, burst)
    return Policy(f"channel:{rate.text}", rate, f"own:{_key(name)}:{rate.text}:{rate.burst}", None)


def _key(name: str) -> str:
    if len(name) <= LONGEST_KEY and name.isprintable():
        return name
    return hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=16).hexdigest()
