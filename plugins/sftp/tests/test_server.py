"""SFTP in a real server of Hansa, with OpenSSH."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.connect.tests.server_contract import ServerContract
from plugins.sftp.tests.servers import OpenSsh

pytestmark = pytest.mark.evidence("real_server", "kills")


class TestServer(ServerContract):
    type, make_peer, readme = "sftp", OpenSsh, Path(__file__).parents[1] / "README.md"

    def example(self, peer, config):
        settings = peer.settings
        (peer.folder / "known").write_text(settings["known_hosts"])
        for there, here in {
            '"sftp.example.com"': f'"127.0.0.1"\nport = {peer.port}',
            '"hansa"': f'"{peer.username}"',
            "/etc/hansa/partner-host-keys": str(peer.folder / "known"),
            "/etc/hansa/partner-login-key": str(peer.folder / "login"),
            'folder = "in"': f'folder = "{peer.root}/in"',
            "[outgoing.sftp.partner]": f'[outgoing.sftp.partner]\nfolder = "{peer.root}"',
        }.items():
            config = config.replace(there, here)
        return config

    def other_login(self, peer):
        return {"key": (peer.folder / "locked").read_text(), "passphrase": "sesame"}
