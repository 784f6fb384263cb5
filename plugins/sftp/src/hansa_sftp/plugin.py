"""What the plugin sftp adds to Hansa: the types channel sftp and outgoing sftp."""

from __future__ import annotations

from typing import TypeVar

from hansa import Channel, Outgoing, hookimpl
from hansa_connect.client import FileOutgoing
from hansa_connect.files import FileSystem
from hansa_connect.folder import FolderChannel
from hansa_connect.location import FileConnections
from hansa_connect.login import LoggedIn

from .settings import SendingSettings, SftpSettings, WatchingSettings

SftpT = TypeVar("SftpT", bound=SftpSettings)


class SftpConnections(LoggedIn[SftpT], FileConnections[SftpT]):
    """What the channel and the outgoing connection have in common: how they connect."""

    def file_system(self) -> FileSystem:
        """Return a connection that is not open yet."""
        # a worker that does without SFTP saves the memory of Paramiko
        from .connection import SftpFiles

        return SftpFiles(self.connection_config)


class SftpOutgoing(SftpConnections[SendingSettings], FileOutgoing[SendingSettings]):
    """Files on an SFTP server: `self.outgoing.sftp["name"].read("report.csv")`."""

    type = "sftp"


class SftpChannel(SftpConnections[WatchingSettings], FolderChannel[WatchingSettings]):
    """Watches a folder of an SFTP server and delivers each file once it is whole."""

    type = "sftp"


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [SftpChannel, SftpOutgoing]
