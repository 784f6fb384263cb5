"""The stand-in for Odoo, in a process of its own, and the login that a definition needs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.harness.stand_ins import StandIn
from hansa_security.basic import Basic, BasicSettings
from hansa_security.bearer import Bearer, BearerSettings

from plugins.sql.tests.support import issued


class OdooStandIn(StandIn):
    """See odoo_server.py for what it does."""

    name = "odoo-stand-in"
    script = Path(__file__).with_name("odoo_server.py")

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that reach it, without those of the protocol."""
        return {**super().settings, "security": "odoo"}


class SecureOdooStandIn(OdooStandIn):
    """The same over TLS."""

    secure = True

    def certificates(self) -> tuple[str, str]:
        return issued()


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
