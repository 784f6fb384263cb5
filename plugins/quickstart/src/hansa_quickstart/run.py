"""`hansa quickstart run`: a cluster in the foreground, which the first run creates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from hansa_admin.early import introduction
from hansa_admin.password import ensure_password
from hansa_authority.authority import certificate_file
from tomlkit import TOMLDocument

from . import odb
from .addresses import Addresses, url
from .component import LOAD_BALANCER, SERVER, WEB_ADMIN, Component, open_component
from .configuration import Document, edit_configuration, merge
from .create import PICKUP, Plan, create
from .failure import NOT_A_COMPONENT, NOT_EMPTY, RUNNING, Failure
from .https import trusted_certificates, web_certificates
from .include import OWN_SECTIONS, Sections, included, lines_to_say
from .start import Start

SERVERS: Final = 2


def run(folder: Path, front: str | None, include: Path | None, https: str | None = None) -> None:
    """Run the cluster in a folder until Ctrl-C or SIGTERM, with clients at `front`, and over HTTPS
    at `https` (HOST:PORT).

    The services and definitions of `include` are taken anew at each run. Raises `Failure`.
    """
    fresh = not Component(folder).exists
    if fresh:
        _create(folder, front, include, https)
    cluster = open_component(folder)
    _check(cluster)
    if not fresh:
        _renew(cluster, front, include, https)
    lines = [] if include is None else lines_to_say(include)

    def welcome() -> None:
        _welcome(cluster, lines, fresh=fresh)

    Start(cluster, foreground=True).run(welcome)


def _create(folder: Path, front: str | None, include: Path | None, https: str | None) -> None:
    if _holds_single_server(folder):
        message = (
            f"{folder} holds the data of a single server, and this starts a cluster. "
            "Move it out of the way, choose another folder (make run DIR=...), "
            "or go on with the single server: "
            f"hansa server run --config config.toml --dir {folder}"
        )
        raise Failure(message, NOT_EMPTY)
    addresses = _moved(Addresses.default(SERVERS), front, https)
    click.echo(f"Creating a cluster in {folder}")
    plan = Plan(
        folder,
        odb.sqlite_url(folder),
        servers=SERVERS,
        addresses=addresses,
        include=include,
        schema=False,
    )
    create(plan, _say_nothing)


def _moved(addresses: Addresses, front: str | None, https: str | None) -> Addresses:
    """Return addresses with those that are asked for."""
    if front is not None:
        addresses = addresses.moved_to(front)
    if https is not None:
        addresses = replace(addresses, https=https)
    return addresses


def _say_nothing(line: str) -> None:
    """Report no steps: the cluster is about to start, which reports its own."""


def _holds_single_server(folder: Path) -> bool:
    return (folder / "run" / "server.lock").exists() or (folder / "odb.sqlite").exists()


def _check(cluster: Component) -> None:
    """Refuse what is not a cluster, or is running; raises `Failure`."""
    folder = cluster.folder
    if not cluster.is_cluster:
        raise Failure(f"{folder} is not a cluster, but a {cluster.kind}", NOT_A_COMPONENT)
    running = [part.name for part in cluster.parts if part.pid() is not None]
    if running:
        names = ", ".join(running)
        message = f"{folder} is already running: {names}; end it with: hansa stop {folder}"
        raise Failure(message, RUNNING)


def _renew(cluster: Component, front: str | None, include: Path | None, https: str | None) -> None:
    """Bring a cluster of an earlier run to what is asked for now."""
    if front is not None or https is not None:
        _moved(Addresses.read(cluster), front, https).write(cluster)
    if include is None:
        return
    sections = included(include)

    def change(document: Document) -> None:
        _exchange(document, sections)

    for server in cluster.parts_of(SERVER):
        edit_configuration(server, change)


def _exchange(document: Document, sections: Sections) -> None:
    """Replace the sections of a server that were taken from an included configuration."""
    assert isinstance(document, TOMLDocument)
    if _taken(document.unwrap()) != _taken(sections):
        for name in _taken(document):
            del document[name]
    merge(document, sections)


def _taken(sections: Document) -> Sections:
    return {name: content for name, content in sections.items() if name not in OWN_SECTIONS}


def _welcome(cluster: Component, lines: list[str], *, fresh: bool) -> None:
    """Print where the cluster listens, how to log in, and what to try."""
    balancer = cluster.parts_of(LOAD_BALANCER)[0]
    addresses = Addresses.read(cluster)
    scheme = "https" if trusted_certificates(balancer) else "http"
    front_url = url(addresses.front, scheme)
    ensure_password(cluster.folder)
    click.echo(f"{scheme.upper()} for clients: {front_url}")
    for address in balancer.https_addresses:
        authority = _relative(certificate_file(cluster.folder / "ca"))
        click.echo(f"HTTPS for clients: {url(address, 'https')}, by the authority {authority}")
    admin_url = url(addresses.admin, _admin_scheme(cluster, scheme))
    click.echo(f"web admin: {admin_url}/")
    for line in introduction(front_url, admin_url, cluster.folder, fresh=fresh):
        click.echo(line)
    if addresses.relay:
        click.echo(f"load-balancer for the web admin: {addresses.relay}")
    servers = [f"{server.name} at {server.addresses[0]}" for server in cluster.parts_of(SERVER)]
    click.echo(f"servers: {', '.join(servers)}")
    click.echo(f"hot-deployment: copy a .py file into {_relative(cluster.folder / PICKUP)}")
    host_and_port = url(addresses.front).partition("//")[2]
    for line in lines:
        click.echo(line.replace("{http}", host_and_port))


def _admin_scheme(cluster: Component, balancer: str) -> str:
    """Return the scheme of the web admin: of its own port, or of the load-balancer's."""
    web_admin = cluster.parts_of(WEB_ADMIN)[0]
    if not web_admin.has_process:
        return balancer
    return "https" if web_certificates(web_admin) else "http"


def _relative(path: Path) -> str:
    """Return a path relative to the current folder if it is below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
