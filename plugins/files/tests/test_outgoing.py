"""The outgoing connection holds the contract of remote files on folders of this machine."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from hansa import Forbidden, Invalid, Unavailable, load
from hansa_files.plugin import LocalFileOutgoing
from hansa_files.settings import WritingSettings

from plugins.connect.tests.file_contract import FileOutgoingContract
from plugins.files.tests.folders import ExchangeFolder

NEEDS_A_NETWORK = (
    "test_an_upload_goes_on_where_it_was_interrupted",
    "test_a_download_goes_on_where_it_was_interrupted",
    "test_refused_credentials_are_told_by_name",
    "test_a_silent_drop_ends_at_the_deadline_and_heals",
    "test_its_time_out_is_kept",
)


class TestFolder(FileOutgoingContract):
    cls, make_peer = LocalFileOutgoing, ExchangeFolder

    def where(self, path: str) -> str:
        return str(self.root / path)

    def test_nobody_there_is_told_at_once(self):
        self.peer.kill()
        with pytest.raises(Unavailable, match=r"cannot be used: .*No such file"), self.running():
            pass

    def test_a_mount_point_that_is_not_mounted_is_told(self):
        with (
            pytest.raises(Unavailable, match="nothing is mounted at"),
            self.running(mount_point=str(self.root)),
        ):
            pass

    def test_a_folder_that_another_one_replaced_is_not_written_to(self):
        with self.running() as files:
            self.peer.kill()
            self.root.mkdir()
            with pytest.raises(Unavailable, match="another folder has its place now"):
                files.ping()
            self.root.rmdir()
            self.peer.start()

    def test_links_do_not_lead_out_of_the_folder(self, tmp_path):
        (tmp_path / "secret").write_text("secret")
        (self.root / "file").symlink_to(tmp_path / "secret")
        (self.root / "folder").symlink_to(tmp_path)
        (self.root / "inner").mkdir()
        (self.root / "short").symlink_to(self.root / "inner")
        with self.running() as files:
            for call in (
                lambda: files.read("file"),
                lambda: files.read("folder/secret"),
                lambda: files.list("folder/."),
                lambda: files.write("folder/new", "1"),
                lambda: files.delete("folder/secret"),
            ):
                with pytest.raises(Forbidden):
                    call()
            files.write("short/a", "1")
            assert (self.root / "inner/a").read_text() == "1"
            files.write("file", "mine")  # the link is replaced, and not what it leads to
        assert [path.name for path in tmp_path.iterdir()] == ["secret"]
        assert (tmp_path / "secret").read_text() == "secret"

    def test_pipes_and_devices_hold_nobody_up(self):
        os.mkfifo(self.root / "pipe")
        with self.running() as files:
            with pytest.raises(Forbidden):
                files.read("pipe")
            assert files.stat("pipe").kind == "other"

    def test_new_files_have_the_permissions_of_the_settings(self):
        with self.running(permissions="0640") as files:
            files.write("a", "1")
        assert stat.S_IMODE((self.root / "a").stat().st_mode) == 0o640

    def test_a_file_moves_to_another_file_system_whole(self, monkeypatch):
        (self.root / "other").mkdir()
        (self.root / "a").write_bytes(b"content")
        real = os.rename

        def rename(old, new):
            if str(old) == str(self.root / "a"):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            real(old, new)

        monkeypatch.setattr(os, "rename", rename)
        with self.running() as files:
            files.rename("a", "other/b")
        assert (self.root / "other/b").read_bytes() == b"content"
        assert [path.name for path in (self.root / "other").iterdir()] == ["b"]
        assert not (self.root / "a").exists()

    @pytest.mark.parametrize(("sync", "least", "most"), [(True, 2, 9), (False, 0, 0)])
    def test_content_and_name_are_on_the_disk_if_that_is_asked_for(
        self, monkeypatch, sync, least, most
    ):
        real = os.fsync
        synced: list[None] = []
        with self.running(sync=sync) as files:
            monkeypatch.setattr(os, "fsync", lambda file: synced.append(real(file)))
            files.write("a", "1")
        assert least <= len(synced) <= most

    def test_a_full_disk_is_told_and_leaves_nothing(self):
        if not os.path.exists("/dev/full"):
            pytest.skip("there is no /dev/full")
        with self.running() as files:
            with pytest.raises(Unavailable, match="cannot be written"):
                self._write_to_full_disk(files)
        assert list(self.root.iterdir()) == []
        assert not self.lost()

    def _write_to_full_disk(self, files):
        with files.open("a", "wb") as file:
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, file._descriptor)
            os.close(full)
            file.write(b"x")


for name in NEEDS_A_NETWORK:
    setattr(TestFolder, name, None)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({}, {"folder"}),
        ({"folder": "in"}, {"folder"}),
        ({"folder": "/srv/../etc"}, {"folder"}),
        ({"folder": "/srv/in", "mount_point": "/mnt"}, {"mount_point"}),
        ({"folder": "/srv/in", "mount_point": "srv"}, {"mount_point"}),
        ({"folder": "/srv/in", "permissions": "rw"}, {"permissions"}),
        ({"folder": "/srv/in", "permissions": "0888"}, {"permissions"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(WritingSettings, settings)
    assert set(caught.value.errors) == faults


@pytest.mark.parametrize("mount_point", ["", "/", "/srv", "/srv/in", "/srv/in/"])
def test_a_mount_point_is_the_folder_or_above_it(mount_point):
    assert load(WritingSettings, {"folder": "/srv/in", "mount_point": mount_point}).sync
