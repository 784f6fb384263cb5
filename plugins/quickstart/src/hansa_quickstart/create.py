"""`hansa quickstart create`: a whole cluster in a folder, in eight steps."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hansa import replace_file
from hansa_admin.password import new_password
from hansa_authority import authority
from hansa_authority.description import describe
from hansa_cli.access import PASSWORD_VARIABLE, password_file
from hansa_loadbalancer.files import SOCKET

from . import files, kvdb, odb
from .addresses import Addresses
from .component import KVDB, LOAD_BALANCER, QUICKSTART, SERVER, WEB_ADMIN, Component
from .failure import NOT_EMPTY, Failure
from .include import Sections, included
from .programs import api_users, pickup_links, program
from .scripts import script_name, scripts
from .users import user_password_file

PICKUP: Final = "pickup"
"""The folder of a cluster that leads to the pickup folder of its first server."""
PROXY_SECRET: Final = "proxy.secret"
"""The file of a cluster with the secret by which servers know their load-balancer."""


@dataclass(frozen=True)
class Plan:
    """What is to be created.

    Without `redis_address` the cluster has an embedded Valkey; without `cluster` its name is
    random; without `addresses` it has the default ones. Without `schema` that of an SQLite ODB is
    left to the first server, which is faster.
    """

    folder: Path
    odb_url: str
    redis_address: str = ""
    cluster: str = ""
    servers: int = 2
    addresses: Addresses | None = None
    include: Path | None = None
    schema: bool = True

    @property
    def server_names(self) -> list[str]:
        """server1, server2 ..."""
        return [f"server{number + 1}" for number in range(self.servers)]


def create(plan: Plan, say: Callable[[str], None]) -> str:
    """Create a cluster, reporting each step by `say`; returns the admin's password.

    Whatever was made is removed after a failure. Raises `Failure`.
    """
    folder = plan.folder
    existed = folder.exists()
    if existed and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not an empty folder", NOT_EMPTY)
    more = {} if plan.include is None else included(plan.include)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    try:
        return Creation(plan, more, say).run()
    except BaseException:
        _empty(folder)
        if not existed:
            folder.rmdir()
        raise


def _empty(folder: Path) -> None:
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        else:
            inner.unlink()


class Creation:
    """The eight steps, and what they share: the cluster's name, its key and the admin's password."""

    def __init__(self, plan: Plan, more: Sections, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.more = more
        self.folder = plan.folder
        self.cluster = plan.cluster or f"quickstart-{secrets.randbelow(9_900_000) + 100_000}"
        self.key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self.password = os.environ.get(PASSWORD_VARIABLE) or new_password()
        self.api_passwords = {user: new_password() for user in api_users()}
        self.addresses = plan.addresses or Addresses.default(plan.servers)
        self._server_addresses = dict(zip(plan.server_names, self.addresses.servers, strict=True))
        self._issued: dict[str, authority.Issued] = {}
        self._say = say
        self._steps = 6 + plan.servers
        self._step = 0

    def run(self) -> str:
        """Carry out everything, in order; returns the admin's password."""
        replace_file(self.folder / PROXY_SECRET, secrets.token_urlsafe(32) + "\n")
        self._create_authority()
        self._done("Certificate authority created")
        self._create_odb()
        self._done("ODB schema created")
        redis = self._create_kvdb()
        self._done("ODB initial data created")
        for name in self.plan.server_names:
            self._create_server(name, redis)
            self._done(f"{name} created")
        self._create_balancer()
        self._done("Load-balancer created")
        web_admin = files.web_config(self.addresses, self.cluster)
        self._create_component("web-admin", WEB_ADMIN, web_admin)
        self._say("Superuser created successfully.")
        self._done("Web admin created")
        self._finish()
        self._done("Management scripts created")
        start = self.folder / script_name(program(), "start")
        self._say(f"Quickstart cluster {self.cluster} created")
        self._say(f"Web admin user:[admin], password:[{self.password}]")
        self._say(f"Start the cluster by issuing the {start} command")
        return self.password

    @property
    def _proxy_secret(self) -> dict[str, str]:
        """The reference to the secret of the load-balancer in the configurations."""
        return {"$file": str(self.folder / PROXY_SECRET)}

    def _done(self, what: str) -> None:
        self._step += 1
        self._say(f"[{self._step}/{self._steps}] {what}")

    def _create_authority(self) -> None:
        home = self.folder / "ca"
        authority.create_authority(home)
        for name in (*self.plan.server_names, "load-balancer", "web-admin"):
            self._issued[name] = authority.issue(home, name)

    def _create_odb(self) -> None:
        if self.plan.schema:
            odb.create_schema(self.plan.odb_url)
        else:
            odb.create_private(self.folder / "odb.sqlite")

    def _create_component(self, name: str, kind: str, config: str = "") -> Path:
        folder = self.folder / name
        (folder / "logs").mkdir(mode=0o700, parents=True)
        describe(folder, kind)
        if config:
            replace_file(folder / "config.toml", config)
        if name in self._issued:
            authority.install(self.folder / "ca", self._issued[name], folder)
        return folder

    def _create_kvdb(self) -> str | dict[str, str]:
        """Create the embedded Valkey unless there is a Redis; returns the address for servers."""
        if self.plan.redis_address:
            return self.plan.redis_address
        component = Component(self._create_component("kvdb", KVDB, files.kvdb_config()))
        file = kvdb.publish_address(component, kvdb.engine_of(component))
        return {"$file": str(file)}

    def _create_server(self, name: str, redis: str | dict[str, str]) -> None:
        plan = files.ServerPlan(
            name=name,
            cluster=self.cluster,
            address=self._server_addresses[name],
            odb=self.plan.odb_url,
            redis=redis,
            durability="fast" if self.plan.redis_address else "durable",
            socket=str(self.folder / "load-balancer" / "run" / SOCKET),
            proxy_secret=self._proxy_secret,
            more=self.more,
        )
        folder = self._create_component(name, SERVER, files.server_config(plan))
        (folder / files.INCOMING).mkdir(mode=0o700, parents=True)
        for link in pickup_links():
            (folder / link).symlink_to(files.INCOMING)
        # the servers of a cluster share the key that encrypts secrets in the ODB, and the password
        replace_file(folder / "secret.key", self.key + "\n")
        self._write_passwords(folder)

    def _write_passwords(self, folder: Path) -> None:
        """Write the passwords of the admin and of users of the API, each for its owner alone."""
        replace_file(password_file(folder), self.password + "\n")
        for user, password in self.api_passwords.items():
            replace_file(user_password_file(folder, user), password + "\n")

    def _create_balancer(self) -> None:
        servers = self._server_addresses
        config = files.balancer_config(self.addresses, servers, self._proxy_secret)
        self._create_component("load-balancer", LOAD_BALANCER, config)

    def _finish(self) -> None:
        """Write scripts, and what commands look for in the folder of a single server."""
        for name, text in scripts().items():
            replace_file(self.folder / name, text, mode=0o700)
        self._write_passwords(self.folder)
        (self.folder / PICKUP).symlink_to(Path(self.plan.server_names[0], files.INCOMING))
        parts = ["load-balancer", *self.plan.server_names, "web-admin"]
        if not self.plan.redis_address:
            parts.insert(0, "kvdb")
        describe(self.folder, QUICKSTART, cluster=self.cluster, components=parts)
