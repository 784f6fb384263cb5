"""The channel holds the contracts on vsftpd and on pyftpdlib."""

from __future__ import annotations

import pytest
from hansa_ftp.plugin import FtpChannel

from plugins.connect.tests.file_contract import MEGABYTE
from plugins.connect.tests.folder_contract import FolderContract
from plugins.ftp.tests.servers import Pyftpdlib, Vsftpd


@pytest.mark.proves("channel ftp", "guarantee")
@pytest.mark.proves(
    "channel ftp",
    "durability",
    "files stay on their server, claimed by a new name, until the service has ended",
)
@pytest.mark.proves(
    "channel ftp",
    "loss window",
    "none, if senders rename what is whole, or never pause for longer than `settle`",
)
@pytest.mark.proves("channel ftp", "duplicates", "what is in hand when its process dies")
class TestVsftpd(FolderContract):
    cls, make_peer = FtpChannel, Vsftpd


class TestPyftpdlib(FolderContract):
    cls, make_peer = FtpChannel, Pyftpdlib


class TestHugeFile(FolderContract):
    cls = FtpChannel
    huge = 1024 * MEGABYTE

    @staticmethod
    def make_peer():
        return Vsftpd(tls=False)


for name in set(dir(FolderContract)) - {"test_a_huge_file_moves_in_constant_memory"}:
    if name.startswith("test_"):  # the others hold with TLS, above
        setattr(TestHugeFile, name, None)
