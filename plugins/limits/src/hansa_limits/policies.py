"""The rates of a channel as policies: what each counts by, its name, and what the RateLimit headers
say of it (draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hansa import Request

from .addresses import network_namer
from .cells import Cell
from .rate import Rate, rates
from .settings import Limits

LONGEST_KEY = 100
"""Characters of a caller's name in the key of a counter; longer ones are hashed."""
SECOND = 1_000_000
"""Microseconds."""

KeyOf = Callable[[Request], str] | None
"""What a policy counts by: whose requests are counted together; None for all requests."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One rate, its name in headers, and what it counts by; `prefix` begins the keys of its
    counters.
    """

    name: str
    rate: Rate
    prefix: str
    key_of: KeyOf

    def cell(self, request: Request) -> Cell:
        """Return the counter of a request."""
        if self.key_of is None:
            return Cell(self.prefix, self.rate)
        return Cell(self.prefix + self.key_of(request), self.rate)

    def header(self) -> str:
        """Return the item of the header RateLimit-Policy."""
        return f'"{self.name}";q={self.rate.count};w={self.rate.window}'

    def state(self, left: int) -> str:
        """Return the item of the header RateLimit: the requests that there is room for, and the
        seconds until there is room for all; `left` is in microseconds.
        """
        rate = self.rate
        remaining = (rate.capacity - left) // rate.interval
        return f'"{self.name}";r={max(0, remaining)};t={-(-left // SECOND)}'

    def wait(self, left: int) -> int:
        """Return the microseconds until there is room for one more request."""
        return max(0, left - self.rate.capacity + self.rate.interval)


def policies_of(limits: Limits, channel: str) -> list[Policy]:
    """Return the policies of a channel, which counts together with those of its group, if any."""
    return list(_policies(limits, limits.rate_group or channel))


def _policies(limits: Limits, owner: str) -> Iterator[Policy]:
    network_of = network_namer(limits.ipv4_prefix, limits.ipv6_prefix)
    kinds: Sequence[tuple[str, str | list[str] | None, KeyOf]] = (
        ("channel", limits.rate, None),
        ("address", limits.rate_per_address, lambda request: network_of(request.peer)),
        ("definition", limits.rate_per_definition, definition_of),
        ("caller", limits.rate_per_caller, caller_of),
    )
    for what, given, key_of in kinds:
        for rate in rates(given, limits.burst):
            prefix = f"{owner}:{what}:{rate.text}:{rate.burst}:"
            yield Policy(f"{what}:{rate.text}", rate, prefix, key_of)


def name_of(request: Request) -> str:
    """Return the name of the caller; an empty text for one who need not say."""
    principal = request.principal
    return str(getattr(principal, "name", None) or principal or "")


def definition_of(request: Request) -> str:
    """Return the security definition that vouches for the caller; an empty text without one."""
    return str(getattr(request.principal, "definition", ""))


def caller_of(request: Request) -> str:
    """Return who calls, and by which security definition; the same for all who need not say."""
    caller = f"{definition_of(request)}:{name_of(request)}"
    if len(caller) > LONGEST_KEY:
        return hashlib.blake2b(caller.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return caller
