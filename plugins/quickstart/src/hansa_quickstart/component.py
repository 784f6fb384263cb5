"""A component: a folder that says what it is in `.hansa-info`, with its configuration, its logs and the file of its process id."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from hansa import Invalid, resolve, started_at
from hansa_authority.description import INFO_FILE as INFO

from .failure import INVALID, NOT_A_COMPONENT, Failure

KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN = "KVDB", "LOAD_BALANCER", "SERVER", "WEB_ADMIN"
QUICKSTART: Final = "QUICKSTART"


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file at once, readable by its owner alone from its first moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    os.replace(fresh, path)


@dataclass(frozen=True)
class Component:
    """One part of a cluster, or the quickstart cluster that holds the parts; `folder` is absolute."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `.hansa-info` says."""
        try:
            found = json.loads((self.folder / INFO).read_text())
            found["component"]
        except (OSError, ValueError, KeyError, TypeError):
            raise Failure(
                f"{self.folder} is no component: it has no {INFO}", NOT_A_COMPONENT
            ) from None
        return dict(found)

    @property
    def kind(self) -> str:
        """CA, KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN or QUICKSTART."""
        return str(self.about["component"])

    @property
    def name(self) -> str:
        """What people call it."""
        return {LOAD_BALANCER: "Load-balancer", WEB_ADMIN: "Web admin"}.get(
            self.kind, self.folder.name
        )

    @property
    def parts(self) -> list[Component]:
        """The components of a quickstart cluster, in the order in which they start."""
        return [Component(self.folder / name) for name in self.about.get("components", [])]

    def parts_of(self, kind: str) -> list[Component]:
        """Its components of a kind."""
        return [part for part in self.parts if part.kind == kind]

    def part(self, kind: str) -> Component | None:
        """The component of a kind beside this one, or in it."""
        home = self if self.kind == QUICKSTART else Component(self.folder.parent)
        if not (home.folder / INFO).exists():
            return None
        return next((part for part in home.parts if part.kind == kind), None)

    # -- configuration ------------------------------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "config.toml"

    def raw(self) -> dict[str, Any]:
        """The configuration as written, references kept; raises `Failure`."""
        try:
            return tomllib.loads(self.config.read_text())
        except OSError as error:
            raise Failure(f"{self.config} cannot be read: {error.strerror}", INVALID) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Failure(f"{self.config} is not valid TOML: {error}", INVALID) from None

    def section(self, name: str) -> dict[str, Any]:
        """One section of the configuration, with `$env` and `$file` replaced; raises `Failure`."""
        try:
            return dict(resolve(self.raw().get(name, {})))
        except Invalid as invalid:
            faults = "; ".join(f"{name}.{key}: {fault}" for key, fault in invalid.errors.items())
            raise Failure(f"{self.config}: {faults}", INVALID) from None

    @property
    def addresses(self) -> list[str]:
        """HOST:PORT of everything it listens at."""
        if self.kind == SERVER:
            return [str(self.section("http").get("address", "127.0.0.1:11223"))]
        if self.kind == LOAD_BALANCER:
            section = self.section("loadbalancer")
            return [str(section[name]) for name in ("bind", "admin_bind") if section.get(name)]
        return []

    def command(self) -> list[str]:
        """What runs it, in the foreground."""
        hansa = [sys.executable, "-m", "hansa"]
        options = ["--config", str(self.config), "--dir", str(self.folder)]
        words = {
            SERVER: ["server", "run"],
            LOAD_BALANCER: ["loadbalancer", "run"],
            KVDB: ["kvdb", "run"],
        }[self.kind]
        return [*hansa, *words, *options]

    # -- process ------------------------------------------------------------------------------------------------------

    @property
    def runs_itself(self) -> bool:
        """Whether it has a process of its own; the web admin's port is served by the load-balancer."""
        return self.kind in (SERVER, LOAD_BALANCER, KVDB)

    @property
    def pidfile(self) -> Path:
        """The file with process id and start time (clock ticks since boot), a line each."""
        return self.folder / "pidfile"

    @property
    def console(self) -> Path:
        """What it wrote to its standard output and error since it was last started."""
        return self.folder / "logs" / "console.log"

    def noted(self) -> tuple[int, int] | None:
        """Process id and start time that the file names, whether it runs or not."""
        try:
            pid, start = self.pidfile.read_text().split()
            return int(pid), int(start)
        except (OSError, ValueError):
            return None

    def pid(self) -> int | None:
        """The process id, if that process runs and is the one that was started; a reused number is none."""
        found = self.noted()
        return found[0] if found and started_at(found[0]) == found[1] else None

    def note(self, pid: int) -> None:
        """Write down the process that was started."""
        start = started_at(pid)
        if start is not None:
            write_private(self.pidfile, f"{pid}\n{start}\n")

    def forget(self) -> None:
        """Remove the file of the process id."""
        self.pidfile.unlink(missing_ok=True)


def open_component(path: str | os.PathLike[str]) -> Component:
    """The component in a folder; raises `Failure` if there is none."""
    component = Component(Path(path).expanduser().resolve())
    component.about  # noqa: B018 - raises
    return component


def busy(folder: Path) -> bool:
    """Whether a command starts or stops what is in a folder at this moment."""
    try:
        with exclusive(folder):
            return False
    except Failure:
        return True


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep two starts or stops of the same cluster from running at once; raises `Failure`."""
    import fcntl

    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(f"another command starts or stops {folder} at this moment") from None
        yield
