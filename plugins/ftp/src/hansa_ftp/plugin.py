"""What the plugin ftp adds to Hansa: the types channel ftp and outgoing ftp."""

from __future__ import annotations

import ssl
from typing import TypeVar

from hansa import Channel, Outgoing, hookimpl
from hansa_connect.client import FileOutgoing
from hansa_connect.files import FileSystem
from hansa_connect.folder import FolderChannel
from hansa_connect.location import FileConnections
from hansa_connect.login import LoggedIn

from .settings import MAYBE_IMPLICIT, FtpSettings, SendingSettings, WatchingSettings

FtpT = TypeVar("FtpT", bound=FtpSettings)


class FtpConnections(LoggedIn[FtpT], FileConnections[FtpT]):
    """What the channel and the outgoing connection have in common: how they connect."""

    login_means = ("password", "certificate")

    _context: ssl.SSLContext | None = None

    @property
    def silence(self) -> str:
        """What to change when a server does not answer to be connected to."""
        greets_first = self.config.tls and not self.config.implicit
        return MAYBE_IMPLICIT if greets_first else super().silence

    def connect(self) -> None:
        """Open a first connection; raises if that fails."""
        # once for all connections: reading the certificates of all authorities takes milliseconds
        self._context = self.connection_config.context()
        super().connect()

    def file_system(self) -> FileSystem:
        """Return a connection that is not open yet."""
        # a worker that does without FTP saves the memory of ftputil
        from .connection import FtpFiles

        return FtpFiles(self.connection_config, self._context)


class FtpOutgoing(FtpConnections[SendingSettings], FileOutgoing[SendingSettings]):
    """Files on an FTP or FTPS server: `self.outgoing.ftp["name"].read("report.csv")`."""

    type = "ftp"


class FtpChannel(FtpConnections[WatchingSettings], FolderChannel[WatchingSettings]):
    """Watches a folder of an FTP or FTPS server and delivers each file once it is whole."""

    type = "ftp"


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [FtpChannel, FtpOutgoing]
