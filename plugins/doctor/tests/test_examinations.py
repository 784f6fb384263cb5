"""Each examination, with what it is to find made wrong: real certificates, ports, files, databases."""

from __future__ import annotations

import datetime
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hansa import ExaminedServer, Finding, Invalid
from hansa.odb import tables
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from hansa_doctor.clock import judge_clock
from hansa_doctor.examinations import (
    certificates,
    disk,
    limits,
    odb,
    permissions,
    ports,
    redis,
    versions,
)
from hansa_quickstart.component import Component
from hansa_redis.bus import open_redis
from hansa_redis.engine import Valkey

from plugins.redis.tests.support import end, launch

Examine = Callable[[ExaminedServer], Iterator[Finding]]


@pytest.fixture
def server(cluster: Path) -> ExaminedServer:
    return ExaminedServer(cluster / "server1/config.toml", cluster / "server1")


def levels(found: Iterator[Finding]) -> dict[str, list[Finding]]:
    by_level: dict[str, list[Finding]] = {"ok": [], "warning": [], "fault": []}
    for one in found:
        by_level[one.level].append(one)
    return by_level


def bad(found: Iterator[Finding]) -> list[Finding]:
    return [one for one in found if one.level != "ok"]


def test_a_finding_says_what_to_do():
    with pytest.raises(ValueError, match="must say what to do"):
        Finding("fault", "something is wrong")


def test_a_file_that_others_can_read_is_a_fault(server: ExaminedServer):
    assert not bad(permissions.examine(server))
    for name in ("secret.key", "certificates/key.pem"):
        (server.folder / name).chmod(0o640)
    (server.folder.parent / "kvdb/valkey/password").chmod(0o644)
    found = levels(permissions.examine(server))["fault"]
    assert len(found) == 3
    assert all(one.remedy == f"chmod 600 {one.text.partition(' ')[0]}" for one in found)


