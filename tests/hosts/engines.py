"""PostgreSQL and Redis on a host of their own, over TLS by certificates of the cluster's authority.

The Valkey of the tests, that of a wheel, is built without TLS.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hansa_authority.authority import certificate_file, issue
from hansa_devkit.servers import RealServer
from hansa_devkit.servers_redis import Redis
from hansa_devkit.servers_sql import PostgreSQL

from tests.hosts.network import NETWORK


def _certified(server: RealServer, authority: Path, address: str) -> dict[str, str]:
    """Give a server a certificate for its address; returns the files by what they hold."""
    issued = issue(authority, server.name, [address])
    content = {
        "certificate": issued.certificate,
        "key": issued.key,
        "ca": certificate_file(authority),
    }
    return {
        name: str(server.write(f"{name}.pem", file.read_text())) for name, file in content.items()
    }


class HostPostgreSQL(PostgreSQL):
    """PostgreSQL that other hosts reach over TLS alone."""

    options: ClassVar[dict[str, str]] = {
        **PostgreSQL.options,
        "max_connections": "200",
        "listen_addresses": "*",
        "ssl": "on",
    }

    def __init__(self, authority: Path, address: str) -> None:
        super().__init__()
        self.address = address
        self._files = _certified(self, authority, address)

    def prepare(self) -> None:
        """Let the hosts of the network in, over TLS."""
        super().prepare()
        rules = self.folder / "data" / "pg_hba.conf"
        with rules.open("a") as file:
            file.write(f"hostssl all all {NETWORK} scram-sha-256\n")

    def command(self) -> list[str]:
        """Run it with its certificate."""
        files = {"ssl_cert_file": "certificate", "ssl_key_file": "key"}
        given = [f"{name}={self._files[what]}" for name, what in files.items()]
        return [*super().command(), *(word for one in given for word in ("-c", one))]

    @property
    def host_url(self) -> str:
        """The URL for other hosts, without the password."""
        place = f"{self.user}@{self.address}:{self.port}/{self.main}"
        return f"postgresql://{place}?sslmode=verify-full&sslrootcert={{ca}}"


class HostRedis(Redis):
    """Redis that other hosts reach over TLS alone."""

    port_names: ClassVar[tuple[str, ...]] = ("main", "tls")

    def __init__(self, authority: Path, address: str) -> None:
        super().__init__()
        self.host = address
        files = _certified(self, authority, address)
        self.options |= {
            "bind": f"127.0.0.1 {address}",
            "protected-mode": "no",
            "tls-port": str(self.ports["tls"]),
            "tls-cert-file": files["certificate"],
            "tls-key-file": files["key"],
            "tls-ca-cert-file": files["ca"],
            "tls-auth-clients": "no",
        }

    @property
    def host_url(self) -> str:
        """The URL for other hosts, without the password."""
        return f"rediss://{self.host}:{self.ports['tls']}/0?ssl_ca_certs={{ca}}"
