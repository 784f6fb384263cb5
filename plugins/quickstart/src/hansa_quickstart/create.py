"""`hansa quickstart create`: a whole cluster in a folder, in eight steps."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from . import authority, files, kvdb, odb, words
from .component import KVDB, LOAD_BALANCER, QUICKSTART, SERVER, WEB_ADMIN, Component, describe, write_private
from .failure import INVALID, NOT_EMPTY, Failure

FRONT, ADMIN, FIRST_SERVER = 11223, 8183, 17010
OWN: Final = {"server", "http", "odb", "redis", "pickup", "loadbalancer", "log", "plugins"}


@dataclass(frozen=True)
class Ports:
    """Where a cluster listens: without `base` the ports of the tutorial, else `base`, `base` + 1, and from `base` + 10 on."""

    base: int | None = None

    @property
    def front(self) -> int:
        """The load-balancer's port for clients."""
        return FRONT if self.base is None else self.base

    @property
    def admin(self) -> int:
        """The port of the admin API, and of the web admin."""
        return ADMIN if self.base is None else self.base + 1

    def server(self, index: int) -> int:
        """The port of a server, counted from 0."""
        return (FIRST_SERVER if self.base is None else self.base + 10) + index


@dataclass(frozen=True)
class Plan:
    """What is to be created."""

    folder: Path
    odb_url: str
    redis_address: str = ""  # empty: the embedded Valkey
    cluster: str = ""
    servers: int = 2
    ports: Ports = field(default_factory=Ports)
    include: Path | None = None

    @property
    def server_names(self) -> list[str]:
        """server1, server2 ..."""
        return [f"server{number + 1}" for number in range(self.servers)]


def create(plan: Plan, say: Callable[[str], None]) -> None:
    """Create the cluster, telling each step; a failure leaves nothing behind. Raises `Failure`."""
    folder = plan.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not an empty folder", NOT_EMPTY)
    more = included(plan.include) if plan.include else {}
    there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    try:
        _Making(plan, more, say).run()
    except BaseException:
        for inner in folder.iterdir():
            shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
        if not there:
            folder.rmdir()
        raise


class _Making:
    """The eight steps, and what they share."""

    def __init__(self, plan: Plan, more: dict[str, Any], say: Callable[[str], None]) -> None:
        self.plan, self.more, self._say = plan, more, say
        self.folder = plan.folder
        self.cluster = plan.cluster or f"quickstart-{secrets.randbelow(9_900_000) + 100_000}"
        # servers of one cluster share the key that encrypts secrets in the ODB, and the admin's password
        self.key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self.password = os.environ.get("HANSA_ADMIN_PASSWORD") or secrets.token_urlsafe(24)
        self.issued: dict[str, authority.Issued] = {}
        self.addresses = {name: f"127.0.0.1:{plan.ports.server(index)}" for index, name in enumerate(plan.server_names)}
        self.steps = 6 + plan.servers
        self.step = 0

    def run(self) -> None:
        """Everything, in order."""
        self._authority()
        self._done("Certificate authority created")
        odb.create_schema(self.plan.odb_url)
        self._done("ODB schema created")
        reference = self._kvdb()
        self._done("ODB initial data created")
        for name in self.plan.server_names:
            self._server(name, reference)
            self._done(f"{name} created")
        self._balancer()
        self._done("Load-balancer created")
        self._component("web-admin", WEB_ADMIN)
        self._say("Superuser created successfully.")
        self._done("Web admin created")
        for name, text in files.scripts().items():
            write_private(self.folder / name, text, 0o700)
        self._describe()
        self._done("Management scripts created")
        self._say(f"Quickstart cluster {self.cluster} created")
        self._say(f"Web admin user:[admin], password:[{self.password}]")
        self._say(f"Start the cluster by issuing the {self.folder / f'{words.program()}-qs-start.sh'} command")

    def _done(self, what: str) -> None:
        self.step += 1
        self._say(f"[{self.step}/{self.steps}] {what}")

    def _authority(self) -> None:
        home = self.folder / "ca"
        authority.create_authority(home)
        for name in (*self.plan.server_names, "load-balancer", "web-admin"):
            self.issued[name] = authority.issue(home, name)

    def _component(self, name: str, kind: str, config: str = "") -> Path:
        folder = self.folder / name
        (folder / "logs").mkdir(mode=0o700, parents=True)
        describe(folder, kind)
        if config:
            write_private(folder / "config.toml", config)
        if name in self.issued:
            authority.install(self.folder / "ca", self.issued[name], folder)
        return folder

    def _kvdb(self) -> Any:
        """Make the embedded Valkey, if it is wanted; gives what servers write as the address of their Redis."""
        if self.plan.redis_address:
            return self.plan.redis_address
        component = Component(self._component("kvdb", KVDB, files.kvdb_config()))
        return {"$file": str(kvdb.publish_address(component, kvdb.engine_of(component)))}

    def _server(self, name: str, redis: Any) -> None:
        text = files.server_config(
            name,
            cluster=self.cluster,
            address=self.addresses[name],
            odb=self.plan.odb_url,
            redis=redis,
            durability="durable" if isinstance(redis, dict) else "fast",
            socket=str(self.folder / "load-balancer" / "run" / "runtime.sock"),
            more=self.more,
        )
        folder = self._component(name, SERVER, text)
        (folder / "pickup" / "incoming" / "services").mkdir(mode=0o700, parents=True)
        write_private(folder / "secret.key", self.key + "\n")
        write_private(folder / "admin.password", self.password + "\n")

    def _balancer(self) -> None:
        front, admin = (f"127.0.0.1:{port}" for port in (self.plan.ports.front, self.plan.ports.admin))
        self._component("load-balancer", LOAD_BALANCER, files.balancer_config(front, admin, self.addresses))

    def _describe(self) -> None:
        first = [] if self.plan.redis_address else ["kvdb"]
        parts = [*first, "load-balancer", *self.plan.server_names, "web-admin"]
        describe(self.folder, QUICKSTART, cluster=self.cluster, components=parts)


def included(path: Path) -> dict[str, Any]:
    """Services and definitions of another configuration, which every server is to declare; raises `Failure`."""
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failure(f"{path}: {error}", INVALID) from None
    kept = {name: content for name, content in found.items() if name not in OWN}
    services = kept.get("services", {}).get("files")
    if services:
        kept["services"]["files"] = [str((path.parent / file).resolve()) for file in services]
    return kept
