"""The stand-in for a server of language models, in a process of its own."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, ClassVar

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.servers import RealServer
from hansa_security.bearer import Bearer, BearerSettings

from plugins.sql.tests.support import certificate, pem

SERVER = Path(__file__).with_name("model_server.py")


class ModelStandIn(RealServer):
    """See model_server.py for what it does; `password` is its key."""

    name, package, programs, as_nobody = "llm-stand-in", "python3", ("python3",), False
    scheme: ClassVar[str] = "http"

    def __init__(self) -> None:
        super().__init__()
        self.password = f"sk-{secrets.token_hex(12)}"

    @classmethod
    def version(cls) -> str:
        return "of these tests"

    def command(self) -> list[str]:
        return [sys.executable, str(SERVER), str(self.port), self.password]

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that reach it."""
        address = f"{self.scheme}://127.0.0.1:{self.port}/v1"
        return {"address": address, "security": "key", "model": "small-model"}

    def clear(self) -> None:
        """It keeps nothing that matters."""


class SecureModelStandIn(ModelStandIn):
    """The same over TLS."""

    scheme = "https"

    def prepare(self) -> None:
        issuer = certificate("issuer")
        key, signed = certificate("model", issuer, "127.0.0.1")
        self.authority = self.write("ca.pem", pem(issuer[1]))
        self.write("server.pem", pem(key) + pem(signed))

    def command(self) -> list[str]:
        return [*super().command(), str(self.folder / "server.pem")]

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "tls_ca": str(self.authority)}


def local_server(key: str, **options: Any) -> LocalServer:
    """A server whose security definition `key` signs by a key."""
    server = LocalServer()
    settings = load(BearerSettings, {"tokens": [key], "signs": True})
    return LocalServer(security={"key": Bearer("key", settings, server)}, **options)
