"""The settings of connections to SFTP servers."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, Secret, setting
from hansa_connect.client import RemoteSettings
from hansa_connect.location import LocationSettings
from hansa_connect.login import ChannelLogin, CredentialSettings, OutgoingLogin, login_source
from hansa_connect.watched import WatchSettings


class SftpAddressSettings(Model):
    """Address.

    Where an SFTP server is.
    """

    host: Annotated[
        str,
        setting("Host name or IP address of the server", example="sftp.example.com", min_length=1),
    ]
    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = 22


class SftpServerSettings(CredentialSettings, SftpAddressSettings):
    """Login and host keys.

    An SFTP server, who logs in, and how to know the server.
    """

    key: Annotated[
        Secret | None,
        setting("Private key to log in with, in the format of OpenSSH or PEM", multiline=True),
    ] = None
    passphrase: Annotated[Secret | None, setting("Passphrase of the private key")] = None
    known_hosts: Annotated[
        str,
        setting(
            "Host keys to accept: lines of known_hosts, or type and key from the server's *_key.pub",
            example="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI...",
            multiline=True,
            min_length=1,
        ),
    ]

    def check(self) -> None:
        """Refuse keys that cannot be read, and a login without user, or without password or key.

        Raises `Invalid`.
        """
        # a worker that does without SFTP saves the memory of Paramiko
        from .keys import parse_known_hosts, parse_private_key

        super().check()
        self._check_login()
        parse_known_hosts(self.known_hosts, self.host, self.port)
        if self.key is not None:
            parse_private_key(self.key, self.passphrase)

    def _check_login(self) -> None:
        source, name = login_source(self)
        faults = {}
        if not self.username and not name:
            faults["username"] = f"required, or a security definition in {source}"
        if self.password is None and self.key is None and not name:
            faults["key"] = "give a key or a password"
        if faults:
            raise Invalid(faults)


class SftpSettings(LocationSettings, SftpServerSettings):
    """What the channel and the outgoing connection have in common."""


class SendingSettings(RemoteSettings, OutgoingLogin, SftpSettings):
    """Sending."""


class WatchingSettings(WatchSettings, ChannelLogin, SftpSettings):
    """Settings of the channel."""
