"""A mail server in a process of its own, by aiosmtpd: `mail_server.py SETTINGS` (a JSON file).

It keeps each message in a folder, as the bytes that came and a JSON file with the envelope. A
recipient whose name begins with `nobody` does not exist (550), one with `later` is busy (451).
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbox:
    """Takes messages, and knows who may log in."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.folder = Path(settings["folder"])
        self.logins: dict[str, str] = settings["logins"]
        self.token: str = settings["token"]

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Check a user name and a password."""
        assert isinstance(data, LoginPassword)
        right = self.logins.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """Check a token."""
        given = base64.b64decode(args[1]).decode()
        right = f"auth=Bearer {self.token}\x01" in given
        return AuthResult(success=right, handled=False, auth_data="token")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        if address.startswith("later"):
            return "451 4.3.2 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a message; one whose text asks for it is refused."""
        content = envelope.original_content or b""
        if b"Subject: refuse me" in content:
            return "554 5.7.1 looks like spam"
        name = uuid.uuid4().hex
        told = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "user": session.auth_data if session.authenticated else None,
            "encrypted": session.ssl is not None,
            "peer": session.peer[1] if session.peer else 0,
        }
        (self.folder / f"{name}.eml").write_bytes(content)
        (self.folder / f"{name}.part").write_text(json.dumps(told))
        (self.folder / f"{name}.part").rename(self.folder / f"{name}.json")
        return "250 OK"


async def serve(settings: dict[str, Any]) -> None:
    """Serve until the process is ended."""
    context = None
    if settings["certificate"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings["certificate"])
    mailbox = Mailbox(settings)
    implicit = settings["mode"] == "implicit"
    starttls = context if settings["mode"] == "starttls" else None
    make = partial(
        SMTP,
        mailbox,
        data_size_limit=settings["size_limit"],
        enable_SMTPUTF8=settings["utf8"],
        hostname="mail.example.com",
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=mailbox.authenticate,
        auth_required=settings["auth_required"],
        auth_require_tls=starttls is not None,
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        make, "127.0.0.1", settings["port"], ssl=context if implicit else None
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
