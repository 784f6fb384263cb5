"""Postfix as the mail server of tests, in a folder of its own, with STARTTLS; Dovecot checks its logins,
so that no account of the system is touched.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import smtplib
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path
from typing import Any

import psutil
import pytest
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers import RealServer

from plugins.ftp.tests.servers import certificate

SIZE_LIMIT = 8_000_000
REFUSALS = {
    "nobody@example.com": "550 5.1.1 no such user here",
    "later@example.com": "450 4.3.2 try again later",
}


class LoginServer(RealServer):
    """Dovecot without mailboxes: it checks logins for Postfix, on a port."""

    name, package, programs = "dovecot", "dovecot-imapd", ("dovecot",)

    def __init__(self) -> None:
        super().__init__()
        self.password = ""

    def prepare(self) -> None:
        for name in ("run", "state"):
            (self.folder / name).mkdir()
            if self._user:
                os.chown(self.folder / name, self._user["user"], self._user["group"])

    def command(self) -> list[str]:
        user, group = ("nobody", "nogroup") if self._user else ("root", "root")
        text = f"""
protocols =
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/dovecot.log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = no
passdb {{
  driver = static
  args = password={self.password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={self.folder}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {self.port}
  }}
}}
"""
        return [self.program("dovecot"), "-F", "-c", str(self.write("dovecot.conf", text))]


class Postfix(RealServer):
    """It takes mail for example.com from who has logged in, and keeps it in a Maildir."""

    name, package, programs, as_nobody = "postfix", "postfix", ("postfix", "postconf"), False

    def __init__(self) -> None:
        if os.getuid():
            pytest.skip("Postfix starts as root alone")
        if self.missing() and Path("/usr/sbin/sendmail").exists():
            pytest.skip("there is another mail server here, and Debian has one at a time")
        super().__init__()
        self.password = f"p{secrets.token_urlsafe(12)}"
        self.logins = LoginServer()
        self.mail = self.folder / "mail"

    @classmethod
    def version(cls) -> str:
        return "of Debian"

    def prepare(self) -> None:
        os.chmod(self.folder, 0o755)
        for name in ("conf", "queue", "data", "mail"):
            (self.folder / name).mkdir(mode=0o755)
        postfix, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        os.chown(self.folder / "data", postfix.pw_uid, postfix.pw_gid)
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        self.pem = self.write("server.pem", certificate("127.0.0.1"))
        refusals = ", ".join(f"{{ {to} = {reply} }}" for to, reply in REFUSALS.items())
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": "/dev/stdout",
            "inet_protocols": "ipv4",
            "myhostname": "mail.example.com",
            "mydestination": "",
            "alias_maps": "",
            "virtual_mailbox_domains": "example.com",
            "virtual_mailbox_base": self.mail,
            "virtual_mailbox_maps": "static:all/",
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
            "virtual_minimum_uid": "1",
            "virtual_mailbox_limit": "0",
            "message_size_limit": str(SIZE_LIMIT),
            "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_auth_only": "yes",
            "smtpd_tls_chain_files": self.pem,
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{self.logins.port}",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_recipient_restrictions": (
                f"check_recipient_access inline:{{ {refusals} }}, permit_sasl_authenticated, reject"
            ),
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        (self.folder / "conf" / "main.cf").write_text("\n".join(lines) + "\n")
        (self.folder / "conf" / "master.cf").write_text(self._services())

    def _services(self) -> str:
        return f"""
127.0.0.1:{self.port} inet n - n - 100 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n - 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

    def command(self) -> list[str]:
        return [self.program("postfix"), "-c", str(self.folder / "conf"), "start-fg"]

    def launch(self) -> None:
        if self.logins.password != self.password:
            self.logins.stop()
            self.logins.password = self.password
        self.logins.start()
        super().launch()

    def ready(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def stop(self) -> None:
        """Its processes end after the first, and hold the port until then."""
        processes = self.processes()
        super().stop()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=self.patience)

    def close(self) -> None:
        super().close()
        self.logins.close()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "sender": "Orders <orders@example.com>",
            "username": "hansa",
            "password": self.password,
            "tls_ca": str(self.pem),
        }

    def received(self, subject: str) -> list[EmailMessage]:
        """The messages with a subject that have come so far, one for each recipient."""
        found = []
        for path in (self.mail / "all" / "new").glob("*"):
            raw = path.read_bytes()
            if BytesHeaderParser(policy=default).parsebytes(raw)["Subject"] == subject:
                message = message_from_bytes(raw, policy=default)
                assert isinstance(message, EmailMessage)
                found.append(message)
        return found

    def clear(self) -> None:
        """Its messages are told apart by their subjects."""


def wait_for(server: Postfix, subject: str, count: int = 1) -> list[EmailMessage]:
    """The messages with a subject, once there are so many."""
    wait_until(lambda: len(server.received(subject)) >= count, 60, server.output)
    return server.received(subject)
