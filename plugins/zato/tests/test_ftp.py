"""`self.outgoing.ftp` as services of the Zato dialect use it, over hansa-ftp and a real vsftpd."""

from __future__ import annotations

import gc
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hansa import Conflict, Forbidden, NotFound, load
from hansa_ftp.plugin import FtpOutgoing
from hansa_ftp.settings import SendingSettings
from hansa_sftp.plugin import SftpOutgoing
from hansa_sftp.settings import SendingSettings as SftpSettings
from hansa_zato.outgoing import Outgoing
from zato.common import ConnectionException, Inactive

from plugins.ftp.tests.servers import Vsftpd
from plugins.sftp.tests.servers import OpenSsh
from plugins.zato.tests.facade import Facade


@pytest.fixture
def vsftpd(real_server: Any) -> Any:
    found = real_server(Vsftpd)
    for path in sorted(found.root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return found


@pytest.fixture
def root(vsftpd: Any) -> Path:
    return Path(vsftpd.root)


@pytest.fixture
def ftp(server: Facade, vsftpd: Any) -> Any:
    made = FtpOutgoing("N", load(SendingSettings, vsftpd.settings), server.as_server)
    made.start()
    server.objects["outgoing", "ftp", "N"] = made
    yield Outgoing(server.as_server).ftp.get("N")
    made.stop()


def test_contents(ftp: Any, root: Path) -> None:
    ftp.setcontents("a.txt", "Grüße")
    assert ftp.getcontents("a.txt") == "Grüße".encode()
    assert ftp.getcontents("a.txt", "r") == "Grüße"
    ftp.setcontents("b.bin", io.BytesIO(b"12"))
    assert (root / "b.bin").read_bytes() == b"12" and ftp.getsize("b.bin") == 2
    ftp.conn.setcontents("c", b"x")
    assert ftp.exists("c") and not ftp.exists("d")


def test_the_same_over_sftp(server: Facade, real_server: Any) -> None:
    peer = real_server(OpenSsh)
    made = SftpOutgoing("N", load(SftpSettings, peer.settings), server.as_server)
    made.start()
    try:
        server.objects["outgoing", "sftp", "N"] = made
        files = Outgoing(server.as_server).sftp["N"]
        files.setcontents("zato.txt", "Grüße")
        assert files.getcontents("zato.txt", "r") == "Grüße" and files.exists("zato.txt")
        with files.open("zato.txt", "a") as file:
            file.write("!")
        files.move("zato.txt", "other.txt", overwrite=True)
        assert files.getcontents("other.txt") == "Grüße!".encode()
        files.remove("other.txt")
        assert not files.exists("other.txt")
    finally:
        made.stop()


def test_open(ftp: Any, root: Path) -> None:
    file = ftp.open("a.txt", "w")
    file.write("one\n")
    assert not (root / "a.txt").exists()
    file.close()
    with ftp.open("a.txt", "a") as file:
        file.write("two\n")
    with ftp.open("a.txt") as file:
        assert list(file) == ["one\n", "two\n"]
    with ftp.open("b", "wb") as file:
        file.write(b"\xff\0")
    with ftp.open("b", "rb") as file:
        assert file.read(1) == b"\xff"
    with ftp.open("new", "ab") as file:
        file.write(b"1")
    assert (root / "new").read_bytes() == b"1"
    with pytest.raises(ValueError, match="is not r, w or a"):
        ftp.open("a.txt", "x")
    with pytest.raises(NotFound):
        ftp.open("nope")


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_what_was_not_completed_is_not_uploaded(
    ftp: Any, root: Path, mode: str, caplog: Any
) -> None:
    content = "half" if mode == "w" else b"half"
    with pytest.raises(ZeroDivisionError), ftp.open("a", mode) as file:
        file.write(content) / 0
    file = ftp.open("b", mode)
    file.write(content)
    del file
    gc.collect()
    assert list(root.iterdir()) == [] and "b was not closed" in caplog.text


def test_folders(ftp: Any) -> None:
    ftp.makedir("in")
    with pytest.raises(Conflict):
        ftp.makedir("in")
    ftp.makedir("in", allow_recreate=True)
    with pytest.raises(NotFound):
        ftp.makedir("x/y")
    ftp.makedir("x/y", recursive=True)
    for name in ("b.csv", "a.csv", "c.txt"):
        ftp.setcontents(f"in/{name}", name)
    ftp.makedir("in/deep")
    assert ftp.listdir("in") == ["a.csv", "b.csv", "c.txt", "deep"]
    assert ftp.listdir("in", wildcard="*.csv", full=True) == ["in/a.csv", "in/b.csv"]
    assert ftp.listdir("in", files_only=True, absolute=True)[0] == "/in/a.csv"
    assert ftp.listdir("in", dirs_only=True) == ["deep"]
    assert ftp.listdir() == ftp.listdir("./") == ["in", "x"]
    assert (
        ftp.isdir("in")
        and ftp.isfile("in/a.csv")
        and not ftp.isdir("in/a.csv")
        and not ftp.isfile("nope")
    )
    with pytest.raises(Forbidden):
        ftp.removedir("in")
    ftp.removedir("in", force=True)
    assert not ftp.exists("in")


def test_moving_and_copying(ftp: Any) -> None:
    ftp.setcontents("a", "1")
    ftp.setcontents("b", "2")
    for call in (ftp.move, ftp.copy):
        with pytest.raises(Conflict):
            call("a", "b")
    ftp.copy("a", "b", overwrite=True)
    assert ftp.getcontents("b") == b"1"
    ftp.move("a", "b", overwrite=True)
    ftp.rename("b", "c")
    assert ftp.listdir() == ["c"]
    info = ftp.getinfo("c")
    assert info["size"] == 1
    assert abs(info["modified_time"] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(
        minutes=2
    )
    ftp.remove("c")
    assert ftp.listdir() == []
    ftp.close()


def test_what_hansa_offers_besides_and_the_settings(ftp: Any, vsftpd: Any, tmp_path: Path) -> None:
    ftp.write("a", b"content")
    ftp.download("a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert (
        ftp.config.host == "127.0.0.1"
        and ftp.config.port == vsftpd.port
        and "password" not in ftp.config
    )


def test_inactive_and_unknown_ones(server: Facade) -> None:
    server.objects["outgoing", "ftp", "Off"] = None
    outgoing = Outgoing(server.as_server)
    with pytest.raises((Inactive, ConnectionException)):
        outgoing.ftp.get("Off").getcontents("a")
    assert outgoing.ftp.get("nobody", None) is None
