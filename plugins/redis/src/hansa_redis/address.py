"""Addresses of a Redis or Valkey: `redis://HOST:PORT/DB`, `rediss://` with TLS, `unix:///PATH`."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

SCHEMES = ("redis", "rediss", "unix")


def split_address(address: str) -> tuple[SplitResult | None, str]:
    """Return the parts of an address, or None and what is wrong with it."""
    try:
        parts = urlsplit(address)
        place = parts.path if parts.scheme == "unix" else parts.hostname
        _ = parts.port  # raises for a port that is not a number
    except ValueError as error:
        return None, f"is not an address: {error}"
    if parts.scheme not in SCHEMES or not place:
        return None, "must look like redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
    return parts, ""
