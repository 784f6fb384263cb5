"""The configuration files of a new cluster's components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from tomlkit.items import InlineTable, Table

from .configuration import merge

if TYPE_CHECKING:
    from .addresses import Addresses

INCOMING: Final = "pickup/incoming/services"
"""The folder of a server from which files are picked up."""

CERTIFICATE: Final = "certificates/cert-key.pem"
"""The file of a load-balancer with its certificate and key."""

_DURABLE: Final = "and the component kvdb is too"
_FAST: Final = "durable: refuse a Redis that may lose what was accepted"


@dataclass(frozen=True)
class ServerPlan:
    """What the configuration of a server says.

    `redis` is the address of a Redis, or a reference to one; `socket` the path of the socket by
    which the load-balancer is controlled, `proxy_secret` a reference to the secret by which it
    proves itself; `more` has further sections.
    """

    name: str
    cluster: str
    address: str
    odb: str
    redis: str | dict[str, str]
    durability: str
    socket: str
    proxy_secret: dict[str, str]
    more: Mapping[str, object]


def server_config(plan: ServerPlan) -> str:
    """Return the configuration of a server."""
    document = tomlkit.document()
    for line in (
        "One server of a quickstart cluster. It holds secrets: keep it to yourself (mode 0600).",
        "Definitions are shared by all servers and live in the ODB: create them by API or command.",
    ):
        document.add(tomlkit.comment(line))
    server = {"name": plan.name, "cluster": plan.cluster, "workers": 2, "dir": "."}
    http = {
        "address": plan.address,
        "trusted_proxies": ["127.0.0.1"],
        "proxy_secret": plan.proxy_secret,
    }
    document.add("server", _table(server))
    document.add("http", _table(http))
    document.add("odb", _table({"url": plan.odb}))
    redis = _table({"address": plan.redis, "durability": plan.durability})
    redis["durability"].comment(_FAST if plan.durability == "fast" else _DURABLE)
    document.add("redis", redis)
    document.add("pickup", _table({"directory": INCOMING}))
    document.add("loadbalancer", _table({"socket": plan.socket}))
    merge(document, plan.more)
    return tomlkit.dumps(document)


def balancer_config(
    addresses: Addresses, servers: Mapping[str, str], proxy_secret: dict[str, str]
) -> str:
    """Return the configuration of the load-balancer; `servers` are addresses by name."""
    document = tomlkit.document()
    settings = {
        "bind": addresses.front,
        "https_bind": addresses.https,
        "admin_bind": addresses.relay or addresses.admin,
        "proxy_secret": proxy_secret,
        "certificate": CERTIFICATE,
    }
    table = _table({name: value for name, value in settings.items() if value})
    table.add(tomlkit.comment("https_only = true  # nothing listens at bind then"))
    entries = tomlkit.aot()
    for name, address in servers.items():
        entries.append(_table({"name": name, "address": address, "weight": 100}))
    table.add("servers", entries)
    document.add("loadbalancer", table)
    return tomlkit.dumps(document)


def web_config(addresses: Addresses, cluster: str) -> str:
    """Return the configuration of the web admin of a cluster."""
    document = tomlkit.document()
    document.add(tomlkit.comment("The web admin; label, colour and production say where one is."))
    section = _table({"address": addresses.admin})
    section.add(tomlkit.comment(f'certificate = "{CERTIFICATE}"  # browsers use https:// then'))
    clusters = tomlkit.table(is_super_table=True)
    clusters.add(cluster, _table({"urls": addresses.api_urls}))
    section.add("clusters", clusters)
    document.add("web", section)
    return tomlkit.dumps(document)


def kvdb_config() -> str:
    """Return the configuration of the embedded Valkey."""
    document = tomlkit.document()
    document.add(tomlkit.comment("The Valkey that the servers of this cluster share."))
    document.add("redis", _table({"durability": "durable", "memory": 256}))
    return tomlkit.dumps(document)


def _table(settings: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for name, value in settings.items():
        table.add(name, _inline(value) if isinstance(value, dict) else tomlkit.item(value))
    return table


def _inline(settings: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(settings)
    return table
