"""`hansa quickstart run`: a cluster in the foreground, made at the first run; `make run` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from hansa_admin.early import introduction
from hansa_admin.password import ensure_password

from . import create as making, odb
from .addresses import Addresses, edit, url
from .cluster import Start
from .component import INFO, LOAD_BALANCER, QUICKSTART, SERVER, Component, open_component
from .failure import NOT_A_COMPONENT, NOT_EMPTY, RUNNING, Failure
from .files import merge

SERVERS = 2


def run(folder: Path, front: str | None, include: Path | None) -> None:
    """Run the cluster in a folder until Ctrl-C or SIGTERM, with clients at `front` (HOST:PORT); raises `Failure`.

    What `include` declares, services and definitions, is taken anew at each run.
    """
    fresh = not (folder / INFO).exists()
    if fresh:
        _make(folder, front, include)
    cluster = open_component(folder)
    if cluster.kind != QUICKSTART:
        raise Failure(f"{folder} is a {cluster.kind}, and no cluster", NOT_A_COMPONENT)
    running = [part.name for part in cluster.parts if part.pid() is not None]
    if running:
        raise Failure(
            f"{folder} runs already: {', '.join(running)}; end it with: hansa stop {folder}",
            RUNNING,
        )
    if not fresh:
        _renew(cluster, front, include)
    say = making.lines_to_say(include) if include else []
    Start(cluster, foreground=True).run(lambda: _welcome(cluster, say, fresh=fresh))


def _make(folder: Path, front: str | None, include: Path | None) -> None:
    if folder.is_dir() and (
        (folder / "run" / "server.lock").exists() or (folder / "odb.sqlite").exists()
    ):
        raise Failure(
            f"{folder} holds the data of a single server, and this starts a cluster. Move it out of the way, choose another "
            f"folder (make run DIR=...), or go on with the single server: hansa server run --config config.toml --dir {folder}",
            NOT_EMPTY,
        )
    addresses = Addresses.usual(SERVERS)
    plan = making.Plan(
        folder,
        odb.odb_url("sqlite", folder),
        servers=SERVERS,
        addresses=addresses.around(front) if front else addresses,
        include=include,
        schema=False,  # PERF: the first server makes it in no time
    )
    click.echo(f"Creating a cluster in {folder}")
    making.create(plan, lambda line: None)


def _renew(cluster: Component, front: str | None, include: Path | None) -> None:
    """Bring a cluster of an earlier run to what is asked for now."""
    if front:
        Addresses.read(cluster).around(front).write(cluster)
    if include is None:
        return
    more = making.included(include)
    for server in cluster.parts_of(SERVER):
        edit(server, lambda document: _exchange(document, more))


def _exchange(document: Any, more: dict[str, Any]) -> None:
    if {key: value for key, value in document.unwrap().items() if key not in making.OWN} != {
        key: value for key, value in more.items() if key not in making.OWN
    }:
        for key in [key for key in document if key not in making.OWN]:
            del document[key]
    merge(document, more)


def _welcome(cluster: Component, say: list[str], *, fresh: bool) -> None:
    """Tell where it listens, how to get in, and what to try."""
    front, admin = cluster.parts_of(LOAD_BALANCER)[0].addresses
    ensure_password(cluster.folder)
    click.echo(f"HTTP for clients: {url(front)}")
    for line in introduction(url(front), url(admin), cluster.folder, fresh=fresh):
        click.echo(line)
    servers = cluster.parts_of(SERVER)
    click.echo(
        f"servers: {', '.join(f'{server.name} at {server.addresses[0]}' for server in servers)}"
    )
    click.echo(f"hot-deployment: copy a .py file into {_short(cluster.folder / making.PICKUP)}")
    for line in say:
        click.echo(line.replace("{http}", url(front).partition("//")[2]))


def _short(path: Path) -> str:
    """As seen from here, where it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
