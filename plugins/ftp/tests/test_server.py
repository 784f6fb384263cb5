"""FTP in a real server of Hansa, with vsftpd."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.connect.tests.server_contract import ServerContract
from plugins.ftp.tests.servers import Vsftpd

pytestmark = pytest.mark.evidence("real_server", "kills")


class TestServer(ServerContract):
    type, make_peer, readme = "ftp", Vsftpd, Path(__file__).parents[1] / "README.md"

    def example(self, peer, config):
        here = f'"127.0.0.1"\nport = {peer.port}\ntls_ca = "{peer.certificates["right"]}"'
        return config.replace('"ftp.example.com"', here).replace('"hansa"', '"anonymous"')

    def other_login(self, peer):
        return {"password": peer.other_password}
