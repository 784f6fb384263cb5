"""The stand-in for a node of Cassandra, in a process of its own, and the tables of these tests."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any, ClassVar

from hansa_devkit.servers import RealServer

from plugins.sql.tests.support import certificate, pem

ROOT = Path(__file__).parents[3]


class CassandraStandIn(RealServer):
    """See cql_server.py for what it does."""

    name, package, programs, as_nobody = "cassandra-stand-in", "python3", ("python3",), False
    address: ClassVar[str] = "127.0.0.1"
    more: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.password = f"p{secrets.token_urlsafe(12)}"

    @classmethod
    def version(cls) -> str:
        return "of these tests"

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}

    def command(self) -> list[str]:
        server = [sys.executable, "-m", "plugins.cassandra.tests.cql_server"]
        return [*server, self.address, str(self.port), self.password, str(self.folder), *self.more]

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that reach it."""
        return {
            "contact_points": [self.address],
            "port": self.port,
            "keyspace": "shop",
            "username": "hansa",
            "password": self.password,
        }

    def clear(self) -> None:
        """Its rows are those of each test alone; nobody counts all of them."""


class SecureStandIn(CassandraStandIn):
    """The same over TLS, with a certificate for the name `node.test` alone."""

    def prepare(self) -> None:
        issuer = certificate("issuer")
        key, signed = certificate("node.test", issuer, "node.test")
        self.authority = self.write("ca.pem", pem(issuer[1]))
        self.more = ("--tls", str(self.write("server.pem", pem(key) + pem(signed))))

    @property
    def settings(self) -> dict[str, Any]:
        tls = {"tls": True, "tls_ca": str(self.authority), "tls_server_name": "node.test"}
        return {**super().settings, **tls}
