"""The types channel ftp and outgoing ftp: files on FTP and FTPS servers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from hansa import Secret, hookimpl, setting
from hansa_connect.client import FileOutgoing, Remote
from hansa_connect.files import Connected
from hansa_connect.folder import FolderChannel
from hansa_connect.tls import Tls
from hansa_connect.watched import Watched


class Server(Tls):
    """An FTP server, and how to log in."""

    host: Annotated[str, setting("Host name or address", example="ftp.example.com", min_length=1)]
    port: Annotated[int, setting("TCP port; 990 is usual for implicit TLS", ge=1, le=65535)] = 21
    username: Annotated[str, setting("User name", min_length=1)] = "anonymous"
    password: Annotated[Secret | None, setting("Password")] = None
    account: Annotated[str, setting("Account (ACCT), which few servers want", advanced=True)] = ""
    tls: Annotated[
        bool,
        setting(
            "Encrypt (FTPS), verifying the certificate; without it, password and files are sent in clear"
        ),
    ] = True
    implicit: Annotated[
        bool, setting("TLS from the first byte on, instead of after AUTH TLS", advanced=True)
    ] = False
    passive: Annotated[
        bool, setting("The server listens for data connections, not we", advanced=True)
    ] = True
    encoding: Annotated[
        Literal["utf-8", "latin-1", "cp1252"], setting("Encoding of names", advanced=True)
    ] = "utf-8"


class Sending(Server, Remote):
    """Settings of the outgoing connection."""


class Watching(Server, Watched):
    """Settings of the channel."""


class _Ftp(Connected):
    def file_system(self) -> Any:
        from .session import FtpFiles

        return FtpFiles(self.config, self._context)

    def connect(self) -> None:
        self._context = (
            self.config.context()
        )  # once: reading all authorities takes some milliseconds
        super().connect()


class FtpOutgoing(_Ftp, FileOutgoing):
    """Files on an FTP or FTPS server: `self.outgoing.ftp["name"].upload("report.csv", "in/report.csv")`."""

    type = "ftp"
    Config = Sending


class FtpChannel(_Ftp, FolderChannel):
    """Watches a folder of an FTP or FTPS server and delivers each file once it is whole."""

    type = "ftp"
    Config = Watching


@hookimpl
def hansa_transports() -> list[type[Any]]:
    """Give both types."""
    return [FtpChannel, FtpOutgoing]
