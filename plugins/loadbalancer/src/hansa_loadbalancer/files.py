"""What lies in the load-balancer's run folder: who runs, what it last took from its configuration;
and changes of that file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansa import NotFound, PlainSettings, Unavailable, started_at

from .settings import SECTION, BalancedServer

SOCKET = "haproxy.sock"
ABOUT = "load-balancer.json"
SOURCE = "haproxy.cfg"
LOCK = "lock"
CHANGES = "changes.lock"


@dataclass
class About:
    """What a running load-balancer reports of itself: `considered` is the digest of the
    configuration it looked at last.

    `attempt` counts those looks, `faults` is why the last one was refused, empty if it was applied;
    `how` says whether that took a reload.
    """

    pid: int
    start: int
    config: str
    url: str
    haproxy: str
    version: str
    considered: str = ""
    attempt: int = 0
    how: str = ""
    faults: dict[str, str] | None = None

    def as_json(self) -> str:
        """Return the content of the file that holds it."""
        return json.dumps(asdict(self))


def read_about(folder: Path) -> About:
    """Return what the load-balancer that runs in a folder reports of itself; raises `Unavailable`
    if none does.
    """
    try:
        about = About(**json.loads((folder / ABOUT).read_text()))
    except (OSError, ValueError, TypeError):
        raise Unavailable(f"no load-balancer runs in {folder.parent}") from None
    if started_at(about.pid) != about.start:
        raise Unavailable(f"the load-balancer of {folder.parent} does not run")
    return about


def digest(text: str) -> str:
    """Return the digest of the text of a configuration."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock that ends with this process; without `wait`, yields whether it could be had."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def with_server(text: str, server: PlainSettings) -> str:
    """Return the text of a configuration with another server at the end of its list."""

    def add(servers: Any) -> None:
        servers.append(_like(servers, server))

    return _edited(text, add)


def without_server(text: str, name: str) -> str:
    """Return the text of a configuration without a server; raises `NotFound`."""

    def remove(servers: Any) -> None:
        del servers[_place(servers, name)]

    return _edited(text, remove)


def with_changes(text: str, name: str, changes: PlainSettings) -> str:
    """Return the text of a configuration with some settings of a server changed; raises `NotFound`."""

    def change(servers: Any) -> None:
        servers[_place(servers, name)].update(changes)

    return _edited(text, change)


def _edited(text: str, edit: Callable[[Any], None]) -> str:
    """Return the text with its list of servers edited; comments, order and everything else stay as
    they are.
    """
    import tomlkit  # here, since workers change nothing most of the time

    document = tomlkit.parse(text)
    section: Any = document[SECTION]
    if not section.get("servers"):
        section["servers"] = tomlkit.aot()
    edit(section["servers"])
    if not section["servers"]:
        del section["servers"]
    return tomlkit.dumps(document)


def _like(servers: Any, server: PlainSettings) -> Any:
    """Return a server in the form of the list: a table of its own, or one within the list's
    brackets.
    """
    import tomlkit

    made = tomlkit.table() if isinstance(servers, tomlkit.items.AoT) else tomlkit.inline_table()
    made.update(server)
    return made


def _place(servers: Any, name: str) -> int:
    names = [str(server.get("name")) for server in servers]
    if name not in names:
        raise NotFound(
            f"the load-balancer has no server {name!r} (there are: {', '.join(names) or 'none'})"
        )
    return names.index(name)


def settings_of(server: BalancedServer) -> PlainSettings:
    """Return what is written of a new server: name, address, and settings that differ from the
    defaults.
    """
    usual = BalancedServer(name=server.name, address=server.address)
    given = {name: value for name, value in asdict(server).items() if value != getattr(usual, name)}
    return {"name": server.name, "address": server.address, **given}