def certificate(days: float) -> bytes:
    """A certificate that ends in some days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def test_certificates_that_end_are_found(server: ExaminedServer):
    found = levels(certificates.examine(server))
    assert not found["warning"] + found["fault"] and "ends before" in found["ok"][0].text
    folder = server.folder.parent
    (folder / "server1/certificates/cert.pem").write_bytes(certificate(-1.5))
    (folder / "load-balancer/certificates/cert.pem").write_bytes(certificate(12.5))
    (folder / "web-admin/certificates/cert.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"
    )
    found = levels(certificates.examine(server))
    (soon,) = found["warning"]
    assert "in 12 days" in soon.text and soon.remedy.startswith(f"hansa ca renew {folder}")
    assert sorted(one.text.partition("/certificates")[0] for one in found["fault"]) == [
        str(folder / "server1"),
        str(folder / "web-admin"),
    ]


def test_ports_that_others_have_or_that_nobody_answers_are_found(server: ExaminedServer):
    found = levels(ports.examine(server))
    assert len(found["warning"]) == 4 and not found["fault"]
    component = Component(server.config.parent)
    host, _, port = component.addresses[0].rpartition(":")
    with socket.create_server((host, int(port))):
        (taken,) = levels(ports.examine(server))["fault"]
        assert "is in use by" in taken.text and str(os.getpid()) in taken.text
        component.note(os.getpid())
        assert any("answers at" in one.text for one in levels(ports.examine(server))["ok"])
    (silent,) = levels(ports.examine(server))["fault"]
    assert f"does not answer at {component.addresses[0]}" in silent.text


def test_little_space_is_found(server: ExaminedServer, monkeypatch: pytest.MonkeyPatch):
    real = os.statvfs(server.folder)

    def level(**changed: int) -> str:
        values = {name: getattr(real, name) for name in dir(real) if name.startswith("f_")}
        values |= {"f_frsize": 4096, "f_blocks": 2**28, "f_files": 1000, "f_favail": 900, **changed}
        monkeypatch.setattr(os, "statvfs", lambda path: type("System", (), values))
        (found,) = disk.examine(server)
        return found.level

    assert level(f_bavail=2**27, f_flag=0) == "ok"
    assert level(f_bavail=2**24, f_flag=0) == "warning"
    assert level(f_bavail=2**14, f_flag=0) == "fault"
    assert level(f_bavail=2**27, f_flag=0, f_favail=50) == "warning"
    assert level(f_bavail=2**27, f_flag=0, f_favail=5) == "fault"
    assert level(f_bavail=2**27, f_flag=os.ST_RDONLY) == "fault"


def test_a_low_limit_of_files_is_found(server: ExaminedServer):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        try:
            resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (1024, 1024))
            Component(server.config.parent).note(running.pid)
            (found,) = bad(limits.examine(server))
            assert "1024 files" in found.text and "LimitNOFILE" in found.remedy
        finally:
            running.kill()


@pytest.mark.parametrize(
    ("theirs", "level"), [(100.3, "ok"), (99.8, "ok"), (102, "warning"), (90, "fault")]
)
def test_clocks_are_compared(theirs: float, level: str):
    found = judge_clock("Redis", theirs, 100.0)
    assert found.level == level
    assert ("ahead" in found.text) == (theirs > 100)


@pytest.mark.parametrize("database", [PostgreSQL, MariaDB])
def test_a_database_server_is_asked_for_its_clock(
    database: type[PostgreSQL], tmp_path: Path, real_server: Callable[..., Any]
):
    from hansa import write_odb

    url = real_server(database).database()
    write_odb(url, tables.SCHEMA_VERSION, [("cluster", {"id": 1, "revision": 0})])
    (tmp_path / "config.toml").write_text(f"[odb]\nurl = {url!r}\n")
    found = list(odb.examine(ExaminedServer(tmp_path / "config.toml", tmp_path / "var")))
    assert f"schema {tables.SCHEMA_VERSION}" in found[0].text
    assert "the clock of the database" in found[1].text and found[1].level == "ok"


def test_a_missing_odb_is_a_fault(server: ExaminedServer):
    (server.folder.parent / "odb.sqlite").unlink()
    (found,) = odb.examine(server)
    assert found.level == "fault" and "is missing" in found.text


@pytest.mark.parametrize(
    ("about", "settings", "wrong"),
    [
        ({"aof_enabled": 1}, {"appendfsync": "always"}, ""),
        ({"aof_enabled": 0}, {}, "no append-only file"),
        ({"aof_enabled": 1}, {"appendfsync": "no"}, "power failure"),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, {}, "aof_last_write_status is err"),
    ],
)
def test_what_redis_loses_is_said(about: dict[str, object], settings: dict[str, str], wrong: str):
    found = bad(redis.persistence(about, settings))
    assert [wrong in one.text for one in found] == ([True] if wrong else [])


@pytest.mark.parametrize(
    ("about", "wrong"),
    [
        ({"maxmemory": 100, "used_memory": 20}, ""),
        ({"maxmemory": 100, "used_memory": 90}, "used of"),
        ({"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, "drops what was accepted"),
        ({"evicted_keys": 3}, "has dropped 3 keys"),
    ],
)
def test_what_redis_drops_is_said(about: dict[str, object], wrong: str):
    found = bad(redis.memory(about))
    assert [wrong in one.text for one in found] == ([True] if wrong else [])


def test_a_real_redis_is_examined(tmp_path: Path):
    engine = Valkey(tmp_path / "v")
    running = launch(engine)
    config = tmp_path / "config.toml"
    config.write_text(f'[redis]\naddress = "{engine.address}"\n')
    server = ExaminedServer(config, tmp_path / "var")
    try:
        assert {"clock", "append-only"} <= {
            word for one in redis.examine(server) for word in one.text.split()
        }
        assert not levels(redis.examine(server))["fault"]
        with open_redis(engine.address) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        (found,) = levels(redis.examine(server))["fault"]
        assert "allkeys-lru" in found.text
    finally:
        end(running)
        engine.close()
    (gone,) = redis.examine(server)
    assert gone.level == "fault" and engine.password not in gone.text


def test_what_does_not_fit_is_said(server: ExaminedServer, monkeypatch: pytest.MonkeyPatch):
    def refuse(config: Path | None) -> None:
        raise Invalid({"plugin odd": "it needs hansa<0.1, and 0.1.0 is installed"})

    rows = [
        {"name": "fine", "status": "loaded", "why": ""},
        {"name": "old", "status": "loaded", "why": "0.1 runs, 0.2 is installed"},
        {"name": "out", "status": "blocked", "why": "by config.toml"},
        {"name": "ill", "status": "failed", "why": "no module"},
    ]
    monkeypatch.setattr(versions, "check_plugins", refuse)
    monkeypatch.setattr(versions, "plugins_that_run", lambda component: rows)
    found = levels(versions.examine(server))
    assert [one.text.split(":")[0] for one in found["fault"]] == [
        "plugin odd",
        "plugin ill is failed",
    ]
    assert ["plugin old" in one.text for one in found["warning"]] == [True]
