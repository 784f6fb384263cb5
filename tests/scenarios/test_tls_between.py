"""What docs/operations.md says of TLS between servers and their Redis and ODB: by certificates of a
cluster's authority, and by no other's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hansa import HansaError
from hansa.odb.engine import open_engine
from hansa_authority.authority import certificate_file, create_authority, issue
from hansa_devkit.harness.ports import free_port
from hansa_devkit.servers import RealServer
from hansa_devkit.servers_redis import Redis
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from hansa_redis.bus import RedisBus
from sqlalchemy import text
from sqlalchemy.exc import OperationalError


class Authorities:
    """The authority of a cluster, and another one."""

    def __init__(self, folder: Path) -> None:
        self.own = folder / "ca"
        self.other = folder / "other"
        for each in (self.own, self.other):
            create_authority(each)

    def give(self, server: RealServer) -> dict[str, str]:
        """Give a server a certificate of the cluster's; returns the files by what they hold."""
        issued = issue(self.own, server.name)
        content = {
            "certificate": issued.certificate,
            "key": issued.key,
            "ca": certificate_file(self.own),
        }
        return {
            name: str(server.write(f"{name}.pem", file.read_text()))
            for name, file in content.items()
        }


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    return Authorities(tmp_path)


def test_redis(authorities: Authorities):
    port = free_port()
    server = Redis()
    files = authorities.give(server)
    server.options |= {
        "tls-port": str(port),
        "tls-cert-file": files["certificate"],
        "tls-key-file": files["key"],
        "tls-ca-cert-file": files["ca"],
        "tls-auth-clients": "no",
    }
    with server:
        for authority, trusted in ((authorities.own, True), (authorities.other, False)):
            query = f"ssl_ca_certs={certificate_file(authority)}"
            bus = RedisBus(f"rediss://:{server.password}@localhost:{port}/0?{query}", "tls")
            if trusted:
                assert bus.acquire("a", "w1", 50) == 1
            else:
                with pytest.raises(Exception, match="certificate verify failed"):
                    bus.redis.ping()
            bus.redis.close()


def connected(url: str, query: str) -> str:
    """Open the ODB at a URL, and return the cipher of the connection."""
    engine = open_engine(f"{url.replace('127.0.0.1', 'localhost')}?{query}")
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                rows = connection.execute(
                    text("SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                )
                return str(rows.scalar() or "")
            rows = connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'"))
            return str(rows.one()[1])
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("kind", "options", "query"),
    [
        (
            PostgreSQL,
            {"ssl": "on", "ssl_cert_file": "certificate", "ssl_key_file": "key"},
            "sslmode=verify-full&sslrootcert={}",
        ),
        (
            MariaDB,
            {"ssl-cert": "certificate", "ssl-key": "key", "ssl-ca": "ca"},
            "ssl_ca={}",
        ),
    ],
)
def test_odb(
    authorities: Authorities,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[PostgreSQL | MariaDB],
    options: dict[str, str],
    query: str,
):
    server = kind()
    files = authorities.give(server)
    given = {name: files.get(value, value) for name, value in options.items()}
    monkeypatch.setattr(server, "options", {**server.options, **given}, raising=False)
    with server:
        assert connected(server.url(), query.format(certificate_file(authorities.own)))
        with pytest.raises((HansaError, OperationalError), match="certificate"):
            connected(server.url(), query.format(certificate_file(authorities.other)))
