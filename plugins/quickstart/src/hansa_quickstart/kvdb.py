"""The key/value database of a cluster: the embedded Valkey as a component of its own, and what a Redis must fulfil."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from hansa import Invalid, load, spawn
from hansa_redis.early import RedisSection
from hansa_redis.engine import Valkey

from .component import KVDB, SERVER, Component, write_private
from .failure import INVALID, Failure

MINIMUM: Final = (6, 2)  # XAUTOCLAIM, by which messages of dead workers come back
ADDRESS_FILE: Final = "address"
FIRST_RESTART, LAST_RESTART = 0.2, 10.0


def redis_address(host: str, port: int, password: str) -> str:
    """The address of a Redis of one's own."""
    shown = f"[{host}]" if ":" in host else host
    login = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{login}{shown}:{port}/0"


def engine_of(component: Component) -> Valkey:
    """The embedded Valkey of a component, as its configuration wants it; raises `Failure`."""
    try:
        section = load(RedisSection, component.section("redis"))
    except Invalid as invalid:
        faults = "; ".join(f"redis.{key}: {fault}" for key, fault in invalid.errors.items())
        raise Failure(f"{component.config}: {faults}", INVALID) from None
    options: dict[str, Any] = {
        "durability": section.durability,
        "memory": section.memory,
        "program": section.program,
    }
    return Valkey(component.folder, **options)


def publish_address(component: Component, engine: Valkey) -> Path:
    """Write the file from which servers read the address, password and all."""
    path = component.folder / ADDRESS_FILE
    write_private(path, engine.address + "\n")
    return path


def run(component: Component) -> None:
    """Run the embedded Valkey until SIGTERM or SIGINT, and start it again when it ends by itself."""
    engine, ended = engine_of(component), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    publish_address(component, engine)
    delay = FIRST_RESTART
    while not ended.is_set():
        began = time.monotonic()
        child = _start(component, engine)
        while child.poll() is None and not ended.wait(0.1):
            pass
        if ended.is_set():
            child.send_signal(engine.stop_signal)
            try:
                child.wait(engine.stop_timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            return
        delay = (
            FIRST_RESTART
            if time.monotonic() - began > LAST_RESTART
            else min(delay * 2, LAST_RESTART)
        )
        print(
            f"Valkey ended with status {child.returncode}, starting it again in {delay:g} s",
            flush=True,
        )
        ended.wait(delay)


def _start(component: Component, engine: Valkey) -> subprocess.Popen[bytes]:
    logs = component.folder / "logs"
    logs.mkdir(exist_ok=True)
    with open(logs / "kvdb.log", "ab") as out:
        return spawn(
            engine.command(), cwd=engine.directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )


# -- checks -----------------------------------------------------------------------------------------------------------


def check_redis(address: str, durability: str | None) -> list[str]:
    """Warnings about a Redis; raises `Failure` if it cannot be used.

    `durability` is what `config.toml` says: only "durable" makes a Redis that may lose accepted messages a fault.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    limits: dict[str, Any] = {
        "socket_connect_timeout": 3,
        "socket_timeout": 5,
        "retry": Retry(NoBackoff(), 0),
    }
    try:
        client = redis.Redis.from_url(address, decode_responses=True, **limits)
        try:
            about: dict[str, Any] = client.info()
            policy = _setting(client, "appendfsync")
        finally:
            client.close()
    except (redis.RedisError, OSError, ValueError) as error:
        raise Failure(f"Redis: {shown(address)} cannot be used: {error}") from None
    found = str(about.get("redis_version", "0"))
    if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < MINIMUM:
        raise Failure(
            f"Redis: {shown(address)} is version {found}, and {'.'.join(map(str, MINIMUM))} is needed"
        )
    if not about.get("aof_enabled"):
        fault = (
            f"Redis: {shown(address)} keeps no append-only file (appendonly no): asynchronous invocations that were "
            "accepted are lost when it is killed, and what its last snapshot lacks when it is restarted"
        )
    elif policy in ("everysec", "no"):
        fault = (
            f"Redis: {shown(address)} writes to disk with appendfsync {policy}: a power failure loses "
            + (
                "up to a second of accepted asynchronous invocations"
                if policy == "everysec"
                else "accepted asynchronous invocations that the system had not written yet"
            )
        )
        return [fault]
    else:
        return []
    if durability == "durable":
        raise Failure(f'{fault}. [redis] durability = "durable" forbids that: set appendonly yes')
    return [fault]


def _setting(client: Any, name: str) -> str:
    import redis

    try:
        return str(client.config_get(name).get(name, ""))
    except redis.ResponseError:  # a Redis that forbids CONFIG
        return ""


def shown(address: str) -> str:
    """The address without its password."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".partition("?")[0]


def address_of(component: Component) -> str:
    """The address of the Redis that a server or the embedded database uses; empty if a server runs its own."""
    if component.kind == KVDB:
        try:
            return (component.folder / ADDRESS_FILE).read_text().strip()
        except OSError:
            return ""
    assert component.kind == SERVER
    return str(component.section("redis").get("address", ""))
