"""The rates of a channel as policies: what each counts by, its name, and what the RateLimit headers
say of it (draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hansa import Request

from .addresses import network_namer
from .callers import caller_of, definition_of
from .cells import Cell
from .rate import Rate, rates
from .settings import Limits

SECOND = 1_000_000
"""Microseconds."""

KeyOf = Callable[[Request], str]
"""What a policy counts by: whose requests are counted together."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One rate, its name in headers, and what it counts by, None for all requests; `prefix` begins
    the keys of its counters.
    """

    name: str
    rate: Rate
    prefix: str
    key_of: KeyOf | None

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


def policies_of(limits: Limits, channel: str, account_of: KeyOf = caller_of) -> list[Policy]:
    """Return the policies of a channel, which counts together with those of its group, if any;
    `account_of` names the account of a request.
    """
    return list(_policies(limits, limits.rate_group or channel, account_of))


def _policies(limits: Limits, owner: str, account_of: KeyOf) -> Iterator[Policy]:
    network_of = network_namer(limits.ipv4_prefix, limits.ipv6_prefix)
    kinds: Sequence[tuple[str, str | list[str] | None, KeyOf | None]] = (
        ("channel", limits.rate, None),
        ("address", limits.rate_per_address, lambda request: network_of(request.peer)),
        ("definition", limits.rate_per_definition, definition_of),
        ("account", limits.rate_per_account, account_of),
        ("caller", limits.rate_per_caller, caller_of),
    )
    for what, given, key_of in kinds:
        for rate in rates(given, limits.burst):
            prefix = f"{owner}:{what}:{rate.text}:{rate.burst}:"
            yield Policy(f"{what}:{rate.text}", rate, prefix, key_of)
