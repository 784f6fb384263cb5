"""A SOAP server of other make (spyne) in a process of its own, and connections to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.servers import RealServer
from hansa_soap_client.outgoing import SoapOutgoing
from hansa_soap_client.settings import SoapSettings

from plugins.sql.tests.support import certificate, pem

SERVER = Path(__file__).with_name("foreign_server.py")


class Spyne(RealServer):
    """The other side: see foreign_server.py for what it offers."""

    name, package, programs, as_nobody = "spyne", "spyne", ("python3",), False

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def missing(cls) -> str:
        """It comes from PyPI, and works up to Python 3.11."""
        if sys.version_info < (3, 12) and find_spec("spyne"):
            return ""
        return (
            "spyne: needs Python 3.11 and `pip install spyne`;"
            " HANSA_TEST_WITHOUT=spyne leaves these tests out"
        )

    @classmethod
    def version(cls) -> str:
        """That of the distribution."""
        return version("spyne")

    def command(self) -> list[str]:
        """It needs nothing but its port."""
        return [sys.executable, str(SERVER), str(self.port)]


class SecureSpyne(Spyne):
    """The same over TLS, with a certificate that an authority of its own has signed; `authority` is
    its file.
    """

    def prepare(self) -> None:
        """Make authority and certificate."""
        issuer = certificate("issuer")
        key, signed = certificate("spyne", issuer, "127.0.0.1")
        self.authority = self.write("ca.pem", pem(issuer[1]))
        self.write("server.pem", pem(key) + pem(signed))

    def command(self) -> list[str]:
        """The certificate is one more word."""
        return [*super().command(), str(self.folder / "server.pem")]


@pytest.fixture
def foreign(real_server: Callable[..., Any]) -> Iterator[Spyne]:
    made: Spyne = real_server(Spyne)
    yield made
    made.resume()


@pytest.fixture
def secure_foreign(real_server: Callable[..., Any]) -> SecureSpyne:
    made: SecureSpyne = real_server(SecureSpyne)
    return made


@pytest.fixture
def connect(foreign: Spyne, tmp_path: Path) -> Iterator[Callable[..., SoapOutgoing]]:
    made: list[SoapOutgoing] = []

    def start(version: str = "1.1", **settings: Any) -> SoapOutgoing:
        path = f"/{version}"
        given: dict[str, Any] = {
            "address": foreign.address,
            "url_path": path,
            "wsdl": f"{foreign.address}{path}?wsdl",
        }
        given |= {"soap_version": version, "deadline": 5, "retry_delay": 0.02, **settings}
        server = LocalServer(directory=tmp_path)
        outgoing = SoapOutgoing("quotes", load(SoapSettings, given), server)
        made.append(outgoing)
        outgoing.start()
        return outgoing

    yield start
    for outgoing in made:
        outgoing.stop()
