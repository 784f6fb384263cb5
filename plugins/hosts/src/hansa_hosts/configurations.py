"""The configuration files of components on several hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit
from hansa_quickstart.addresses import RELAY_PORT
from hansa_quickstart.create import PROXY_SECRET
from hansa_quickstart.files import CERTIFICATE, INCOMING
from tomlkit.items import Table

from .cluster import with_authority

CA_FILE: Final = "certificates/ca-cert.pem"
"""The certificate of the authority in the folder of a component."""
_FRONT_PORT: Final = 1
"""How far the port for plain HTTP, which is not listened at, is below that for HTTPS."""


@dataclass(frozen=True)
class Place:
    """A component on its host: its folder, its name, and HOST:PORT where it listens."""

    folder: Path
    name: str
    address: str

    @property
    def host(self) -> str:
        """The host of the address."""
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The port of the address."""
        return int(self.address.rpartition(":")[2])


def server_configuration(place: Place, cluster: str, settings: Mapping[str, Any]) -> str:
    """Return the configuration of a server, which other hosts reach over TLS alone."""
    authority = place.folder / CA_FILE
    sections: dict[str, dict[str, Any]] = {
        "server": {"name": place.name, "cluster": cluster, "workers": 2, "dir": "."},
        "http": {
            "address": place.address,
            "certificate": CERTIFICATE,
            "trusted_proxies": [settings["network"]],
            "proxy_secret": _secret(place),
        },
        "odb": {"url": with_authority(settings["odb"], authority)},
        "redis": {
            "address": with_authority(settings["redis"], authority),
            "durability": settings["durability"],
        },
        "pickup": {"directory": INCOMING},
        "loadbalancer": {"advertise": place.address},
    }
    return _document("One server of a cluster on several hosts. It holds secrets.", sections)


def balancer_configuration(place: Place, settings: Mapping[str, Any]) -> str:
    """Return the configuration of a load-balancer, which follows the servers of its cluster."""
    section = {
        "https_bind": place.address,
        "bind": f"{place.host}:{place.port - _FRONT_PORT}",
        "https_only": True,
        "admin_bind": f"{place.host}:{settings.get('admin_port', RELAY_PORT)}",
        "admin_in_front": False,
        "certificate": CERTIFICATE,
        "proxy_secret": _secret(place),
        "server_ca": CA_FILE,
        "follow": True,
    }
    table = _table(section)
    entries = tomlkit.aot()
    for name, address in settings["servers"].items():
        entries.append(_table({"name": name, "address": address}))
    table.add("servers", entries)
    document = tomlkit.document()
    document.add(tomlkit.comment("A load-balancer: servers that join and leave are written here."))
    document.add("loadbalancer", table)
    return tomlkit.dumps(document)


def web_configuration(place: Place, cluster: str, settings: Mapping[str, Any]) -> str:
    """Return the configuration of a web admin."""
    table = _table({"address": place.address, "certificate": CERTIFICATE})
    clusters = tomlkit.table(is_super_table=True)
    clusters.add(cluster, _table({"urls": settings["urls"], "ca": CA_FILE}))
    table.add("clusters", clusters)
    document = tomlkit.document()
    document.add(tomlkit.comment("The web admin; urls are tried in order: add those of new hosts."))
    document.add("web", table)
    return tomlkit.dumps(document)


def authority_configuration(address: str) -> str:
    """Return the configuration of the authority."""
    said = "Where other hosts ask the authority of the cluster."
    return _document(said, {"authority": {"address": address}})


def _secret(place: Place) -> dict[str, str]:
    return {"$file": str(place.folder / PROXY_SECRET)}


def _document(said: str, sections: Mapping[str, Mapping[str, Any]]) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment(said))
    for name, settings in sections.items():
        document.add(name, _table(settings))
    return tomlkit.dumps(document)


def _table(settings: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for name, value in settings.items():
        if isinstance(value, dict):
            inline = tomlkit.inline_table()
            inline.update(value)
            table.add(name, inline)
        else:
            table.add(name, tomlkit.item(value))
    return table
