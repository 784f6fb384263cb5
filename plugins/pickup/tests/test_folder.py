"""Which files are taken: odd names, links, pipes, devices, sizes, encodings, and files that are being written."""

from __future__ import annotations

import os
import signal
import string
import threading

import pytest
from hansa_pickup.folder import LIMIT, Busy, Refused, candidates, compiles, read
from hypothesis import given
from hypothesis import strategies as st

from plugins.pickup.tests.support import GOOD, wait_for


@given(st.text(max_size=30) | st.text(string.ascii_letters + "._-/\\ \0", max_size=12).map(lambda text: text + ".py"))
def test_only_plain_names_are_read(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp()
    plain = name.endswith(".py") and name[:-3].replace("_", "a").isalnum() and name.isascii()
    if plain:
        return
    with pytest.raises(Refused):
        read(folder, name)


@pytest.mark.parametrize(
    "name", ["../x.py", "/etc/passwd.py", "a/b.py", "..", "", "x.py\n", "x.pyc", "é.py", "a" * 101 + ".py", ".py"]
)
def test_names_that_lead_elsewhere(folder, name):
    with pytest.raises(Refused):
        read(folder, name)


def test_links_pipes_sockets_folders_and_devices_are_refused(folder, tmp_path):
    target = tmp_path / "target.py"
    target.write_text("secret = 1")
    (folder / "link.py").symlink_to(target)
    (folder / "dangling.py").symlink_to(tmp_path / "nothing")
    (folder / "device.py").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.py")
    (folder / "folder.py").mkdir()
    for name in ("link", "dangling", "device", "pipe", "folder"):
        with pytest.raises(Refused):
            read(folder, f"{name}.py")


def test_a_device_is_refused(folder):
    try:
        os.mknod(folder / "null.py", 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make devices")
    with pytest.raises(Refused, match="regular"):
        read(folder, "null.py")


def test_the_size_limit(folder):
    (folder / "fits.py").write_text("#" * LIMIT)
    (folder / "over.py").write_text("#" * (LIMIT + 1))
    assert len(read(folder, "fits.py").text) == LIMIT
    with pytest.raises(Refused, match="over"):
        read(folder, "over.py")


def test_encodings(folder):
    (folder / "utf8.py").write_bytes("x = 'ä'\r\n".encode())
    (folder / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1"))
    (folder / "marked.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    (folder / "broken.py").write_bytes(b"x = '\xff'\n")
    (folder / "strange.py").write_bytes(b"# coding: klingon\n")
    assert read(folder, "utf8.py").text == "x = 'ä'\n"
    assert read(folder, "latin.py").text.endswith("x = 'ä'\n")
    assert read(folder, "marked.py").text == "x = 1\n"
    for name in ("broken.py", "strange.py"):
        with pytest.raises(Refused, match="text"):
            read(folder, name)


def test_a_file_open_for_writing_is_busy_and_a_writer_who_comes_harms_nobody(folder):
    path = folder / "a.py"
    path.write_text(GOOD.format(number=1))
    assert read(folder, "a.py").text == GOOD.format(number=1)
    with open(path, "a"):
        try:
            read(folder, "a.py")
        except Busy:
            pass
        else:
            pytest.skip("this file system grants no leases")
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
    stop, counts = threading.Event(), [0]

    def writer():
        while not stop.is_set():
            with open(path, "w") as file:
                file.write(GOOD.format(number=counts[0]))
            counts[0] += 1

    thread = threading.Thread(target=writer)
    thread.start()
    whole = 0
    try:
        while whole < 50 and counts[0] < 200_000:
            try:
                text = read(folder, "a.py").text
            except Busy:
                continue
            # between opening with truncation and the first write a writer is there, so that nothing half is ever seen
            assert text.startswith("from hansa")
            assert text.endswith("\n")
            whole += 1
    finally:
        stop.set()
        thread.join()
    assert whole
    wait_for(lambda: read(folder, "a.py").text == GOOD.format(number=counts[0] - 1))


def test_candidates(folder):
    for name in ("b.py", "a.py", ".hidden.py", "c.txt", "c.py~", ".#d.py", "my-service.py"):
        (folder / name).write_text("")
    assert candidates(folder) == ["a.py", "b.py", "my-service.py"]
    assert candidates(folder / "nothing") == []


def test_odd_files_are_told_once_and_deploy_nothing(facade, folder, start, lines, tmp_path):
    start(facade)
    (folder / "my-service.py").write_text(GOOD.format(number=1))
    (folder / "link.py").symlink_to(tmp_path / "target.py")
    os.mkfifo(folder / "pipe.py")
    (folder / ".my_service.py.swp").write_text("x")
    (folder / "notes.txt").write_text("x")
    wait_for(lambda: len(lines("ERROR")) == 3)
    os.utime(folder / "my-service.py")
    (folder / "fine.py").write_text(GOOD.format(number=1))
    wait_for(lambda: facade.calls)
    assert facade.files == ["fine.py"]
    assert len(lines("ERROR")) == 3
    assert "my-service.py is not picked up: it needs a name of letters, digits and _ with the ending .py" in lines(
        "ERROR"
    )


def test_ten_thousand_odd_names_write_and_deploy_nothing(facade, folder, start):
    for number in range(10_000):
        (folder / f"-{number}.py").touch()
    start(facade)
    (folder / "fine.py").write_text(GOOD.format(number=1))
    wait_for(lambda: facade.calls, 30)
    assert facade.files == ["fine.py"]


@pytest.mark.parametrize(
    ("text", "fine"),
    [("x = 1", True), ("x = (", False), ("x\0", False), ("(" * 100_000, False), ("-" * 50_000 + "1", False)],
)
def test_compiles(text, fine):
    assert compiles(text, "x.py") is fine
