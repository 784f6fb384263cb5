"""The stand-in for Odoo, in a process of its own, and the login that a definition needs for it."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, ClassVar

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.servers import RealServer
from hansa_security.basic import Basic, BasicSettings
from hansa_security.bearer import Bearer, BearerSettings

from plugins.sql.tests.support import certificate, pem

SERVER = Path(__file__).with_name("odoo_server.py")


class OdooStandIn(RealServer):
    """See odoo_server.py for what it does."""

    name, package, programs, as_nobody = "odoo-stand-in", "python3", ("python3",), False
    scheme: ClassVar[str] = "http"

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
        """Settings that reach it, without those of the protocol."""
        return {"address": f"{self.scheme}://127.0.0.1:{self.port}", "security": "odoo"}

    def clear(self) -> None:
        """Its records are those of each test alone; nobody counts all of them."""


class SecureOdooStandIn(OdooStandIn):
    """The same over TLS."""

    scheme = "https"

    def prepare(self) -> None:
        issuer = certificate("issuer")
        key, signed = certificate("odoo", issuer, "127.0.0.1")
        self.authority = self.write("ca.pem", pem(issuer[1]))
        self.write("server.pem", pem(key) + pem(signed))

    def command(self) -> list[str]:
        return [*super().command(), str(self.folder / "server.pem")]

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "tls_ca": str(self.authority)}


def local_server(password: str, user: str = "hansa") -> LocalServer:
    """A server with the security definition `odoo`, which supplies a key, and `user`, a password."""
    server = LocalServer()
    bearer = load(BearerSettings, {"tokens": [password], "signs": True})
    basic = load(BasicSettings, {"username": user, "password": password, "signs": True})
    server.objects = LocalServer(
        security={
            "odoo": Bearer("odoo", bearer, server),
            "user": Basic("user", basic, server),
        }
    ).objects
    return server
