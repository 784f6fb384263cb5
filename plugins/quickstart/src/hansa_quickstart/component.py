"""A component: a folder that says in `.hansa-info` what it is, with its configuration, its logs and
its pidfile.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

from hansa import Invalid, replace_file, resolve, started_at
from hansa_authority.description import CA as CA, INFO_FILE

from .failure import INVALID, NOT_A_COMPONENT, Failure

HOST: Final = "HOST"
KVDB: Final = "KVDB"
LOAD_BALANCER: Final = "LOAD_BALANCER"
QUICKSTART: Final = "QUICKSTART"
SERVER: Final = "SERVER"
WEB_ADMIN: Final = "WEB_ADMIN"

_NAMES: Final = {CA: "Authority", LOAD_BALANCER: "Load-balancer", WEB_ADMIN: "Web admin"}
_COMMANDS: Final = {
    CA: "authority",
    SERVER: "server",
    LOAD_BALANCER: "loadbalancer",
    KVDB: "kvdb",
    WEB_ADMIN: "web",
}
"""The groups whose command `run` runs a component of a kind."""

Section: TypeAlias = dict[str, Any]
"""A section of config.toml."""


@dataclass(frozen=True)
class Component:
    """One part of a cluster, or the quickstart cluster that holds the parts; `folder` is absolute."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """The content of `.hansa-info`; raises `Failure`."""
        try:
            found = json.loads((self.folder / INFO_FILE).read_text())
            found["component"]
        except (OSError, ValueError, KeyError, TypeError):
            message = f"{self.folder} is not a component: it has no {INFO_FILE}"
            raise Failure(message, NOT_A_COMPONENT) from None
        return dict(found)

    @property
    def kind(self) -> str:
        """CA, KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN, QUICKSTART or HOST."""
        return str(self.about["component"])

    @property
    def name(self) -> str:
        """The name by which messages refer to it."""
        return _NAMES.get(self.kind, self.folder.name)

    @property
    def is_cluster(self) -> bool:
        """Whether it holds components: a quickstart cluster, or what one host has of a cluster."""
        return self.kind in (QUICKSTART, HOST)

    @property
    def whole(self) -> str:
        """What messages call all of its components together."""
        return "components of this host" if self.kind == HOST else "quickstart environment"

    @property
    def parts(self) -> list[Component]:
        """The components of a quickstart cluster, in the order in which they start."""
        return [Component(self.folder / name) for name in self.about.get("components", [])]

    def parts_of(self, kind: str) -> list[Component]:
        """Return its components of a kind."""
        return [part for part in self.parts if part.kind == kind]

    @property
    def home(self) -> Component:
        """The quickstart cluster that it is, or that its folder would belong to."""
        return self if self.is_cluster else Component(self.folder.parent)

    def part(self, kind: str) -> Component | None:
        """Return the first component of a kind in this cluster, or in the cluster of this
        component.
        """
        home = self.home
        if not home.exists:
            return None
        return next(iter(home.parts_of(kind)), None)

    @property
    def exists(self) -> bool:
        """Whether its folder says what it is."""
        return (self.folder / INFO_FILE).exists()

    # -- configuration -----------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "config.toml"

    def raw(self) -> Section:
        """Return the configuration as written, with its references; raises `Failure`."""
        try:
            return tomllib.loads(self.config.read_text())
        except OSError as error:
            message = f"{self.config} cannot be read: {error.strerror}"
            raise Failure(message, INVALID) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Failure(f"{self.config} is not valid TOML: {error}", INVALID) from None

    def section(self, name: str) -> Section:
        """Return one section of the configuration, with `$env` and `$file` resolved.

        Raises `Failure`.
        """
        try:
            return dict(resolve(self.raw().get(name, {})))
        except Invalid as invalid:
            faults = "; ".join(f"{name}.{key}: {fault}" for key, fault in invalid.errors.items())
            raise Failure(f"{self.config}: {faults}", INVALID) from None

    @property
    def addresses(self) -> list[str]:
        """HOST:PORT where it listens, of a load-balancer for clients and for the admin API; raises
        `Failure`.
        """
        if self.kind == SERVER:
            return [str(self.section("http").get("address", "127.0.0.1:11223"))]
        if self.kind == LOAD_BALANCER:
            section = self.section("loadbalancer")
            front = "https_bind" if section.get("https_only") else "bind"
            return [str(section[name]) for name in (front, "admin_bind") if section.get(name)]
        if self.kind == WEB_ADMIN and self.has_process:
            return [str(self.section("web")["address"])]
        if self.kind == CA and self.has_process:
            return [str(self.section("authority")["address"])]
        return []

    @property
    def https_addresses(self) -> list[str]:
        """HOST:PORT of a load-balancer for HTTPS beside HTTP; nothing of any other one. Raises
        `Failure`.
        """
        if self.kind != LOAD_BALANCER:
            return []
        section = self.section("loadbalancer")
        is_beside = section.get("https_bind") and not section.get("https_only")
        return [str(section["https_bind"])] if is_beside else []

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        options = ["--config", str(self.config), "--dir", str(self.folder)]
        return [sys.executable, "-m", "hansa", _COMMANDS[self.kind], "run", *options]

    # -- process -----------------------------------------------------------------------------------

    @property
    def has_process(self) -> bool:
        """Whether it is a process of its own. The web admin of a cluster that an earlier version
        has made is none: it has no configuration, and the load-balancer serves its port. Nor is an
        authority that other hosts do not ask.
        """
        return self.kind in _COMMANDS and (self.kind not in (CA, WEB_ADMIN) or self.config.exists())

    @property
    def pidfile(self) -> Path:
        """The file with process id and start time (clock ticks since boot), a line each."""
        return self.folder / "pidfile"

    @property
    def logs(self) -> Path:
        """The folder of its logs."""
        return self.folder / "logs"

    @property
    def console(self) -> Path:
        """What it has written to its standard output and error since it was last started."""
        return self.logs / "console.log"

    def noted(self) -> tuple[int, int] | None:
        """Return process id and start time as the pidfile has them, whether it runs or not."""
        try:
            pid, start = self.pidfile.read_text().split()
            return int(pid), int(start)
        except (OSError, ValueError):
            return None

    def pid(self) -> int | None:
        """Return the id of its process if it runs; not that of another process with the same
        number.
        """
        noted = self.noted()
        if noted is None:
            return None
        pid, start = noted
        return pid if started_at(pid) == start else None

    def note(self, pid: int) -> None:
        """Write the pidfile for a process that was started."""
        start = started_at(pid)
        if start is not None:
            replace_file(self.pidfile, f"{pid}\n{start}\n")

    def forget(self) -> None:
        """Remove the pidfile."""
        self.pidfile.unlink(missing_ok=True)


def open_component(path: str | os.PathLike[str]) -> Component:
    """Return the component in a folder; raises `Failure` if there is none."""
    component = Component(Path(path).expanduser().resolve())
    component.about  # noqa: B018 - raises
    return component
