"""The stand-ins for search engines, in a process of their own."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, ClassVar

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.servers import RealServer
from hansa_security.basic import Basic, BasicSettings

from plugins.sql.tests.support import certificate, pem

SERVER = Path(__file__).with_name("engine_server.py")


class EngineStandIn(RealServer):
    """See engine_server.py for what it does; `path` leads to one of both."""

    name, package, programs, as_nobody = "search-stand-in", "python3", ("python3",), False
    scheme: ClassVar[str] = "http"
    path: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(12)

    @classmethod
    def version(cls) -> str:
        return "of these tests"

    def command(self) -> list[str]:
        return [sys.executable, str(SERVER), str(self.port), self.password]

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that reach it."""
        address = f"{self.scheme}://127.0.0.1:{self.port}{self.path}"
        return {"address": address, "security": "user"}

    def clear(self) -> None:
        """Tests use documents of their own."""


class SolrStandIn(EngineStandIn):
    path = "/solr/books"


class SecureEngineStandIn(EngineStandIn):
    """The same over TLS."""

    scheme = "https"

    def prepare(self) -> None:
        issuer = certificate("issuer")
        key, signed = certificate("search", issuer, "127.0.0.1")
        self.authority = self.write("ca.pem", pem(issuer[1]))
        self.write("server.pem", pem(key) + pem(signed))

    def command(self) -> list[str]:
        return [*super().command(), str(self.folder / "server.pem")]

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "tls_ca": str(self.authority)}


def local_server(password: str, user: str = "hansa") -> LocalServer:
    """A server whose security definition `user` supplies a user name and a password."""
    settings = load(BasicSettings, {"username": user, "password": password, "signs": True})
    return LocalServer(security={"user": Basic("user", settings, LocalServer())})
