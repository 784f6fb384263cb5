"""The texts of a new cluster's files: each component's config.toml, and the scripts."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import tomlkit

from .words import programs

INCOMING = "pickup/incoming/services"
"""The folder of a server in which files are picked up."""

OLD_INCOMING = "pickup-dir"
"""What the first versions of Zato call it: a link to it."""

_SCRIPT = """#!/bin/sh
# {what} this cluster; further arguments are handed on.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
{lines}
"""


def server_config(
    name: str,
    *,
    cluster: str,
    address: str,
    odb: str,
    redis: Any,
    durability: str,
    socket: str,
    more: dict[str, Any],
) -> str:
    """A server's configuration; `redis` is an address or a reference to one."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment(
            "One server of a quickstart cluster. It holds secrets: keep it to yourself (mode 0600)."
        )
    )
    document.add(
        tomlkit.comment(
            "Definitions are shared by all servers and live in the ODB: create them by API or command."
        )
    )
    _add(document, "server", name=name, cluster=cluster, workers=2, dir=".")
    _add(document, "http", address=address, trusted_proxies=["127.0.0.1"])
    _add(document, "odb", url=odb)
    table = _add(document, "redis", address=redis, durability=durability)
    table["durability"].comment(
        "durable: refuse a Redis that may lose what was accepted"
        if durability == "fast"
        else "and the component kvdb is too"
    )
    _add(document, "pickup", directory=INCOMING)
    _add(document, "loadbalancer", socket=socket)
    merge(document, more)
    return tomlkit.dumps(document)


def merge(document: Any, more: dict[str, Any]) -> None:
    """Add sections to a configuration; of those it has, set what is given."""
    for key, value in more.items():
        if key in document:
            document[key].update(value)
        else:
            document.add(key, tomlkit.item(value))


def balancer_config(bind: str, admin_bind: str, servers: dict[str, str]) -> str:
    """The load-balancer's configuration; `servers` are addresses by name."""
    document = tomlkit.document()
    table = _add(document, "loadbalancer", bind=bind, admin_bind=admin_bind)
    table.add(tomlkit.comment('certificate = "certificates/cert-key.pem"  # makes it HTTPS'))
    listed = tomlkit.aot()
    for name, address in servers.items():
        listed.append(tomlkit.item({"name": name, "address": address, "weight": 100}))
    table.add("servers", listed)
    return tomlkit.dumps(document)


def kvdb_config() -> str:
    """The configuration of the embedded Valkey."""
    document = tomlkit.document()
    document.add(tomlkit.comment("The Valkey that the servers of this cluster share."))
    _add(document, "redis", durability="durable", memory=256)
    return tomlkit.dumps(document)


def scripts() -> dict[str, str]:
    """The scripts by name: start, stop and restart, for each installed command."""
    found = {}
    for program, module in programs().items():
        run = f"{shlex.quote(sys.executable)} -m {module}"
        start, stop = f'{run} start "$here"', f'{run} stop "$here"'
        for word, what, lines in (
            ("start", "Starts", f'exec {start} "$@"'),
            ("stop", "Stops", f'exec {stop} "$@"'),
            ("restart", "Stops and starts", f'{stop} || exit\nexec {start} "$@"'),
        ):
            found[f"{program}-qs-{word}.sh"] = _SCRIPT.format(what=what, lines=lines)
    return found


def _add(document: tomlkit.TOMLDocument, section: str, **settings: Any) -> Any:
    table = tomlkit.table()
    for key, value in settings.items():
        table.add(key, tomlkit.item(value) if not isinstance(value, dict) else _inline(value))
    document.add(section, table)
    return table


def _inline(value: dict[str, Any]) -> Any:
    found = tomlkit.inline_table()
    found.update(value)
    return found
