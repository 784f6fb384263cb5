"""`hansa quickstart create`: a whole cluster in a folder, in eight steps."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hansa_authority import authority
from hansa_authority.description import describe
from hansa_loadbalancer.files import SOCKET

from . import files, kvdb, odb, words
from .addresses import Addresses
from .component import KVDB, LOAD_BALANCER, QUICKSTART, SERVER, WEB_ADMIN, Component, write_private
from .failure import INVALID, NOT_EMPTY, Failure

PICKUP: Final = "pickup"
"""The folder of a cluster that leads to the pickup folder of its first server."""
OWN: Final = {"server", "http", "odb", "redis", "pickup", "loadbalancer", "plugins"}
"""Sections that a server of a cluster has of its own, whatever another configuration says; of two, some settings count."""
OWN_SETTINGS: Final = {
    "server": {"name", "cluster", "dir", "say", "secret_key"},
    "http": {"address", "trusted_proxies"},
}


@dataclass(frozen=True)
class Plan:
    """What is to be created."""

    folder: Path
    odb_url: str
    redis_address: str = ""  # empty: the embedded Valkey
    cluster: str = ""
    servers: int = 2
    addresses: Addresses | None = None  # by default those of the tutorial
    include: Path | None = None
    schema: bool = True  # whether to create it; an SQLite one can be left to the first server

    @property
    def server_names(self) -> list[str]:
        """server1, server2 ..."""
        return [f"server{number + 1}" for number in range(self.servers)]


def create(plan: Plan, say: Callable[[str], None]) -> str:
    """Create the cluster, telling each step; a failure leaves nothing behind. Gives the admin's password; raises `Failure`."""
    folder = plan.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not an empty folder", NOT_EMPTY)
    more = included(plan.include) if plan.include else {}
    there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    try:
        return _Making(plan, more, say).run()
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
        self.at = plan.addresses or Addresses.usual(plan.servers)
        self.addresses = dict(zip(plan.server_names, self.at.servers, strict=True))
        self.steps = 6 + plan.servers
        self.step = 0

    def run(self) -> str:
        """Everything, in order."""
        self._authority()
        self._done("Certificate authority created")
        if self.plan.schema:
            odb.create_schema(self.plan.odb_url)
        else:
            odb.private(self.folder / "odb.sqlite")
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
        # the same places as in the folder of a single server, so that `hansa --dir` and people find them
        write_private(self.folder / "admin.password", self.password + "\n")
        (self.folder / PICKUP).symlink_to(Path(self.plan.server_names[0], files.INCOMING))
        self._describe()
        self._done("Management scripts created")
        self._say(f"Quickstart cluster {self.cluster} created")
        self._say(f"Web admin user:[admin], password:[{self.password}]")
        self._say(
            f"Start the cluster by issuing the {self.folder / f'{words.program()}-qs-start.sh'} command"
        )
        return self.password

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
            socket=str(self.folder / "load-balancer" / "run" / SOCKET),
            more=self.more,
        )
        folder = self._component(name, SERVER, text)
        (folder / files.INCOMING).mkdir(mode=0o700, parents=True)
        (folder / files.OLD_INCOMING).symlink_to(files.INCOMING)
        write_private(folder / "secret.key", self.key + "\n")
        write_private(folder / "admin.password", self.password + "\n")

    def _balancer(self) -> None:
        text = files.balancer_config(self.at.front, self.at.admin, self.addresses)
        self._component("load-balancer", LOAD_BALANCER, text)

    def _describe(self) -> None:
        first = [] if self.plan.redis_address else ["kvdb"]
        parts = [*first, "load-balancer", *self.plan.server_names, "web-admin"]
        describe(self.folder, QUICKSTART, cluster=self.cluster, components=parts)


def included(path: Path) -> dict[str, Any]:
    """What every server is to take from another configuration: services, definitions, settings; raises `Failure`."""
    found = _parsed(path)
    kept = {name: content for name, content in found.items() if name not in OWN}
    for name, own in OWN_SETTINGS.items():
        if more := {key: value for key, value in found.get(name, {}).items() if key not in own}:
            kept[name] = more
    services = kept.get("services", {}).get("files")
    if services:
        kept["services"]["files"] = [str((path.parent / file).resolve()) for file in services]
    return kept


def lines_to_say(path: Path) -> list[str]:
    """The lines that a configuration wants to be printed once a server is ready; raises `Failure`."""
    return [str(line) for line in _parsed(path).get("server", {}).get("say", [])]


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failure(f"{path}: {error}", INVALID) from None
