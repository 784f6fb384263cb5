"""Caches hold the contract of all types."""

from __future__ import annotations

from hansa_cache.kinds import CacheDefinition
from hansa_devkit.contract import Contract


class TestCache(Contract):
    cls = CacheDefinition
    good = {"max_items": 100, "max_value": 1000, "max_size": 1, "default_expiry": 60.0}
