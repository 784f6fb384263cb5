"""Files of this machine in a real server of Hansa."""

from __future__ import annotations

from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.connect.tests.server_contract import ServerContract
from plugins.files.tests.folders import ExchangeFolder

pytestmark = pytest.mark.evidence("real_server", "kills")


class TestServer(ServerContract):
    type, plugin, make_peer = "file", "files", ExchangeFolder
    outage_words = ("cannot be used",)
    readme = Path(__file__).parents[1] / "README.md"

    def example(self, peer, config):
        return config.replace("/srv/exchange", str(peer.root))

    def other_login(self, peer):
        return {**self.place(peer), "permissions": "0600"}

    def test_refused_credentials_are_told_and_a_right_one_heals(self, peer, start_server, tmp_path):
        """There are none: it is the folder that is wrong."""
        server = start_server(workers=1, plugins=[self.plugin])
        self.deploy(server, tmp_path / "taken")
        wrong = {"folder": str(peer.folder / "nowhere")}
        server.api("admin.outgoing.file.create", name="files", **{**self.place(peer), **wrong})
        server.api("admin.channel.file.create", name="files", **{**self.watching(peer), **wrong})
        for kind in ("outgoing", "channel"):
            wait_until(lambda kind=kind: self.states(server, kind) == {"retrying"}, 30)
            told = str(server.api(f"admin.{kind}.file.get", name="files")["states"])
            assert "nowhere cannot be used" in told
        assert server.post("/put").status_code == 503
        server.api("admin.outgoing.file.edit", name="files", **self.place(peer))
        server.api("admin.channel.file.edit", name="files", **self.watching(peer))
        for kind in ("outgoing", "channel"):
            wait_until(lambda kind=kind: self.states(server, kind) == {"running"}, 30)
        assert server.post("/put").status_code == 200
        self.put(peer, "a", "one")
        wait_until((tmp_path / "taken").exists, 30)
