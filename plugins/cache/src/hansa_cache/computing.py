"""Computing what a cache has no value of, once for all who ask for it at the same time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from hansa import HansaError, time_left

if TYPE_CHECKING:
    from .cache import Cache
    from .entries import Value

CLAIM = 30.0
"""Seconds for which one caller may compute before another one begins, too."""
FIRST_PAUSE = 0.01
LAST_PAUSE = 0.25


def compute_once(
    cache: Cache, key: str, compute: Callable[[], Value], expiry: float | None
) -> Value:
    """Return the value of a key, or compute and keep it unless another caller does so.

    Who waits does so for at most 30 s, and then computes it as well: a value that nobody kept must
    not hold up those who need it.
    """
    found = cache.get(key)
    if found is not None:
        return found
    holder = uuid.uuid4().hex
    ends_at = time.monotonic() + min(CLAIM, _left())
    pause = FIRST_PAUSE
    while not cache.store.claim(key, holder, CLAIM):
        if time.monotonic() >= ends_at:
            return _kept(cache, key, compute, expiry)
        time.sleep(pause)
        pause = min(2 * pause, LAST_PAUSE)
        found = cache.look(key)
        if found is not None:
            return found
    try:
        # who had the claim before may have kept a value just before it gave the claim back
        found = cache.look(key)
        return _kept(cache, key, compute, expiry) if found is None else found
    finally:
        _release(cache, key, holder)


def _kept(cache: Cache, key: str, compute: Callable[[], Value], expiry: float | None) -> Value:
    made = compute()
    if made is not None:
        cache.set(key, made, expiry)
    return made


def _release(cache: Cache, key: str, holder: str) -> None:
    try:
        cache.store.release(key, holder)
    except HansaError:
        # it ends by itself, and what was computed counts
        return


def _left() -> float:
    left = time_left()
    return CLAIM if left is None else max(left, 0.0)
