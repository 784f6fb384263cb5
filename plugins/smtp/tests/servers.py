"""The mail server of the tests: aiosmtpd in a process of its own, with TLS and logins."""

from __future__ import annotations

import json
import secrets
import smtplib
import sys
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hansa_devkit.servers import RealServer

from plugins.ftp.tests.servers import certificate


@dataclass(frozen=True)
class Received:
    """A message that arrived, with its envelope and who had logged in."""

    message: EmailMessage
    raw: bytes
    sender: str
    recipients: list[str]
    user: str | None
    encrypted: bool
    peer: int


class MailServer(RealServer):
    """`mode` is starttls, implicit or plain; it, and what else is set here, may be changed between
    starts.
    """

    name, package, programs, as_nobody = "aiosmtpd", "aiosmtpd", ("python3",), False

    def __init__(self, mode: str = "starttls") -> None:
        super().__init__()
        self.mode = mode
        self.utf8 = True
        self.size_limit = 1024 * 1024
        self.auth_required = mode != "plain"
        self.password = secrets.token_urlsafe(12)
        self.token = secrets.token_urlsafe(12)
        self.certificate_of = "127.0.0.1"

    def prepare(self) -> None:
        (self.folder / "mail").mkdir()

    def command(self) -> list[str]:
        pem = self.write("server.pem", certificate(self.certificate_of))
        settings = {
            "port": self.port,
            "folder": str(self.folder / "mail"),
            "mode": self.mode,
            "certificate": str(pem) if self.mode != "plain" else "",
            "logins": {"hansa": self.password},
            "token": self.token,
            "utf8": self.utf8,
            "size_limit": self.size_limit,
            "auth_required": self.auth_required,
        }
        path = self.write("settings.json", json.dumps(settings))
        return [sys.executable, str(Path(__file__).with_name("mail_server.py")), str(path)]

    def ready(self) -> bool:
        try:
            if self.mode == "implicit":
                return super().ready()
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        found = {"host": "127.0.0.1", "port": self.port, "sender": "Orders <orders@example.com>"}
        if self.mode == "plain":
            return {**found, "tls": False}
        login = {"username": "hansa", "password": self.password}
        implicit = self.mode == "implicit"
        return {**found, **login, "implicit": implicit, "tls_ca": str(self.folder / "server.pem")}

    def received(self) -> list[Received]:
        """The messages so far, in no order."""
        return [self._read(path) for path in (self.folder / "mail").glob("*.json")]

    def _read(self, path: Path) -> Received:
        raw = path.with_suffix(".eml").read_bytes()
        message = message_from_bytes(raw, policy=default)
        assert isinstance(message, EmailMessage)
        return Received(message, raw, **json.loads(path.read_text()))

    def clear(self) -> None:
        """Forget the messages so far."""
        for path in (self.folder / "mail").iterdir():
            path.unlink()

    @classmethod
    def version(cls) -> str:
        return version("aiosmtpd")
