"""`hansa doctor` and `hansa support-bundle`, with secrets planted wherever they can be."""

from __future__ import annotations

import json
import stat
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hansa import Examination, ExaminedServer, Finding
from hansa.odb import tables
from hansa.odb.engine import open_engine
from hansa_doctor import examining
from hansa_doctor.early import hansa_examinations

from plugins.doctor.tests.conftest import Run


def odd(server: ExaminedServer) -> list[Finding]:
    raise LookupError("what nobody has thought of")


def own(server: ExaminedServer) -> list[Finding]:
    return [
        Finding("ok", f"of a plugin, for {server.folder.name}"),
        Finding("warning", "beware", "do this"),
    ]


@pytest.fixture
def two_examinations(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [[Examination("own", own)], [Examination("odd", odd)]]
    hooks = SimpleNamespace(hansa_examinations=lambda: found)
    monkeypatch.setattr(examining, "early_hooks", lambda: hooks)


def test_plugins_add_examinations(cluster: Path, run: Run, two_examinations: None):
    found = run("doctor", cluster)
    assert found.exit_code == 1
    assert "of a plugin, for server1" in found.output
    assert "-> do this" in found.output
    assert "LookupError: what nobody has thought of" in found.output
    assert "1 faults, 1 warnings, 1 in order" in found.output


def test_a_new_cluster_is_in_order(cluster: Path, run: Run):
    found = run("doctor", cluster, "--json")
    answer = json.loads(found.stdout)
    assert found.exit_code == 0, found.output
    assert answer["fault"] == 0
    assert {one["examination"] for one in answer["results"]} >= {
        "configuration",
        "versions",
        "permissions",
        "certificates",
        "ports",
        "disk",
        "limits",
        "odb",
        "redis",
    }


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The examinations that load no plugin."""
    slow = ("configuration", "versions")
    found = [[one for one in hansa_examinations() if one.name not in slow]]
    hooks = SimpleNamespace(hansa_examinations=lambda: found)
    monkeypatch.setattr(examining, "early_hooks", lambda: hooks)


def test_the_exit_code_says_how_bad_it_is(cluster: Path, run: Run, quick: None):
    assert run("doctor", cluster).exit_code == 0
    # it does not run, which is a warning
    assert run("doctor", cluster, "--strict").exit_code == 1
    (cluster / "server1/secret.key").chmod(0o644)
    assert run("doctor", cluster).exit_code == 1


PLANTED = "planted-{}-4711"
CONFIG = """
[security.basic.partner]
username = "visible-partner"
password = "planted-config-4711"

[outgoing.http.orders]
address = "https://user:planted-url-4711@visible.example/"
headers = {Authorization = "Bearer planted-header-4711"}
"""


def plant(cluster: Path) -> set[str]:
    """Put secrets into every place, and each into the logs, too; returns them."""
    server = cluster / "server1"
    with open(server / "config.toml", "a") as config:
        config.write(CONFIG)
    secrets = {PLANTED.format(name) for name in ("config", "url", "header", "admin", "env")}
    for name in ("server1/secret.key", "proxy.secret", "kvdb/valkey/password", "pubapi.password"):
        secrets.add((cluster / name).read_text().strip())
    pem = (server / "certificates/key.pem").read_text().splitlines()
    secrets |= {line for line in pem if not line.startswith("-")}
    data = {
        "address": "https://user:planted-odb-url-4711@visible.example",
        "password": {"$encrypted": "planted-encrypted-4711"},
        "api_key": "planted-key-4711",
        "tls": {"passphrase": "planted-nested-4711", "tokens": ["planted-list-4711"]},
        "stored": "$argon2id$v=19$m=1$planted-hash-4711",
        "secret": {"$env": "VISIBLE_NAME"},
    }
    secrets |= {
        PLANTED.format(name) for name in ("odb-url", "encrypted", "key", "nested", "list", "hash")
    }
    engine = open_engine(f"sqlite:///{cluster / 'odb.sqlite'}")
    with engine.begin() as connection:
        row = {"kind": "outgoing", "type": "http", "name": "visible-name", "revision": 1}
        connection.execute(tables.definition.insert().values(data=json.dumps(data), **row))
    engine.dispose()
    (server / "logs").mkdir(exist_ok=True)
    known = [one for one in secrets if "odb" not in one]
    lines = [f"visible-line {number} {one} end" for number, one in enumerate(sorted(known))]
    lines += ["login with password=planted-log-4711", "GET https://a:planted-logurl-4711@x/"]
    (server / "logs/server.log").write_text("x" * 600_000 + "\n" + "\n".join(lines) + "\n")
    (server / "logs/console.log").write_text("\n".join(lines))
    return secrets | {"planted-log-4711", "planted-logurl-4711"}


def test_a_bundle_has_no_secrets(cluster: Path, tmp_path: Path, run: Run, quick: None):
    secrets = plant(cluster)
    # what stands in the ODB alone cannot be known in a log: there it is masked when it is logged
    in_odb_alone = {PLANTED.format(name) for name in ("encrypted", "key", "nested", "list", "hash")}
    for name in ("server.log", "console.log"):
        log = cluster / "server1/logs" / name
        text = log.read_text()
        for one in in_odb_alone:
            text = text.replace(one, "-")
        log.write_text(text)
    file = tmp_path / "bundle.tgz"
    variables = {"HANSA_ADMIN_PASSWORD": PLANTED.format("env")}

    made = run("support-bundle", cluster, file, "--json", **variables)

    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        content = {
            one.name: (archive.extractfile(one) or file.open("rb")).read().decode()
            for one in archive
        }
    assert list(content) == json.loads(made.stdout)["members"]
    assert {
        "doctor.json",
        "versions.json",
        "definitions.json",
        "settings/server1.json",
        "settings/load-balancer.json",
        "logs/server1/server.log",
        "logs/server1/console.log",
    } <= {*content}
    for name, text in content.items():
        found = [one for one in secrets if one in text]
        assert not found, (name, found)
    assert "visible-partner" in content["settings/server1.json"]
    (definition,) = json.loads(content["definitions.json"])
    assert definition["name"] == "visible-name"
    assert definition["settings"]["secret"] == {"$env": "VISIBLE_NAME"}
    assert "visible.example" in definition["settings"]["address"]
    assert "visible-line 0" in content["logs/server1/server.log"]
    assert len(content["logs/server1/server.log"]) < 520_000
    again = run("support-bundle", cluster, file)
    assert again.exit_code == 5 and "exists already" in again.output


def test_a_server_by_itself_is_examined(tmp_path: Path, run: Run, quick: None):
    (tmp_path / "config.toml").write_text('[server]\nname = "alone"\n')
    found = run("doctor", tmp_path, "--json")
    results = json.loads(found.stdout)["results"]
    assert any("operational database" in one["text"] for one in results)
    assert run("doctor", tmp_path / "nothing").exit_code == 2
