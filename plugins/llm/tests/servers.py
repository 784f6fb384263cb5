"""The stand-in for a server of language models, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.harness.stand_ins import StandIn
from hansa_security.bearer import Bearer, BearerSettings

from plugins.sql.tests.support import issued


class ModelStandIn(StandIn):
    """See model_server.py for what it does; `password` is its key."""

    name = "llm-stand-in"
    script = Path(__file__).with_name("model_server.py")
    path = "/v1"

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that reach it."""
        return {**super().settings, "security": "key", "model": "small-model"}


class SecureModelStandIn(ModelStandIn):
    """The same over TLS."""

    secure = True

    def certificates(self) -> tuple[str, str]:
        return issued()


def local_server(key: str, **options: Any) -> LocalServer:
    """A server whose security definition `key` signs by a key."""
    server = LocalServer()
    settings = load(BearerSettings, {"tokens": [key], "signs": True})
    return LocalServer(security={"key": Bearer("key", settings, server)}, **options)
