"""What connectors to remote files hold in common, on a real server: their tests inherit these
besides the conformance kit's own.
"""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hansa import Forbidden, Invalid, NotFound, TimedOut, TooLarge, Unavailable, problem
from hansa_connect.remote import RemoteConflict, RemoteForbidden, RemoteNotFound
from hansa_devkit import OutgoingContract
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until

from plugins.connect.tests.on_peer import OnPeer

MEGABYTE = 1024 * 1024


class OnServer(OnPeer):
    """Tests against one server of files, which has an empty folder for each test."""

    def clear(self) -> None:
        for path in sorted(self.root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    @property
    def root(self) -> Path:
        return self.peer.root

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "timeout": 5}

    def lost(self) -> list[str]:
        """What was told to core."""
        return [str(error) for error in self.server.losses.values()]


class FileOutgoingContract(OnServer, OutgoingContract):
    """What services do with files."""

    def use(self, outgoing: Any) -> None:
        name = f"use-{threading.get_ident()}"
        outgoing.write(name, "content")
        assert outgoing.read(name) == b"content"

    def test_the_tour(self):
        with self.running() as files:
            files.write("a b.txt", "Grüße")
            assert files.read("a b.txt").decode() == "Grüße"
            assert (self.root / "a b.txt").read_bytes() == "Grüße".encode()
            files.make_folder("x/y/z")
            files.make_folder("x/y/z")
            files.rename("a b.txt", "x/y/ä.txt")
            assert [(entry.name, entry.kind) for entry in files.list("x/y")] == [
                ("z", "folder"),
                ("ä.txt", "file"),
            ]
            found = files.stat("x/y/ä.txt")
            assert (found.name, found.size, found.kind) == ("ä.txt", 7, "file")
            assert abs(found.modified - time.time()) < 120
            assert files.stat("x/y").kind == "folder"
            assert files.exists("x/y/z") and not files.exists("x/y/q")
            files.delete("x/y/ä.txt")
            files.remove_folder("x/y/z")
            assert files.list("x/y") == []

    def test_what_is_wrong_with_a_path_is_told_by_its_name(self):
        with self.running() as files:
            files.make_folder("folder/inner")
            files.write("file", "1")
            for wrong, call in {
                RemoteNotFound: lambda: files.read("nope"),
                RemoteForbidden: lambda: files.remove_folder("folder"),
                RemoteConflict: lambda: files.rename("file", "folder"),
            }.items():
                with pytest.raises(wrong) as caught:
                    call()
                # who calls the service is not at fault, and reads no path
                shown = problem(caught.value, "K1")
                assert (shown["status"], shown["code"]) == (500, "internal-error")
            with pytest.raises(Invalid):
                files.read("../../etc/passwd")
            for call in (files.stat, files.delete, files.list, files.remove_folder):
                with pytest.raises(NotFound):
                    call("nope")
            with pytest.raises((NotFound, Forbidden)):
                files.write("no/such/folder/file", "1")
            assert files.read("file") == b"1"
        assert not self.lost()

    def test_commands_cannot_be_smuggled_in_by_names(self):
        (self.root / "victim").write_text("1")
        with self.running() as files:
            for name in (
                "a\r\nDELE victim",
                "a\nDELE victim",
                "a\0b",
                "x/../../victim",
                "..",
                "a\u2028b",
                "\udcff",
            ):
                for call in (
                    files.read,
                    files.delete,
                    files.list,
                    files.stat,
                    files.make_folder,
                    lambda n: files.write(n, "1"),
                ):
                    with pytest.raises(Invalid):
                        call(name)
            for name in ("-la", "*", "[a]", "~root", " spaced ", "%s%n", "$(id)", "'; x", "a -> b"):
                files.write(name, name)
                assert files.read(name).decode() == name
                assert files.stat(name).size == len(name)
            names = {entry.name for entry in files.list()}
            assert {"-la", "*", "[a]", "~root", "%s%n", "$(id)", "'; x", "victim"} <= names
        assert (self.root / "victim").read_text() == "1"

    def test_folder_is_the_root_of_all_paths(self):
        (self.root / "in").mkdir()
        self.peer.own(self.root / "in")
        with self.running(folder=self.where("in")) as files:
            files.write("/a", "1")
            assert (self.root / "in/a").exists()
            assert (
                [entry.name for entry in files.list()]
                == [entry.name for entry in files.list("/")]
                == ["a"]
            )

    def where(self, path: str) -> str:
        """A path as a setting."""
        return path

    def test_an_upload_appears_whole_or_not_at_all(self):
        with self.running() as files:
            files.write("a", "old")
            with files.open("a", "wb") as file:
                file.write(b"x" * MEGABYTE)
                assert (self.root / "a").read_text() == "old"
                assert [path.name for path in self.root.glob(".a.*.part")]
            assert (self.root / "a").stat().st_size == MEGABYTE
            with pytest.raises(ZeroDivisionError), files.open("a", "wb") as file:
                file.write(b"%d" % (file.write(b"half") or 1 // 0))
            assert (self.root / "a").stat().st_size == MEGABYTE
            assert [path.name for path in self.root.iterdir()] == ["a"]
        assert not self.lost()

    def test_two_uploads_of_one_name_do_not_mix(self):
        with self.running() as files:
            threads = [
                threading.Thread(target=files.write, args=("a", bytes([65 + number]) * MEGABYTE))
                for number in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        content = (self.root / "a").read_bytes()
        assert len(content) == MEGABYTE and len(set(content)) == 1
        assert [path.name for path in self.root.iterdir()] == ["a"]

    def test_reading_may_stop_half_way(self):
        (self.root / "big").write_bytes(os.urandom(8 * MEGABYTE))
        with self.running() as files:
            with files.open("big") as file:
                first = file.read(10)
            assert first == (self.root / "big").read_bytes()[:10]
            assert files.stat("big").size == 8 * MEGABYTE
        assert not self.lost()

    def test_content_is_copied_to_paths_and_file_objects(self, tmp_path):
        content = os.urandom(3 * MEGABYTE + 17)
        (tmp_path / "source").write_bytes(content)
        with self.running() as files:
            assert files.upload(tmp_path / "source", "a") == len(content)
            assert files.upload(io.BytesIO(content), "b") == len(content)
            assert (self.root / "a").read_bytes() == (self.root / "b").read_bytes() == content
            assert files.download("a", tmp_path / "target") == len(content)
            assert (tmp_path / "target").read_bytes() == content
            sink = io.BytesIO()
            assert files.download("b", sink) == len(content)
            assert sink.getvalue() == content
            with pytest.raises(NotFound):
                files.download("nope", tmp_path / "none")
            files.write("empty", b"")
            assert files.download("empty", tmp_path / "empty") == 0
            assert (tmp_path / "empty").read_bytes() == files.read("empty") == b""
        assert {path.name for path in tmp_path.iterdir()} == {"source", "target", "empty"}

    def test_read_has_a_limit(self):
        (self.root / "big").write_bytes(b"x" * 3000)
        with self.running(read_limit=2999) as files:
            with pytest.raises(TooLarge, match="over 2999 bytes"):
                files.read("big")
        with self.running(read_limit=3000) as files:
            assert len(files.read("big")) == 3000

    def test_an_upload_goes_on_where_it_was_interrupted(self, tmp_path):
        content = os.urandom(MEGABYTE) * 96
        (tmp_path / "source").write_bytes(content)
        with self.running() as files:
            self._interrupt(
                lambda: files.upload(tmp_path / "source", "a", resume=True), self.root, ".a.*.part"
            )
        assert not (self.root / "a").exists()
        [part] = self.root.glob(".a.*.part")
        there = part.stat().st_size
        assert there
        with self.running() as files:
            assert files.upload(tmp_path / "source", "a", resume=True) == len(content) - there
        assert (self.root / "a").read_bytes() == content
        assert [path.name for path in self.root.iterdir()] == ["a"]

    def test_a_download_goes_on_where_it_was_interrupted(self, tmp_path):
        content = os.urandom(MEGABYTE) * 96
        (self.root / "a").write_bytes(content)
        with self.running() as files:
            self._interrupt(
                lambda: files.download("a", tmp_path / "target", resume=True), tmp_path, "*.part"
            )
        [part] = tmp_path.iterdir()
        have = part.stat().st_size
        assert part.name.endswith(".part") and have
        with self.running() as files:
            assert files.download("a", tmp_path / "target", resume=True) == len(content) - have
        assert (tmp_path / "target").read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()] == ["target"]

    def test_what_changed_meanwhile_is_not_resumed(self, tmp_path):
        (tmp_path / "source").write_bytes(b"a" * MEGABYTE)
        (self.root / "b").write_bytes(b"b" * MEGABYTE)
        (tmp_path / f".target.{MEGABYTE}-1.part").write_bytes(b"x" * 100)
        (self.root / ".a.100000-1.part").write_bytes(b"x" * 100)
        with self.running() as files:
            assert files.upload(tmp_path / "source", "a", resume=True) == MEGABYTE
            assert files.download("b", tmp_path / "target", resume=True) == MEGABYTE
        assert set((self.root / "a").read_bytes()) == {97} and set(
            (tmp_path / "target").read_bytes()
        ) == {98}

    def _interrupt(self, transfer: Any, folder: Path, pattern: str) -> None:
        """Kill the server once something of a transfer has arrived, and bring it back."""
        failed: list[BaseException] = []

        def run() -> None:
            try:
                transfer()
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while not any(path.stat().st_size for path in folder.glob(pattern)):
            assert thread.is_alive(), failed
        self.peer.kill()
        thread.join(20)
        self.peer.start()
        assert failed and isinstance(failed[0], Unavailable), failed

    def test_a_server_that_died_is_told_and_found_again(self):
        with self.running() as files:
            self.use(files)
            self.peer.kill()
            with pytest.raises(Unavailable):
                self.use(files)
            wait_until(self.lost, 10, "core is told")
            self.peer.start()
            wait_until(lambda: self._used(self.current(files)), 10)

    def _used(self, files: Any) -> bool:
        try:
            self.use(files)
        except Unavailable:
            return False
        return True

    def test_refused_credentials_are_told_by_name(self):
        with (
            pytest.raises(Unavailable, match=r"refuses the credentials of") as caught,
            self.running(password="wrong-one"),
        ):
            pass
        assert "wrong-one" not in str(caught.value)

    def test_nobody_there_is_told_at_once(self):
        self.peer.kill()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="cannot connect to"), self.running():
            pass
        assert time.monotonic() - began < 4

    def test_a_silent_drop_ends_at_the_deadline_and_heals(self):
        with Proxy(self.peer.port) as proxy, self.running(port=proxy.port, timeout=1) as files:
            files.ping()
            proxy.mode = "drop"
            began = time.monotonic()
            with pytest.raises((TimedOut, Unavailable)):
                files.ping()
            assert time.monotonic() - began < 6
            proxy.mode = "pass"
            wait_until(lambda: self._pinged(self.current(files)), 10)

    def _pinged(self, files: Any) -> bool:
        try:
            return bool(files.ping())
        except (Unavailable, TimedOut):
            return False
