"""Hansa's own addresses: where they begin, and those that are always there."""

from __future__ import annotations

OWN = "hansa"
"""The first part of the path of all of them."""

OWN_PREFIX = f"/{OWN}/"

PING = f"{OWN_PREFIX}ping"
LIVE = f"{OWN_PREFIX}live"
READY = f"{OWN_PREFIX}ready"

HEALTH_CHECKS = frozenset((LIVE, READY))
"""Those that load-balancers and monitoring ask again and again."""

ALWAYS_THERE = HEALTH_CHECKS | {PING}
"""Those that need neither a thread of services nor a channel."""
