"""The settings of a cache."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting

LONGEST_KEY = 1000
"""Bytes of a key in UTF-8."""
LONGEST_EXPIRY = 10 * 366 * 24 * 3600.0
"""Seconds after which an entry expires at the latest, if it does: ten years."""


class CacheSettings(Model):
    """Cache.

    Values by key, which all services of the cluster share.
    """

    max_items: Annotated[
        int,
        setting(
            "Maximum number of entries; one more takes the place of the one that was not used for "
            "the longest time",
            ge=1,
            le=100_000,
        ),
    ] = 10_000
    max_value: Annotated[
        int,
        setting(
            "Maximum size of one value in bytes, as JSON; a larger one is refused",
            ge=1,
            le=16 * 1024 * 1024,
        ),
    ] = 100_000
    max_size: Annotated[
        int,
        setting(
            "Maximum size of all keys and values in MiB; beyond it, the entries that were not used "
            "for the longest time go",
            ge=1,
            le=4096,
        ),
    ] = 64
    default_expiry: Annotated[
        float,
        setting(
            "Seconds after which entries expire that are set without an expiry of their own; 0: "
            "never",
            ge=0,
            le=LONGEST_EXPIRY,
        ),
    ] = 0.0
    extend_on_get: Annotated[
        bool,
        setting("Whether each reading of an entry lets its own expiry begin anew"),
    ] = False

    def check(self) -> None:
        """Refuse a cache that cannot hold one value of the largest size; raises `Invalid`."""
        if self.max_value + LONGEST_KEY > self.max_bytes:
            raise Invalid({"max_value": "must fit into max_size"})

    @property
    def max_bytes(self) -> int:
        """`max_size` in bytes."""
        return self.max_size * 1024 * 1024
