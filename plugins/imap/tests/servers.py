"""Dovecot for the tests: one account, in a folder of its own, on free ports."""

from __future__ import annotations

import imaplib
import os
import secrets
from pathlib import Path
from typing import Any

from hansa_devkit.servers import RealServer

from plugins.ftp.tests.servers import certificate


class Dovecot(RealServer):
    """`mode` is implicit, starttls or plain."""

    name, package, programs = "dovecot", "dovecot-imapd", ("dovecot",)
    port_names = ("imap", "imaps")

    def __init__(self, mode: str = "implicit") -> None:
        super().__init__()
        self.mode = mode
        self.password = secrets.token_urlsafe(12)

    def prepare(self) -> None:
        self.pem = self.write("server.pem", certificate("127.0.0.1"))
        for name in ("run", "mail", "state"):
            (self.folder / name).mkdir()
            if self._user:
                os.chown(self.folder / name, self._user["user"], self._user["group"])

    def command(self) -> list[str]:
        user = "nobody" if self._user else "root"
        group = "nogroup" if self._user else "root"
        text = f"""
protocols = imap
listen = 127.0.0.1
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/dovecot.log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{self.folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
auth_failure_delay = 0
first_valid_gid = 1
ssl = {"no" if self.mode == "plain" else "yes"}
ssl_cert = <{self.pem}
ssl_key = <{self.pem}
disable_plaintext_auth = {"no" if self.mode == "plain" else "yes"}
passdb {{
  driver = static
  args = password={self.password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={self.folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.ports["imap"]}
  }}
  inet_listener imaps {{
    port = {0 if self.mode == "plain" else self.ports["imaps"]}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
        return [self.program("dovecot"), "-F", "-c", str(self.write("dovecot.conf", text))]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        found: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.ports["imaps" if self.mode == "implicit" else "imap"],
            "username": "hansa",
            "password": self.password,
        }
        if self.mode == "plain":
            return {**found, "tls": False, "implicit": False}
        return {**found, "tls_ca": str(self.pem), "implicit": self.mode == "implicit"}

    def client(self) -> imaplib.IMAP4:
        """Return a client that is logged in, over TLS that nobody verifies."""
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=10)
        if self.mode != "plain":
            client.starttls()
        client.authenticate("PLAIN", lambda challenge: f"\0hansa\0{self.password}".encode())
        return client

    def append(self, raw: bytes, mailbox: str = "INBOX") -> None:
        """Put a message into a mailbox, as a mail server that has received it."""
        client = self.client()
        try:
            status, told = client.append(mailbox, "", "", raw)
            assert status == "OK", told
        finally:
            client.logout()

    def messages(self, mailbox: str, criteria: str = "ALL") -> list[bytes]:
        """Return the messages in a mailbox; none if there is no such mailbox."""
        client = self.client()
        try:
            if client.select(mailbox, readonly=True)[0] != "OK":
                return []
            _, [found] = client.search(None, criteria)
            bodies = [self._body(client, number) for number in found.split()]
            return [body for body in bodies if body is not None]
        finally:
            client.logout()

    def _body(self, client: imaplib.IMAP4, number: str) -> bytes | None:
        """Return the bytes of a message; None if it is gone meanwhile."""
        _, [answer, *_] = client.fetch(number, "(BODY.PEEK[])")
        return answer[1] if isinstance(answer, tuple) else None

    def ready(self) -> bool:
        try:
            self.client().logout()
        except (OSError, imaplib.IMAP4.error):
            return False
        return True

    def clear(self) -> None:
        """Delete all messages."""
        client = self.client()
        for mailbox in ("INBOX", "Failed", "Done", "Orders"):
            status, [count] = client.select(mailbox)
            if status == "OK" and count != b"0":
                client.store("1:*", "+FLAGS", "\\Deleted")
                client.expunge()
        client.logout()

    def log(self) -> str:
        """What Dovecot has logged."""
        path = Path(self.folder / "dovecot.log")
        return path.read_text() if path.exists() else ""
