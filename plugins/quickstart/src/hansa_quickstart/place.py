"""What an operator has before him: the folder of a cluster or of a server, with its ODB and its
Redis.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hansa import HansaError, spawn
from hansa_redis.early import RedisSection
from hansa_redis.engine import Valkey

from . import kvdb
from .component import KVDB, SERVER, Component
from .failure import NOT_A_COMPONENT, Failure

START_LIMIT: Final = 120.0
"""Seconds that an embedded Valkey has to load its data."""
_POLL: Final = 0.05
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True)
class Place:
    """A cluster in a folder: its servers, and the embedded Valkey that they share, if they do."""

    folder: Path
    servers: tuple[Component, ...]
    kvdb: Component | None

    @property
    def first(self) -> Component:
        """The server whose configuration says where ODB and Redis are."""
        return self.servers[0]

    @property
    def cluster(self) -> str:
        """The name of the cluster; raises `Failure`."""
        return str(self.first.section("server").get("cluster", "hansa"))

    @property
    def odb_url(self) -> str:
        """The SQLAlchemy URL of the ODB; raises `Failure`."""
        given = self.first.section("odb").get("url")
        return str(given or f"{_SQLITE}{home_of(self.first) / 'odb.sqlite'}")

    @property
    def odb_file(self) -> Path | None:
        """The file of the ODB if it is SQLite."""
        if not self.odb_url.startswith(_SQLITE):
            return None
        return Path(self.odb_url.partition("?")[0].removeprefix(_SQLITE))

    @property
    def has_redis(self) -> bool:
        """Whether its servers use a Redis."""
        return "redis" not in self.first.section("plugins").get("blocked", [])

    @contextmanager
    def redis(self) -> Iterator[str]:
        """Give the address of its Redis; an embedded Valkey that does not run is run meanwhile.

        Raises `Failure`.
        """
        engine = engine_of(self)
        if engine is None:
            yield str(self.first.section("redis")["address"])
            return
        command = _start_command(engine)
        if command is None:
            yield engine.address
            return
        with _running(engine, command):
            yield engine.address

    def publish_redis(self) -> None:
        """Write where the shared Valkey is into the file that servers read, as its start does."""
        if self.kvdb is not None:
            kvdb.publish_address(self.kvdb, kvdb.engine_of(self.kvdb))


def open_place(path: Path) -> Place:
    """Return what is in a folder: a cluster or server of hansa-quickstart, or the config.toml of a
    server. Raises `Failure`.
    """
    folder = path.expanduser().resolve()
    component = Component(folder)
    if not component.exists:
        if not component.config.exists():
            message = f"{folder} holds no cluster and no server: it has no config.toml"
            raise Failure(message, NOT_A_COMPONENT)
        return Place(folder, (component,), None)
    if component.is_cluster:
        servers = tuple(component.parts_of(SERVER))
        if not servers:
            raise Failure(f"{folder} holds no server", NOT_A_COMPONENT)
        return Place(folder, servers, component.part(KVDB))
    if component.kind == SERVER:
        return Place(folder, (component,), component.part(KVDB))
    raise Failure(f"{folder} is a {component.kind}, not a cluster or server", NOT_A_COMPONENT)


def home_of(server: Component) -> Path:
    """Return the folder of everything that a server writes; raises `Failure`."""
    if server.exists:
        return server.folder
    return (server.folder / str(server.section("server").get("dir", "var"))).resolve()


def engine_of(place: Place) -> Valkey | None:
    """Return the embedded Valkey of a place; None for a Redis that an address names. Raises
    `Failure`.
    """
    address = place.first.raw().get("redis", {}).get("address")
    if place.kvdb is not None:
        file = str(place.kvdb.folder / kvdb.ADDRESS_FILE)
        if address == {"$file": file}:
            return kvdb.engine_of(place.kvdb)
    if address:
        return None
    defaults = RedisSection()
    section = place.first.section("redis")
    return Valkey(
        home_of(place.first),
        durability=section.get("durability", defaults.durability),
        memory=section.get("memory", defaults.memory),
        program=section.get("program", defaults.program),
    )


def _start_command(engine: Valkey) -> list[str] | None:
    """Return how an embedded Valkey is started, None if it runs; raises `Failure`."""
    deadline = time.monotonic() + START_LIMIT
    while not engine.ready():
        try:
            return engine.command()
        except HansaError as error:
            # one that runs may be slow to answer
            if time.monotonic() > deadline:
                raise Failure(f"Redis: {error}") from None
            time.sleep(_POLL)
    return None


@contextmanager
def _running(engine: Valkey, command: list[str]) -> Iterator[None]:
    """Run an embedded Valkey for a while."""
    try:
        child = spawn(
            command,
            cwd=engine.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    except HansaError as error:
        raise Failure(f"Redis: {error}") from None
    try:
        deadline = time.monotonic() + START_LIMIT
        while not engine.ready():
            if child.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"Redis: the embedded Valkey in {engine.directory} does not start")
            time.sleep(_POLL)
        yield
    finally:
        child.send_signal(engine.stop_signal)
        child.wait()
        engine.close()
