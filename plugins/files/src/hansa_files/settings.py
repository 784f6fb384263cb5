"""The settings of channels and outgoing connections to files of this machine."""

from __future__ import annotations

import os
from typing import Annotated

from hansa import Invalid, setting
from hansa_connect.client import RemoteSettings
from hansa_connect.location import LocationSettings
from hansa_connect.watched import WatchSettings


class FolderSettings(LocationSettings):
    """Folder.

    A folder of this machine, or one that is mounted.
    """

    folder: Annotated[
        str,
        setting(
            "Folder that all paths are below, as an absolute path; the same on all servers",
            example="/srv/exchange/in",
            min_length=1,
        ),
    ]
    mount_point: Annotated[
        str,
        setting(
            "Mount point that must be mounted for the folder to be used, so that nothing is "
            "written beneath it while it is not; empty if none has to be",
            example="/srv/exchange",
        ),
    ] = ""

    def check(self) -> None:
        """Refuse paths that are not absolute, and a folder elsewhere; raises `Invalid`."""
        super().check()
        faults = {}
        if not _is_absolute(self.folder):
            faults["folder"] = "must be an absolute path, without .. in it"
        if self.mount_point and not _is_absolute(self.mount_point):
            faults["mount_point"] = "must be an absolute path, without .. in it"
        elif self.mount_point and not _is_below(self.mount_point, self.folder):
            faults["mount_point"] = "must be the folder or one above it"
        if faults:
            raise Invalid(faults)


# the first base counts where two have a setting: `folder` is required here, and is not elsewhere
class WritingSettings(FolderSettings, RemoteSettings):
    """Writing."""

    permissions: Annotated[
        str,
        setting(
            "Permissions of new files in octal digits; empty for what the umask of the server leaves",
            example="0640",
            pattern="^(0?[0-7]{3})?$",
        ),
    ] = ""
    sync: Annotated[
        bool,
        setting(
            "Have a file on the disk, and its name, before a call that writes it returns",
            advanced=True,
        ),
    ] = True


class WatchingSettings(FolderSettings, WatchSettings):
    """Settings of the channel."""


def _is_absolute(path: str) -> bool:
    return path.startswith("/") and ".." not in path.split("/") and "\0" not in path


def _is_below(above: str, path: str) -> bool:
    above, path = os.path.normpath(above), os.path.normpath(path)
    return os.path.commonpath([above, path]) == above
