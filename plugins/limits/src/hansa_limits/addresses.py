"""Addresses of callers: lists of networks that may call a channel or may not, and the network that
counts as one caller.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Iterable
from typing import TypeAlias

from hansa import Forbidden, Invalid, Request

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

REMEMBERED = 4096
"""Addresses of which a channel remembers whether they may call it."""
LONGEST = 64
"""Characters that count of a peer that is not an address."""


def parse_network(text: str) -> Network:
    """Return a network, `10.0.0.0/8`, or that of one address; raises `Invalid`."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Invalid(str(error)) from None


def faults_of_networks(texts: Iterable[str]) -> str:
    """Return what is wrong with a list of networks; an empty text if nothing is."""
    faults = []
    for text in texts:
        try:
            parse_network(text)
        except Invalid as invalid:
            faults.append(invalid.detail)
    return "; ".join(faults)


def address_of(peer: str) -> Address | None:
    """Return the address of a caller, an IPv4 address as such where IPv6 carries it; None for
    what is none.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_namer(ipv4_prefix: int, ipv6_prefix: int) -> Callable[[str], str]:
    """Return what names the network of a caller's address, of that many bits, which counts as one
    caller.
    """

    @functools.lru_cache(REMEMBERED)
    def name(peer: str) -> str:
        address = address_of(peer)
        if address is None:
            return peer[:LONGEST]
        prefix = ipv4_prefix if address.version == 4 else ipv6_prefix
        return str(ipaddress.ip_network((address, prefix), strict=False))

    return name


def address_guard(allow_from: Iterable[str], deny_from: Iterable[str]) -> Callable[[Request], None]:
    """Return what refuses callers whose address is in a network of `deny_from`, or in none of
    `allow_from` if that has any; and those whose address is not known.
    """
    allowed = [parse_network(text) for text in allow_from]
    denied = [parse_network(text) for text in deny_from]

    @functools.lru_cache(REMEMBERED)
    def may_call(peer: str) -> bool:
        address = address_of(peer)
        if address is None or _is_in(address, denied):
            return False
        return not allowed or _is_in(address, allowed)

    def guard(request: Request) -> None:
        if not may_call(request.peer):
            raise Forbidden("calls from this address are not accepted")

    return guard


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
