"""What the plugin files adds to Hansa: the types channel file and outgoing file."""

from __future__ import annotations

from typing import TypeVar

from hansa import Channel, Invalid, Outgoing, hookimpl
from hansa_connect.client import FileOutgoing
from hansa_connect.files import Entry, FileSystem
from hansa_connect.folder import FolderChannel
from hansa_connect.location import FileConnections

from .connection import LocalFiles
from .leases import is_being_written
from .settings import FolderSettings, WatchingSettings, WritingSettings

BUSY = "a process has it open for writing"

FolderT = TypeVar("FolderT", bound=FolderSettings)


class LocalConnections(FileConnections[FolderT]):
    """What the channel and the outgoing connection have in common: where the files are."""

    def file_system(self) -> FileSystem:
        """Return a connection that is not open yet."""
        return LocalFiles(self.config)


class LocalFileOutgoing(LocalConnections[WritingSettings], FileOutgoing[WritingSettings]):
    """Files of this machine: `self.outgoing.file["name"].read("report.csv")`."""

    type = "file"

    def ping(self) -> str:
        """See that the folder is there."""
        with self.session() as files:
            files.check()
            return f"{files.where} is there"


class LocalFileChannel(LocalConnections[WatchingSettings], FolderChannel[WatchingSettings]):
    """Watches a folder of this machine and delivers each file once it is whole."""

    type = "file"

    def connect(self) -> None:
        """Make the folders that are missing.

        Raises `Invalid` if files cannot be claimed by renaming them.
        """
        super().connect()
        if self.config.read_only:
            return
        with self.session() as files:
            assert isinstance(files, LocalFiles)
            claimed = self._within(self.config.claimed)
            if files.device(claimed) != files.device(self.config.folder):
                raise Invalid({"claimed": "must be on the file system of the watched folder"})

    def why_incomplete(self, entry: Entry) -> str:
        """Return whether a process of this machine has a file open for writing."""
        return BUSY if is_being_written(self.path(entry.name)) else ""


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [LocalFileChannel, LocalFileOutgoing]
