"""Backups that nobody made, restorations that meet each other or fail half-way, and backups at the same
time: what is refused is refused by name, and nothing is left of it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hansa import OdbRow, write_odb
from hansa_backup import archive as archives, restoring
from hansa_backup.archive import check_archive
from hansa_backup.making import Making
from hansa_backup.manifest import Manifest
from hansa_backup.redis_data import ClusterKeys
from hansa_backup.restoring import Elsewhere, Restoring
from hansa_quickstart.failure import Failure
from hansa_quickstart.place import open_place
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey

from plugins.redis.tests.support import end, launch

CONFIG = '[server]\nname = "one"\n[plugins]\nblocked = ["redis"]\n'


def silent(text: str) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a server without Redis, with an empty ODB."""
    made = tmp_path / "old"
    (made / "var").mkdir(parents=True, mode=0o700)
    (made / "config.toml").write_text(CONFIG)
    (made / "var/secret.key").write_text("x")
    (made / "var/odb.sqlite").touch()
    write_odb(
        f"sqlite:///{made / 'var/odb.sqlite'}", "0009", [("cluster", {"id": 1, "revision": 0})]
    )
    return made


@pytest.fixture
def backup(folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "one.backup"
    Making(open_place(folder), 2.0, silent).make(file, "")
    return file


def restore(file: Path, folder: Path, elsewhere: Elsewhere | None = None) -> None:
    Restoring(folder, elsewhere or Elsewhere(), silent).restore(file, "")


def changed(file: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Return a backup with other members, whose manifest vouches for them."""
    with tarfile.open(file) as archive:
        members = []
        for one in archive:
            file_of_one = archive.extractfile(one) if one.isreg() else None
            members.append((one, b"" if file_of_one is None else file_of_one.read()))
    manifest = json.loads(members.pop()[1])
    change(members)
    manifest["members"] = {
        one.name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for one, content in members
        if one.isreg()
    }
    members.append((tarfile.TarInfo("manifest.json"), json.dumps(manifest).encode()))
    made = file.with_name("changed.backup")
    with tarfile.open(made, "w:gz") as archive:
        for one, content in members:
            one.size = len(content)
            archive.addfile(one, io.BytesIO(content))
    return made


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.mode = 0o600
    return info, b"evil" if kind == tarfile.REGTYPE else b""


@pytest.mark.parametrize(
    "members",
    [
        [member("files/../../evil")],
        [member("files/link", tarfile.SYMTYPE, "var"), member("files/link/evil")],
        [member("files/hard", tarfile.LNKTYPE, "files/config.toml")],
        [member("files/device", tarfile.CHRTYPE)],
        [member("files/fifo", tarfile.FIFOTYPE)],
        [member("/evil")],
        [member("evil")],
        [member("odb.jsonl", tarfile.DIRTYPE)],
        [member("odb.jsonl")],
    ],
    ids=lambda found: found[-1][0].name,
)
def test_what_leads_out_or_is_no_part_is_refused(
    backup: Path, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
):
    made = changed(backup, lambda found: found.__setitem__(slice(0, 0), members))
    with pytest.raises(Failure):
        restore(made, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.rglob("evil"))


def test_a_link_out_of_the_folder_is_left_out(folder: Path, tmp_path: Path):
    outside = tmp_path / "letsencrypt.pem"
    outside.write_text("certificate")
    (folder / "var/outside.pem").symlink_to(outside)
    (folder / "var/inside.pem").symlink_to(folder / "var/secret.key")
    file = tmp_path / "one.backup"
    made = Making(open_place(folder), 2.0, silent).make(file, "")
    assert any(f"outside.pem leads to {outside}" in one for one in made.warnings)
    restore(file, tmp_path / "new")
    assert (tmp_path / "new/var/inside.pem").read_text() == "x"
    assert (tmp_path / "new/var/inside.pem").resolve().is_relative_to(tmp_path / "new")
    assert not (tmp_path / "new/var/outside.pem").is_symlink()


def test_a_backup_of_before_with_such_a_link_can_be_restored(backup: Path, tmp_path: Path):
    link = member("files/var/outside.pem", tarfile.SYMTYPE, "/etc/hostname")
    said: list[str] = []
    made = changed(backup, lambda found: found.insert(0, link))
    Restoring(tmp_path / "new", Elsewhere(), said.append).restore(made, "")
    assert any("outside.pem leads to /etc/hostname" in one for one in said)
    assert (tmp_path / "new/config.toml").exists()


def test_flipped_bits_and_cuts_are_named(backup: Path, tmp_path: Path):
    whole = backup.read_bytes()
    plain = gzip.decompress(whole)
    damaged = tmp_path / "damaged"
    draw = random.Random(4711)
    for number in range(60):
        content = bytearray(plain if number % 2 else whole)
        place = draw.randrange(len(content))
        if number % 3:
            content[place] ^= 1 << draw.randrange(8)
        else:
            del content[place:]
        damaged.write_bytes(gzip.compress(content) if number % 2 else content)
        try:
            check_archive(damaged, "")
        except Failure:
            continue
        # what was not noticed is in nothing that counts
        restore(damaged, tmp_path / f"new{number}")
        assert (tmp_path / f"new{number}/config.toml").read_text() == CONFIG


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"form": 1, "members": [], "rows": {}, "folder": ""}',
    ],
)
def test_a_manifest_that_is_none_is_refused(text: bytes):
    with pytest.raises(Failure, match="manifest"):
        Manifest.read(text)


def test_a_huge_manifest_is_refused(backup: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "LONGEST_MANIFEST", 100)
    with pytest.raises(Failure, match="too long"):
        check_archive(backup, "")


def test_two_restorations_do_not_meet(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    new = tmp_path / "new"
    inside = threading.Event()
    go_on = threading.Event()

    def waiting(url: str, version: str, rows: Iterable[OdbRow]) -> dict[str, int]:
        inside.set()
        assert go_on.wait(30)
        return write_odb(url, version, rows)

    failed: list[BaseException] = []

    def first() -> None:
        try:
            restore(backup, new)
        except BaseException as error:
            failed.append(error)

    monkeypatch.setattr(restoring, "write_odb", waiting)
    thread = threading.Thread(target=first)

    def overtaken(path: Path, passphrase: str) -> Manifest:
        """The first begins between the look into the folder and the claim of the second."""
        found = check_archive(path, passphrase)
        if threading.current_thread() is not thread:
            thread.start()
            assert inside.wait(30)
        return found

    monkeypatch.setattr(restoring, "check_archive", overtaken)
    try:
        with pytest.raises(Failure, match="goes on, or was interrupted"):
            restore(backup, new)
    finally:
        go_on.set()
        thread.join(30)
    assert failed == []
    assert (new / "config.toml").read_text() == CONFIG
    assert not (new / restoring.CLAIM).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from hansa_backup import restoring
restoring.write_odb = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
elsewhere = restoring.Elsewhere()
restoring.Restoring(Path(sys.argv[2]), elsewhere, print).restore(Path(sys.argv[1]), "")
"""


def test_a_restoration_that_was_killed_is_told_and_begins_anew(backup: Path, tmp_path: Path):
    new = tmp_path / "new"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(backup), str(new)], timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(Failure, match=r"was interrupted; then remove it"):
        restore(backup, new)
    assert (new / "config.toml").exists(), "what is there is not touched"
    shutil.rmtree(new)
    restore(backup, new)
    assert (new / "config.toml").read_text() == CONFIG


def test_an_odb_elsewhere_is_empty_again_if_the_rest_fails(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: object) -> None:
        raise Failure("Redis: gone")

    elsewhere = Elsewhere(odb_url=f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    with monkeypatch.context() as patch:
        patch.setattr(Restoring, "_restore_redis", fails)
        with pytest.raises(Failure, match="gone"):
            restore(backup, tmp_path / "new", elsewhere)
    assert not list(tmp_path.glob("elsewhere*"))
    restore(backup, tmp_path / "new", elsewhere)
    assert (tmp_path / "elsewhere.sqlite").exists()


def test_a_full_disk_is_not_a_damaged_backup(
    folder: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", full)
        with pytest.raises(Failure, match="cannot be written: No space left"):
            restore(backup, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(Failure, match=r"two\.backup cannot be written: No space left"):
        Making(open_place(folder), 2.0, silent).make(tmp_path / "two.backup", "")
    assert {one.name for one in tmp_path.iterdir()} == {"old", "one.backup"}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    engine = Valkey(tmp_path / "valkey", durability="fast")
    (tmp_path / "valkey").mkdir()
    running = launch(engine)
    yield engine.address
    end(running)
    engine.close()


def test_two_backups_do_not_meet(address: str):
    """The end of one pause would be that of the other."""
    keys = ClusterKeys(address, "c")
    bus = RedisBus(address, "c")
    assert bus.acquire("backup", "another", 60.0)
    with pytest.raises(Failure, match="another backup"), keys.paused(10.0):
        pytest.fail("it has begun")
    bus.release("backup", "another")
    with keys.paused(10.0):
        assert bus.leases(["backup"]), "nobody else begins"
    assert not bus.leases(["backup"])
    keys.close()


def test_a_pause_that_others_end_is_noticed(address: str):
    keys = ClusterKeys(address, "c")
    redis = RedisBus(address, "c").redis
    with pytest.raises(Failure, match="somebody ended"), keys.paused(10.0):
        redis.client_unpause()
    redis.set("writers", "go on")
    keys.close()


def test_a_redis_that_was_started_anew_is_noticed(tmp_path: Path):
    engine = Valkey(tmp_path, durability="fast")
    running = launch(engine)
    keys = ClusterKeys(engine.address, "c")
    try:
        with keys.paused(30.0):
            end(running)
            running = launch(engine)
        pytest.fail("the keys may be those of two moments")
    except Failure as failure:
        assert "Redis" in failure.message
    finally:
        RedisBus(engine.address, "c").redis.set("writers", "go on")
        keys.close()
        end(running)
        engine.close()
