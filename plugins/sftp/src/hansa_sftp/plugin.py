"""The types channel sftp and outgoing sftp: files on SFTP servers."""

from __future__ import annotations

from typing import Annotated, Any

from hansa import Invalid, Model, Secret, hookimpl, setting
from hansa_connect.client import FileOutgoing, Remote
from hansa_connect.files import Connected
from hansa_connect.folder import FolderChannel
from hansa_connect.watched import Watched


class Server(Model):
    """An SFTP server, how to know it, and how to log in."""

    host: Annotated[str, setting("Host name or address", example="sftp.example.com", min_length=1)]
    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = 22
    known_hosts: Annotated[
        str,
        setting(
            "Host keys to accept, as lines of known_hosts, or only type and key as the server's *_key.pub has them",
            example="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI...",
            multiline=True,
            min_length=1,
        ),
    ]
    username: Annotated[str, setting("User name", min_length=1)]
    password: Annotated[Secret | None, setting("Password")] = None
    key: Annotated[
        Secret | None, setting("Private key, in the form of OpenSSH or PEM", multiline=True)
    ] = None
    passphrase: Annotated[Secret | None, setting("Passphrase of the private key")] = None

    def check(self) -> None:
        """Refuse keys that cannot be read, and a login with nothing to prove it; raises `Invalid`."""
        from .session import known_keys, private_key

        super().check()
        if self.password is None and self.key is None:
            raise Invalid({"key": "give a key or a password"})
        known_keys(self.known_hosts, self.host, self.port)
        if self.key is not None:
            private_key(self.key, self.passphrase)


class Sending(Server, Remote):
    """Settings of the outgoing connection."""


class Watching(Server, Watched):
    """Settings of the channel."""


class _Sftp(Connected):
    def file_system(self) -> Any:
        from .session import SftpFiles

        return SftpFiles(self.config)


class SftpOutgoing(_Sftp, FileOutgoing):
    """Files on an SFTP server: `self.outgoing.sftp["name"].upload("report.csv", "in/report.csv")`."""

    type = "sftp"
    Config = Sending


class SftpChannel(_Sftp, FolderChannel):
    """Watches a folder of an SFTP server and delivers each file once it is whole."""

    type = "sftp"
    Config = Watching


@hookimpl
def hansa_transports() -> list[type[Any]]:
    """Give both types."""
    return [SftpChannel, SftpOutgoing]
