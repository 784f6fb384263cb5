"""The outgoing connection holds the contracts on OpenSSH."""

from __future__ import annotations

import pytest
from hansa import Invalid, Unavailable, load
from hansa_sftp.plugin import SftpOutgoing
from hansa_sftp.settings import SendingSettings

from plugins.connect.tests.file_contract import FileOutgoingContract
from plugins.sftp.tests.servers import OpenSsh, new_key


class TestOpenSsh(FileOutgoingContract):
    cls, make_peer = SftpOutgoing, OpenSsh

    def where(self, path: str) -> str:
        return str(self.root / path)

    # a key is refused as well, below
    test_refused_credentials_are_told_by_name = None  # type: ignore[assignment] # left out

    def test_refused_keys_and_passwords_are_told_by_name(self, tmp_path):
        key = new_key(tmp_path / "other").read_text()
        with (
            pytest.raises(Unavailable, match="check the settings username and key"),
            self.running(key=key),
        ):
            pass
        with pytest.raises(Unavailable, match="check the settings username and password") as caught:
            with self.running(key=None, password="wrong-one"):
                pass
        assert "wrong-one" not in str(caught.value)

    def test_another_host_key_is_refused(self):
        self.peer.restart_with(present="wrong")
        try:
            with (
                pytest.raises(Unavailable, match=r"does not match: .* the setting known_hosts"),
                self.running(),
            ):
                pass
        finally:
            self.peer.restart_with(present="right")

    def test_a_host_that_is_not_known_is_refused(self):
        known = f"other.example.com {self.peer.settings['known_hosts']}"
        with (
            pytest.raises(Unavailable, match="not found in known_hosts"),
            self.running(known_hosts=known),
        ):
            pass

    def test_known_hosts_names_the_host_with_its_port(self):
        known = f"# ours\n[127.0.0.1]:{self.peer.port} {self.peer.settings['known_hosts']}\n\n"
        with self.running(known_hosts=known) as files:
            self.use(files)

    def test_a_key_with_a_passphrase(self):
        key = (self.peer.folder / "locked").read_text()
        with self.running(key=key, passphrase="sesame") as files:
            self.use(files)
        for wrong in ("open", None):
            with pytest.raises(Invalid, match="passphrase is wrong"):
                self.config(key=key, passphrase=wrong)

    def test_links_are_links(self):
        (self.root / "link").symlink_to("/etc/passwd")
        with self.running() as files:
            assert files.stat("link").kind == files.list()[0].kind == "link"
            files.delete("link")


@pytest.mark.parametrize(
    ("changes", "faulty"),
    [
        ({"known_hosts": ""}, "known_hosts"),
        ({"known_hosts": "ssh-ed25519 nonsense"}, "known_hosts"),
        ({"key": "nonsense"}, "key"),
        ({"key": None}, "key"),
        ({"host": ""}, "host"),
        ({"username": ""}, "username"),
        ({"port": 0}, "port"),
    ],
)
def test_faults_are_told_by_setting(changes, faulty, tmp_path):
    key = new_key(tmp_path / "key")
    good = {
        "host": "h",
        "username": "u",
        "key": key.read_text(),
        "known_hosts": (tmp_path / "key.pub").read_text(),
    }
    assert load(SendingSettings, good).port == 22
    with pytest.raises(Invalid) as caught:
        load(SendingSettings, {**good, **changes})
    assert list(caught.value.errors) == [faulty]
