"""A Redis of the user's own: its address, and whether it is safe to use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from hansa_redis.address import address_fault

from .failure import Failure

if TYPE_CHECKING:
    from redis import Redis

MINIMUM: Final = (6, 2)
"""The oldest version of Redis that has XAUTOCLAIM, which recovers the messages of dead workers."""

_LOSSES: Final = {
    "everysec": "up to a second of accepted asynchronous invocations",
    "no": "accepted asynchronous invocations that the system has not written yet",
}
"""What a power failure loses, by the setting appendfsync of Redis."""


@dataclass(frozen=True)
class _Persistence:
    version: str
    append_only: bool
    appendfsync: str
    """Empty if Redis does not reveal it."""


def redis_address(host: str, port: int, password: str) -> str:
    """Return the address of a Redis as a URL; an empty password is left out."""
    bracketed = f"[{host}]" if ":" in host else host
    login = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{login}{bracketed}:{port}/0"


def without_password(address: str) -> str:
    """Return an address as messages may show it."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".partition("?")[0]


def check_redis(address: str, durability: str | None) -> list[str]:
    """Return warnings about a Redis; raises `Failure` if it cannot be used.

    `durability` is the setting in config.toml: with "durable", a Redis without an append-only file
    is refused.
    """
    shown = without_password(address)
    found = _persistence(address)
    numbers = tuple(int(part) for part in found.version.split(".")[:2] if part.isdigit())
    if numbers < MINIMUM:
        needed = ".".join(map(str, MINIMUM))
        raise Failure(f"Redis: {shown} is version {found.version}, but {needed} is needed")
    if not found.append_only:
        fault = (
            f"Redis: {shown} keeps no append-only file (appendonly no): "
            "it loses accepted asynchronous invocations when it is killed, "
            "and those since its last snapshot when it is restarted"
        )
        if durability == "durable":
            rule = '[redis] durability = "durable" forbids that: set appendonly yes'
            raise Failure(f"{fault}. {rule}")
        return [fault]
    loss = _LOSSES.get(found.appendfsync)
    if loss is None:
        return []
    policy = f"appendfsync {found.appendfsync}"
    return [f"Redis: {shown} writes to disk with {policy}: a power failure loses {loss}"]


def _persistence(address: str) -> _Persistence:
    """Ask a Redis how it persists, of a Redis Cluster one node; raises `Failure`."""
    # redis-py takes long to import
    import redis
    from hansa_redis.bus import open_redis

    fault = address_fault(address)
    if fault:
        raise Failure(f"Redis: {without_password(address)} {fault}")
    try:
        with open_redis(address) as client:
            about = client.info()
            return _Persistence(
                version=str(about.get("redis_version", "0")),
                append_only=bool(about.get("aof_enabled")),
                appendfsync=_setting(client, "appendfsync"),
            )
    except (redis.RedisError, OSError) as error:
        shown = without_password(address)
        raise Failure(f"Redis: {shown} cannot be used: {error}") from None


def _setting(client: Redis, name: str) -> str:
    import redis

    try:
        return str(client.config_get(name).get(name, ""))
    except redis.ResponseError:  # this Redis forbids CONFIG
        return ""
