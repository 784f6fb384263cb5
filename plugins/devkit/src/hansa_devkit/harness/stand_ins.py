"""Stand-ins for HTTP servers that cannot be had: a script of the tests, in a process of its own."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, ClassVar

from ..servers import RealServer


class StandIn(RealServer):
    """A script that is run by `PYTHON SCRIPT PORT PASSWORD`, and with a certificate to speak TLS by
    `PYTHON SCRIPT PORT PASSWORD PEM`.

    A subclass names it: `name = "odoo-stand-in"` and `script`. One that speaks TLS is `secure`, and
    defines `certificates`.
    """

    package, programs, as_nobody = "python3", ("python3",), False
    script: ClassVar[Path]
    path: ClassVar[str] = ""
    """What follows host and port in its address."""
    secure: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_hex(12)

    def certificates(self) -> tuple[str, str]:
        """Return the certificate of an authority, and what the server has of it for 127.0.0.1: key and
        certificate, in PEM.
        """
        raise NotImplementedError

    @classmethod
    def version(cls) -> str:
        """Say that it is none of a product."""
        return "of these tests"

    def prepare(self) -> None:
        """Write the certificates, if it has any."""
        if self.secure:
            authority, own = self.certificates()
            self.authority = self.write("ca.pem", authority)
            self.write("server.pem", own)

    def command(self) -> list[str]:
        """Run the script by this Python."""
        command = [sys.executable, str(self.script), str(self.port), self.password]
        return [*command, str(self.folder / "server.pem")] if self.secure else command

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it, but for the login."""
        scheme = "https" if self.secure else "http"
        found = {"address": f"{scheme}://127.0.0.1:{self.port}{self.path}"}
        return {**found, "tls_ca": str(self.authority)} if self.secure else found

    def clear(self) -> None:
        """Forget what tests have left; by default nothing, where each test has names of its own."""
