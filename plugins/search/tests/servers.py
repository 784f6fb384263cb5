"""The stand-ins for search engines, in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.harness.stand_ins import StandIn
from hansa_security.basic import Basic, BasicSettings

from plugins.sql.tests.support import issued


class EngineStandIn(StandIn):
    """See engine_server.py for what it does; `path` leads to one of both."""

    name = "search-stand-in"
    script = Path(__file__).with_name("engine_server.py")

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that reach it."""
        return {**super().settings, "security": "user"}


class SolrStandIn(EngineStandIn):
    path = "/solr/books"


class SecureEngineStandIn(EngineStandIn):
    """The same over TLS."""

    secure = True

    def certificates(self) -> tuple[str, str]:
        return issued()


def local_server(password: str, user: str = "hansa") -> LocalServer:
    """A server whose security definition `user` supplies a user name and a password."""
    settings = load(BasicSettings, {"username": user, "password": password, "signs": True})
    return LocalServer(security={"user": Basic("user", settings, LocalServer())})
