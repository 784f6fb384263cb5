"""The channel holds the contracts on OpenSSH."""

from __future__ import annotations

import pytest
from hansa_sftp.plugin import SftpChannel

from plugins.connect.tests.folder_contract import FolderContract
from plugins.sftp.tests.servers import OpenSsh


@pytest.mark.proves("channel sftp", "guarantee")
@pytest.mark.proves(
    "channel sftp",
    "durability",
    "files stay on their server, claimed by a new name, until the service has ended",
)
@pytest.mark.proves(
    "channel sftp",
    "loss window",
    "none, if senders rename what is whole, or never pause for longer than `settle`",
)
@pytest.mark.proves("channel sftp", "duplicates", "what is in hand when its process dies")
class TestOpenSsh(FolderContract):
    cls, make_peer = SftpChannel, OpenSsh

    def where(self, path: str) -> str:
        return str(self.root / path)
