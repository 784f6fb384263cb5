"""Rate limits and kept answers of channels: sections of settings here, flat keys in Zato."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..payloads import PlainDict
from .parts import Custom, Reading, Writing
from .values import BOOLEAN, INTEGER, Unfit

RATE_KEYS: Final = (
    "is_rate_limit_active",
    "rate_limit_def",
    "rate_limit_type",
    "rate_limit_check_parent_def",
)
CACHE_KEYS: Final = ("cache_name", "cache_type", "cache_id", "cache_expiry")
LIMITS: Final = "limits"
CACHED: Final = "response_cache"
ANYBODY: Final = "*"
MANY: Final = "Zato has one rate for each network"
_LINE: Final = re.compile(r"\s*(?P<source>[^=\s]+)\s*=\s*(?P<rate>[0-9]+\s*/\s*[smhd])\s*")
_SAFE: Final = ["GET", "HEAD", "POST"]
"""Methods whose answers are kept where a channel of Zato takes any: others change something."""


def _read_rate(reading: Reading) -> None:
    """Read a definition of one line, `NETWORK=N/UNIT`; several are told, as each network would need
    a channel of its own.
    """
    given = reading.first(("rate_limit_def",))
    if not given or not _is_on(reading.item.get("is_rate_limit_active", True)):
        return
    lines = [line for line in str(given).splitlines() if line.strip()]
    found = _LINE.fullmatch(lines[0]) if len(lines) == 1 else None
    if found is None:
        reading.lost(
            "rate_limit_def",
            "a channel here has one rate, for all networks that may call",
            "its settings limits.rate and limits.allow_from, or a channel for each network",
        )
        return
    limits: PlainDict = {"rate": re.sub(r"\s", "", found["rate"])}
    if found["source"] != ANYBODY:
        limits["allow_from"] = [found["source"]]
    if str(reading.item.get("rate_limit_type", "")).upper().startswith("APPROX"):
        limits["rate_scope"] = "worker"
    reading.settings[LIMITS] = limits


def _is_on(value: object) -> bool:
    try:
        return bool(BOOLEAN.read(value))
    except Unfit:
        return True


def _write_rate(writing: Writing) -> None:
    limits = dict(writing.settings.get(LIMITS) or {})
    rate, sources = limits.pop("rate", None), limits.pop("allow_from", [ANYBODY])
    is_one = isinstance(rate, str) and len(sources) == 1 and writing.generation != "2.0"
    if is_one:
        scope = limits.pop("rate_scope", "cluster")
        writing.put("is_rate_limit_active", True)
        writing.put("rate_limit_type", "APPROXIMATE" if scope == "worker" else "EXACT")
        writing.put("rate_limit_def", f"{sources[0]}={rate}")
    elif LIMITS in writing.settings:
        writing.lost(LIMITS, MANY)
        return
    for name in sorted(limits):
        writing.lost(f"{LIMITS}.{name}", "Zato has nothing of the kind")


def _read_cache(reading: Reading) -> None:
    """Read the cache of a channel: each caller has answers of its own here, unless that is set."""
    name = reading.first(("cache_name",))
    if not name:
        return
    if reading.item.get("cache_type") == "memcached":
        reading.lost("cache_name", "there is no Memcached here", "a cache of hansa-cache, in Redis")
        return
    kept: PlainDict = {"cache": str(name), "methods": _methods(reading.item)}
    try:
        expiry = INTEGER.read(reading.item.get("cache_expiry") or 0)
    except Unfit as unfit:
        reading.fault("cache_expiry", str(unfit))
        return
    if expiry:
        kept["expiry"] = expiry
    reading.settings[CACHED] = kept
    reading.differs(
        "cache_name",
        "each caller has answers of its own, and those of PUT, PATCH and DELETE are not kept unless "
        "the channel is for that method alone",
        "its settings response_cache.per_caller and response_cache.methods",
    )


def _methods(item: Mapping[str, object]) -> list[str]:
    method = str(item.get("method") or "").strip().upper()
    return [method] if method else list(_SAFE)


def _write_cache(writing: Writing) -> None:
    kept = writing.settings.get(CACHED)
    if not isinstance(kept, dict) or not kept.get("cache"):
        return
    if writing.generation == "2.0":
        writing.lost(CACHED, "Zato has it from version 3.0 on")
        return
    writing.put("cache_type", "builtin")
    writing.put("cache_name", kept["cache"])
    writing.put("cache_expiry", kept.get("expiry", 0))
    for name in sorted(kept.keys() - {"cache", "expiry", "methods"}):
        writing.lost(f"{CACHED}.{name}", "Zato has nothing of the kind")


POLICIES: Final = (
    Custom(RATE_KEYS, (), _read_rate, _write_rate, optional=(LIMITS,)),
    Custom(CACHE_KEYS, (), _read_cache, _write_cache, optional=(CACHED,)),
)
"""Of channels over HTTP. A file that does not name them leaves those of a channel as they are."""
