"""Which files are taken: odd names, links, pipes, devices, sizes, encodings, and files that are
being written.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import string
import struct
import threading
import time
import zipfile

import psutil
import pytest
from hansa_devkit.harness.waiting import wait_until
from hansa_pickup.archive import unpack
from hansa_pickup.folder import LIMIT, Busy, Unsuitable, candidates, compiles, read, subfolders
from hypothesis import given, strategies as st

from plugins.pickup.tests.support import GOOD


def text_of(folder, name):
    (text,) = read(folder, name).files.values()
    return text


@given(
    st.text(max_size=30)
    | st.text(string.ascii_letters + "._-/\\ \0", max_size=12).map(lambda text: text + ".py")
)
def test_only_plain_names_are_read(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp()
    is_file = name.endswith(".py") and name[:1] not in tuple("-. ")
    stem = name[:-3].translate(dict.fromkeys(b"-. ", "a")) if is_file else name
    if stem.replace("_", "a").isalnum() and name.isascii():
        return
    with pytest.raises(Unsuitable):
        read(folder, name)


@pytest.mark.parametrize(
    "name",
    [
        "../x.py",
        "/etc/passwd.py",
        "a/b.py",
        "..",
        "",
        "x.py\n",
        "x.pyc",
        "é.py",
        "a" * 101 + ".py",
        ".py",
    ],
)
def test_names_that_lead_elsewhere(folder, name):
    with pytest.raises(Unsuitable):
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
        with pytest.raises(Unsuitable):
            read(folder, f"{name}.py")


def test_a_device_is_refused(folder):
    try:
        os.mknod(folder / "null.py", 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make devices")
    with pytest.raises(Unsuitable, match="regular"):
        read(folder, "null.py")


def test_the_size_limit(folder):
    (folder / "fits.py").write_text("#" * LIMIT)
    (folder / "over.py").write_text("#" * (LIMIT + 1))
    assert len(text_of(folder, "fits.py")) == LIMIT
    with pytest.raises(Unsuitable, match="over"):
        read(folder, "over.py")


def test_encodings(folder):
    (folder / "utf8.py").write_bytes("x = 'ä'\r\n".encode())
    (folder / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1"))
    (folder / "marked.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    (folder / "broken.py").write_bytes(b"x = '\xff'\n")
    (folder / "strange.py").write_bytes(b"# coding: klingon\n")
    assert text_of(folder, "utf8.py") == "x = 'ä'\n"
    assert text_of(folder, "latin.py").endswith("x = 'ä'\n")
    assert text_of(folder, "marked.py") == "x = 1\n"
    for name in ("broken.py", "strange.py"):
        with pytest.raises(Unsuitable, match="text"):
            read(folder, name)


def test_a_file_open_for_writing_is_busy_and_a_writer_who_comes_harms_nobody(folder):
    path = folder / "a.py"
    path.write_text(GOOD.format(number=1))
    assert text_of(folder, "a.py") == GOOD.format(number=1)
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
                text = text_of(folder, "a.py")
            except Busy:
                continue
            # between opening with truncation and the first write a writer is there, so that nothing
            # half is ever seen
            assert text.startswith("from hansa")
            assert text.endswith("\n")
            whole += 1
    finally:
        stop.set()
        thread.join()
    assert whole
    wait_until(lambda: text_of(folder, "a.py") == GOOD.format(number=counts[0] - 1))


def test_candidates(folder):
    for name in ("b.py", "a.py", ".hidden.py", "c.txt", "c.py~", ".#d.py", "my-service.py"):
        (folder / name).write_text("")
    for name in ("pack", "docs", ".git", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / ("__init__.py" if name != "docs" else "x.py")).touch()
    (folder / "a.zip").touch()
    assert candidates(folder) == ["a.py", "a.zip", "b.py", "my-service.py", "pack"]
    assert candidates(folder / "nothing") == []


def test_odd_files_are_told_once_and_deploy_nothing(facade, folder, start, lines, tmp_path):
    start(facade)
    (folder / "-service.py").write_text(GOOD.format(number=1))
    (folder / "link.py").symlink_to(tmp_path / "target.py")
    os.mkfifo(folder / "pipe.py")
    (folder / ".my_service.py.swp").write_text("x")
    (folder / "notes.txt").write_text("x")
    wait_until(lambda: len(lines("ERROR")) == 3)
    os.utime(folder / "-service.py")
    (folder / "fine.py").write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls)
    assert facade.called == ["fine.py"]
    assert len(lines("ERROR")) == 3
    assert (
        "-service.py is not picked up: it needs a name of letters, digits, _, -, dots and spaces, "
        "which begins with one of the first three, with the ending .py"
    ) in lines("ERROR")


def test_ten_thousand_odd_names_write_and_deploy_nothing(facade, folder, start):
    for number in range(10_000):
        (folder / f"-{number}.py").touch()
    start(facade)
    (folder / "fine.py").write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls, 30)
    assert facade.called == ["fine.py"]


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("x = 1", True),
        ("x = (", False),
        ("x\0", False),
        ("(" * 100_000, False),
        ("-" * 50_000 + "1", False),
    ],
)
def test_compiles(text, fine):
    assert compiles({"x.py": text}) is fine


def package(folder, **files: str):
    """A package `rates` in the folder."""
    for name, text in {"__init__": "", **files}.items():
        path = folder / "rates" / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder / "rates"


class TestPackages:
    def test_all_its_python_files_by_path(self, folder):
        rates = package(folder, tables="X = 1", deep__x="Y = 1")
        (rates / "deep" / "__init__.py").touch()
        (rates / "table.csv").touch()
        for name in ("__pycache__", ".git"):
            (rates / name).mkdir()
            (rates / name / "x.py").write_text("hidden")
        found = read(folder, "rates")
        assert found.files == {
            "rates/__init__.py": "",
            "rates/deep/__init__.py": "",
            "rates/deep/x.py": "Y = 1",
            "rates/tables.py": "X = 1",
        }
        assert found.packages == {"rates/": found.files}
        assert found.left_out == ["rates/table.csv"]
        os.utime(rates / "tables.py", (9e9, 9e9))
        assert read(folder, "rates").modified == 9e9
        assert read(folder, "rates").digest == found.digest

    def test_what_is_refused(self, folder, tmp_path):
        def refused(match):
            with pytest.raises(Unsuitable, match=match):
                read(folder, "rates")

        (folder / "rates").mkdir()
        refused("no __init__.py")
        rates = package(folder)
        for name, target in (
            ("x.py", tmp_path / "x"),
            ("sub", tmp_path),
            ("data", "/dev/zero"),
            ("gone.py", "nowhere"),
        ):
            (rates / name).symlink_to(target)
            refused(f"holds the link rates/{name}")
            (rates / name).unlink()
        os.mkfifo(rates / "pipe.py")
        refused("holds rates/pipe.py, which is not a regular file")
        (rates / "pipe.py").unlink()
        (rates / "large.py").write_text("#" * (LIMIT + 1))
        refused("holds rates/large.py, which is over")
        (rates / "large.py").unlink()
        deep = rates.joinpath(*["d"] * 11)
        deep.mkdir(parents=True)
        (deep / "x.py").touch()
        refused("folders over 10 deep")
        shutil.rmtree(rates / "d")
        for number in range(1001):
            (rates / f"a{number}.py").touch()
        refused("over 1000 files")

    def test_a_link_to_a_package_is_refused(self, folder, tmp_path):
        package(tmp_path)
        (folder / "rates").symlink_to(tmp_path / "rates")
        with pytest.raises(Unsuitable):
            read(folder, "rates")
        assert subfolders(folder) == []

    def test_folders_that_others_may_write_to(self, folder):
        rates = package(folder)
        rates.chmod(0o775)
        assert read(folder, "rates").files == {"rates/__init__.py": ""}, (
            "nobody else can come in here"
        )
        folder.chmod(0o755)
        with pytest.raises(Unsuitable, match="may be written to by others at rates"):
            read(folder, "rates")

    def test_one_file_that_is_being_written_makes_it_busy(self, folder):
        rates = package(folder, tables="X = 1")
        with open(rates / "tables.py", "a"):
            try:
                read(folder, "rates")
            except Busy:
                return
        pytest.skip("this file system grants no leases")

    def test_folders_to_watch(self, folder):
        rates = package(folder, deep__x="")
        (rates / "__pycache__").mkdir()
        assert subfolders(folder) == [rates, rates / "deep"]


def zipped(folder, files, compression=zipfile.ZIP_DEFLATED):
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


class TestArchives:
    def test_what_is_in_it(self, folder):
        zipped(
            folder,
            {
                "a.py": "x",
                "rates/__init__.py": b"# coding: latin-1\n'\xe4'",
                "rates/t.csv": "1",
                ".git/x.py": "",
            },
        )
        found = read(folder, "a.zip")
        assert found.files == {"a.py": "x", "rates/__init__.py": "# coding: latin-1\n'ä'"}
        assert found.left_out == ["rates/t.csv"]

    @given(st.binary(max_size=200), st.integers(0, 400))
    def test_damaged_ones_are_refused(self, tmp_path_factory, noise, place):
        folder = tmp_path_factory.getbasetemp()
        path = zipped(folder, {"a.py": "x = 1\n" * 50, "b.py": "y"})
        raw = path.read_bytes()
        with contextlib.suppress(ValueError):
            found = unpack(raw[:place] + noise + raw[place + len(noise) :])
            assert sum(map(len, found.values())) <= 4 * LIMIT

    def test_a_name_may_be_empty(self, folder):
        raw = bytearray(zipped(folder, {"a.py": ""}).read_bytes())
        entry = raw.index(b"PK\1\2")
        raw[entry + 28], raw[entry + 32] = 0, 4  # what was the name is its comment
        with pytest.raises(ValueError, match="no archive that can be read"):
            unpack(bytes(raw))

    def test_names_that_lead_elsewhere_come_as_they_are_for_the_server_to_refuse(self, folder):
        zipped(folder, {"../x.py": "", "/etc/x.py": ""})
        assert read(folder, "a.zip").files == {"../x.py": "", "/etc/x.py": ""}

    @pytest.mark.parametrize(
        "files",
        [
            {f"{number}.py": b"#" * 2**20 for number in range(5)},
            {"a.py": b" " * (4 * 2**20)},
            {f"{number}.py": b"" for number in range(1001)},
            {f"{number}.txt": b"" for number in range(1001)},
        ],
    )
    def test_bombs(self, folder, files):
        zipped(folder, files)
        before = psutil.Process().memory_info().rss
        began = time.monotonic()
        with pytest.raises(Unsuitable, match="holds over"):
            read(folder, "a.zip")
        assert time.monotonic() - began < 2
        assert psutil.Process().memory_info().rss - before < 50 * 2**20

    def test_a_bomb_that_says_it_is_small(self, folder):
        path = zipped(folder, {"a.py": os.urandom(1000) + b"#" * (4 * 2**20 - 2000)})
        raw = path.read_bytes()
        size = struct.pack("<I", 4 * 2**20 - 1000)
        assert raw.count(size) == 2
        path.write_bytes(raw.replace(size, struct.pack("<I", 5)))
        with pytest.raises(Unsuitable, match="can be read: Bad CRC"):
            read(folder, "a.zip")

    def test_links_doubles_and_passwords(self, folder):
        link = zipfile.ZipInfo("link.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.writestr(link, "/etc/passwd")
        with pytest.raises(Unsuitable, match=r"holds the link .link.py."):
            read(folder, "a.zip")
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.writestr("a.py", "1")
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("a.py", "2")
        with pytest.raises(Unsuitable, match=r"holds 'a.py' twice"):
            read(folder, "a.zip")
        raw = bytearray(zipped(folder, {"a.py": "x"}).read_bytes())
        for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            raw[raw.index(mark) + at] |= 1
        (folder / "a.zip").write_bytes(raw)
        with pytest.raises(Unsuitable, match=r"can be read: .*encrypted"):
            read(folder, "a.zip")

    def test_other_endings_and_large_files(self, folder):
        (folder / "large.zip").write_bytes(b"x" * (4 * LIMIT + 1))
        for name in ("large.zip", "a.tar", "-a.zip", ".zip"):
            with pytest.raises(Unsuitable):
                read(folder, name)
