"""How fast Redis answers, what it keeps when it ends, whether it drops data, and its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from hansa import ExaminedServer, Finding
from hansa_quickstart.place import engine_of
from hansa_quickstart.redis_check import without_password

from ..clock import judge_clock
from ..subject import place_of

if TYPE_CHECKING:
    from redis import Redis

SLOW: Final = 0.005
"""Seconds from which a Redis is slow: each asynchronous call asks it several times."""
TOO_SLOW: Final = 0.1
FULL: Final = 0.8
"""Share of the memory from which it is nearly full."""
ATTEMPTS: Final = 5


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield what a Redis that runs says of itself."""
    from hansa_redis.bus import open_redis
    from redis import RedisError

    place = place_of(server)
    if not place.has_redis:
        yield Finding("ok", "no Redis is used")
        return
    engine = engine_of(place)
    if engine is not None and not engine.ready():
        remedy = f"hansa start {place.folder}; if it does not start, its log says why"
        yield Finding("warning", f"the embedded Valkey in {engine.directory} does not run", remedy)
        return
    with place.redis() as address:
        try:
            with open_redis(address) as client:
                yield from _findings(client)
        except (RedisError, OSError) as error:
            remedy = "start it, or correct [redis] address"
            text = f"{without_password(address)} cannot be used: {error}"
            yield Finding("fault", text, remedy)


def _findings(client: Redis) -> Iterator[Finding]:
    fastest = float("inf")
    for _ in range(ATTEMPTS):
        began = time.perf_counter()
        client.ping()
        fastest = min(fastest, time.perf_counter() - began)
    about = client.info()
    text = f"version {about.get('redis_version')}; answers in {fastest * 1000:.2f} ms"
    if fastest < SLOW:
        yield Finding("ok", text)
    else:
        remedy = "look at its load, slow commands (SLOWLOG GET) and the network between"
        yield Finding("fault" if fastest > TOO_SLOW else "warning", text, remedy)
    before = time.time()
    seconds, microseconds = client.time()
    yield judge_clock("Redis", seconds + microseconds / 1e6, (before + time.time()) / 2)
    yield from persistence(about, _settings(client))
    yield from memory(about)


def _settings(client: Redis) -> Mapping[str, str]:
    from redis import ResponseError

    try:
        return {str(name): str(value) for name, value in client.config_get("appendfsync").items()}
    except ResponseError:  # this Redis forbids CONFIG
        return {}


def persistence(about: Mapping[str, object], settings: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what a Redis loses when it ends, by its `INFO` and settings."""
    remedy = "set appendonly yes and appendfsync always or everysec, in its configuration too"
    if not about.get("aof_enabled"):
        text = "no append-only file: what was accepted is lost when it ends"
        yield Finding("fault", text, remedy)
    elif settings.get("appendfsync") == "no":
        text = "appendfsync no: a power failure loses up to half a minute"
        yield Finding("warning", text, remedy)
    else:
        yield Finding("ok", f"append-only file, appendfsync {settings.get('appendfsync', '?')}")
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status"):
        if about.get(name, "ok") != "ok":
            remedy = "make space on its disk, and look into its log"
            yield Finding("fault", f"{name} is {about[name]}", remedy)


def memory(about: Mapping[str, object]) -> Iterator[Finding]:
    """Yield whether a Redis drops data when it is full, and how full it is, by its `INFO`."""
    limit, used = int(str(about.get("maxmemory", 0))), int(str(about.get("used_memory", 0)))
    policy = str(about.get("maxmemory_policy", "noeviction"))
    if limit and policy != "noeviction":
        text = f"maxmemory-policy {policy}: it drops what was accepted when it is full"
        yield Finding("fault", text, "CONFIG SET maxmemory-policy noeviction, and in its file too")
    if int(str(about.get("evicted_keys", 0))):
        text = f"it has dropped {about['evicted_keys']} keys since its start"
        yield Finding("fault", text, "give it more memory; restore what is missing from a backup")
    share = used / limit if limit else 0.0
    text = f"{used / 2**20:.0f} MiB used" + (f" of {limit / 2**20:.0f}" if limit else ", no limit")
    if share > FULL:
        remedy = "raise maxmemory ([redis] memory), or find what grows: hansa queue, hansa failed"
        yield Finding("warning", text, remedy)
    else:
        yield Finding("ok", text)
