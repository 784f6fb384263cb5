"""The channel holds the contract of watched folders on folders of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hansa import Invalid
from hansa_connect import reading
from hansa_devkit import Inbox
from hansa_devkit.harness.waiting import wait_until
from hansa_files import plugin
from hansa_files.connection import LocalFiles
from hansa_files.leases import is_being_written
from hansa_files.plugin import LocalFileChannel

from plugins.connect.tests.folder_contract import FolderContract
from plugins.files.tests.folders import ExchangeFolder

NEEDS_A_NETWORK = ("test_a_server_that_stands_still_is_told_and_does_not_hold_up_the_end",)
WRITER = "import sys, time; file = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()"


@pytest.mark.proves("channel file", "guarantee")
@pytest.mark.proves(
    "channel file",
    "durability",
    "files stay on their disk, claimed by a new name, until the service has ended",
)
@pytest.mark.proves(
    "channel file",
    "loss window",
    "none; on network file systems if senders rename what is whole, or never pause for longer than `settle`",
)
@pytest.mark.proves("channel file", "duplicates", "what is in hand when its process dies")
class TestFolder(FolderContract):
    cls, make_peer = LocalFileChannel, ExchangeFolder

    def where(self, path: str) -> str:
        return str(self.root / path)

    @contextmanager
    def _without_leases(self):
        """As on a network file system."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(plugin, "is_being_written", lambda path: False)
            yield

    def test_a_file_that_is_being_written_is_left_alone(self):
        with self._without_leases():
            super().test_a_file_that_is_being_written_is_left_alone()

    def test_a_file_that_grows_once_it_is_claimed_is_left_until_it_has_settled(self):
        with self._without_leases():
            super().test_a_file_that_grows_once_it_is_claimed_is_left_until_it_has_settled()

    def test_a_file_that_is_open_for_writing_is_left_however_long_it_pauses(self):
        inbox = Inbox()
        path = self.watched / "slow.csv"
        command = [sys.executable, "-c", WRITER, str(path)]
        pipe = subprocess.PIPE
        for read_only in (False, True):
            with subprocess.Popen(command, stdin=pipe, stdout=pipe) as writer:
                assert writer.stdin is not None and writer.stdout is not None
                writer.stdout.readline()
                assert is_being_written(str(path))
                count = len(inbox.requests)
                with self.receiving(inbox, read_only=read_only) as channel:
                    assert not inbox.has(count + 1, self.settle)
                    told = self.server.objects.troubles.get(self.current(channel), "")
                    assert "'slow.csv' cannot be claimed: a process has it open" in told
                    writer.stdin.close()
                    inbox.wait(count + 1, self.patience)
        assert not is_being_written(str(path))

    @pytest.mark.parametrize("most", [0, reading.IN_MEMORY])
    def test_a_listing_that_tells_other_times_costs_no_file(self, monkeypatch, most):
        """And content arrives through a local copy, or without."""
        listed = LocalFiles.list

        def other_times(files, path):
            return [replace(entry, modified=entry.modified - 0.5) for entry in listed(files, path)]

        monkeypatch.setattr(LocalFiles, "list", other_times)
        monkeypatch.setattr(reading, "IN_MEMORY", most)
        inbox = Inbox()
        with self.receiving(inbox, settle=0):
            self.put("a.csv", b"content")
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.left())
        assert request.raw == b"content" and request.attempt == 1
        assert request.headers["file-size"] == "7"

    def test_claims_that_cannot_be_made_by_renaming_are_refused(self, tmp_path):
        shared = "/dev/shm"
        if not os.path.isdir(shared) or os.stat(shared).st_dev == self.root.stat().st_dev:
            pytest.skip("there is no second file system")
        claimed = f"{shared}/hansa-files-{os.getpid()}"
        try:
            with pytest.raises(Invalid, match="claimed"), self.running(claimed=claimed):
                pass
        finally:
            os.rmdir(claimed)

    def test_what_was_handled_may_be_kept_on_another_file_system(self):
        shared = "/dev/shm"
        if not os.path.isdir(shared) or os.stat(shared).st_dev == self.root.stat().st_dev:
            pytest.skip("there is no second file system")
        with tempfile.TemporaryDirectory(dir=shared) as done:
            inbox = Inbox()
            with self.receiving(inbox, done=done):
                self.put("a.csv", b"content")
                inbox.wait(1, self.patience)
                wait_until(lambda: not self.left())
            [kept] = os.listdir(done)
            assert kept.endswith("-a.csv")
            with open(os.path.join(done, kept), "rb") as file:
                assert file.read() == b"content"

    def test_links_and_pipes_are_not_taken(self, tmp_path):
        (tmp_path / "secret").write_text("secret")
        (self.watched / "link.csv").symlink_to(tmp_path / "secret")
        os.mkfifo(self.watched / "pipe.csv")
        inbox = Inbox()
        with self.receiving(inbox):
            self.put("good.csv")
            inbox.wait(1, self.patience)
            assert not inbox.has(2, self.settle)
        assert [request.raw for request in inbox.requests] == [b"content"]


for name in NEEDS_A_NETWORK:
    setattr(TestFolder, name, None)


def test_what_no_lease_can_be_had_for_counts_as_whole(tmp_path):
    assert not is_being_written(str(tmp_path / "nobody"))
    assert not is_being_written(str(tmp_path))
