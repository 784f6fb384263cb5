"""What an authority keeps of its cluster, to hand it to components: names, addresses and secrets."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from hansa import replace_file
from hansa_cli.access import USER, password_file
from hansa_quickstart.component import HOST, QUICKSTART, SERVER, Component
from hansa_quickstart.create import PROXY_SECRET
from hansa_quickstart.failure import INVALID, NOT_A_COMPONENT, Failure
from hansa_quickstart.programs import api_users
from hansa_quickstart.users import user_password_file

AUTHORITY: Final = "ca"
"""The folder of the authority in that of the cluster."""
OWN_NAME: Final = "authority"
"""The name of the authority's own certificate."""
SECRET_KEY: Final = "secret.key"
CA_PLACE: Final = "{ca}"
"""What stands in a URL for the file with the certificate of the cluster's authority, which every
host has elsewhere.
"""
_FILE: Final = "cluster.json"


@dataclass(frozen=True)
class Cluster:
    """A cluster on several hosts: its name, HOST:PORT of its authority, the network of its hosts,
    and the URLs of the operational database (ODB) and of Redis.
    """

    name: str
    authority: str
    network: str
    odb: str
    redis: str
    durability: str

    def admits(self, address: str) -> bool:
        """Whether an address is one of the network of the hosts."""
        return ipaddress.ip_address(address) in ipaddress.ip_network(self.network, strict=False)


def store_cluster(folder: Path, cluster: Cluster) -> None:
    """Keep what a cluster is, in the folder of its authority's host."""
    replace_file(folder / AUTHORITY / _FILE, json.dumps(asdict(cluster)), durable=True)


def read_cluster(folder: Path) -> Cluster:
    """Return the cluster whose authority this host has; raises `Failure` if it has none."""
    try:
        return Cluster(**json.loads((folder / AUTHORITY / _FILE).read_text()))
    except FileNotFoundError:
        message = (
            f"{folder} is not on the host of the cluster's authority. There, `hansa create token` "
            "makes a token with which this host joins: hansa join TOKEN PATH"
        )
        raise Failure(message, NOT_A_COMPONENT) from None
    except (OSError, ValueError, TypeError) as error:
        message = f"{folder / AUTHORITY / _FILE} cannot be read: {error}"
        raise Failure(message, INVALID) from None


def with_authority(url: str, file: Path) -> str:
    """Return a URL that names the file with the authority's certificate where `{ca}` stands."""
    return url.replace(CA_PLACE, quote(str(file)))


def secret_key(folder: Path) -> str:
    """Return the key of the cluster's secrets: as a server of this host has it, which takes part when
    it is replaced, else as it was made.
    """
    host = Component(folder)
    servers = host.parts_of(SERVER) if host.exists and host.is_cluster else []
    files = [server.folder / SECRET_KEY for server in servers]
    present = next((file for file in files if file.is_file()), folder / SECRET_KEY)
    return present.read_text().strip()


def passwords(folder: Path) -> dict[str, str]:
    """Return the passwords of the admin and of users of the API, by user."""
    files = {user: user_password_file(folder, user) for user in (USER, *api_users())}
    return {user: file.read_text().strip() for user, file in files.items() if file.is_file()}


def proxy_secret(folder: Path) -> str:
    """Return the secret by which servers know their load-balancers."""
    return (folder / PROXY_SECRET).read_text().strip()


def open_host(path: Path) -> Component:
    """Return what a host has of a cluster; raises `Failure` for anything else."""
    host = Component(path.expanduser().resolve())
    if host.kind != HOST:
        why = ": a quickstart cluster is on one host" if host.kind == QUICKSTART else ""
        message = f"{host.folder} is not what a host has of a cluster{why}"
        raise Failure(message, NOT_A_COMPONENT)
    return host


def admin_password_file(folder: Path) -> Path:
    """Return where the password of the admin is, in the folder of a host or of a server."""
    return password_file(folder)
