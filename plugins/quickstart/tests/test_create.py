"""What `quickstart create` makes, what it keeps private, and what it leaves when it fails: nothing."""

from __future__ import annotations

import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hansa_quickstart import create as making, odb
from hansa_quickstart.addresses import Addresses
from hansa_quickstart.component import Component
from hansa_quickstart.create import Plan, create
from hansa_quickstart.failure import Failure

STEPS = """[1/8] Certificate authority created
[2/8] ODB schema created
[3/8] ODB initial data created
[4/8] server1 created
[5/8] server2 created
[6/8] Load-balancer created
Superuser created successfully.
[7/8] Web admin created
[8/8] Management scripts created
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("create") / "qs"
    lines: list[str] = []
    create(Plan(path, odb.sqlite_url(path)), lines.append)
    return path, "\n".join(lines) + "\n"


def test_the_eight_steps_and_what_to_do_next(made):
    path, told = made
    assert told.startswith(STEPS)
    rest = told.removeprefix(STEPS)
    assert re.fullmatch(
        r"Quickstart cluster quickstart-\d{6,7} created\n"
        r"Web admin user:\[admin\], password:\[[A-Za-z0-9_-]{32}\]\n"
        rf"Start the cluster by issuing the {path}/hansa-qs-start.sh command\n",
        rest,
    ), rest


def test_servers_share_what_a_cluster_shares(made):
    path, told = made
    first, second = (
        tomllib.loads((path / name / "config.toml").read_text()) for name in ("server1", "server2")
    )
    assert first["server"].pop("name") == "server1"
    assert second["server"].pop("name") == "server2"
    assert first["http"].pop("address") == "127.0.0.1:17010"
    assert second["http"].pop("address") == "127.0.0.1:17011"
    assert first == second
    assert first["server"]["cluster"] in told
    for server in ("server1", "server2"):
        incoming = path / server / "pickup/incoming/services"
        assert (path / server / "pickup-dir").resolve() == incoming.resolve() and incoming.is_dir()
    for shared in ("secret.key", "admin.password", "pubapi.password", "admin.invoke.password"):
        assert (path / "server1" / shared).read_text() == (path / "server2" / shared).read_text()
    assert f"password:[{(path / 'server1/admin.password').read_text().strip()}]" in told
    balancer = tomllib.loads((path / "load-balancer/config.toml").read_text())["loadbalancer"]
    assert (balancer["bind"], balancer["admin_bind"]) == ("127.0.0.1:11223", "127.0.0.1:8184")
    web_admin = tomllib.loads((path / "web-admin/config.toml").read_text())["web"]
    assert web_admin["address"] == "127.0.0.1:8183"
    assert [one["urls"] for one in web_admin["clusters"].values()] == [
        ["http://127.0.0.1:8184", "http://127.0.0.1:17010", "http://127.0.0.1:17011"]
    ]
    assert balancer["https_bind"] == "127.0.0.1:11224"
    assert (path / "load-balancer" / balancer["certificate"]).is_file()
    assert [server["address"] for server in balancer["servers"]] == [
        "127.0.0.1:17010",
        "127.0.0.1:17011",
    ]


def test_users_of_zato_s_api_have_random_passwords(made):
    path, told = made
    files = [path / f"{user}.password" for user in ("admin", "pubapi", "admin.invoke")]
    passwords = [file.read_text().strip() for file in files]
    assert len(set(passwords)) == 3
    assert all(len(password) == 32 for password in passwords)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    for password in passwords[1:]:
        assert password not in told


def test_parts_start_in_an_order_in_which_they_find_each_other(made):
    parts = Component(made[0]).parts
    assert [part.kind for part in parts] == [
        "KVDB",
        "LOAD_BALANCER",
        "SERVER",
        "SERVER",
        "WEB_ADMIN",
    ]
    assert all(
        (part.folder / "certificates/cert.pem").exists() for part in parts if part.kind != "KVDB"
    )


def test_nobody_else_can_read_secrets(made):
    path, _ = made
    assert path.stat().st_mode & 0o077 == 0
    secrets = [
        *path.glob("server*/[!.]*.*"),
        *path.rglob("*key*.pem"),
        path / "odb.sqlite",
        path / "kvdb/address",
    ]
    secrets += [*path.glob("kvdb/valkey/password")]
    assert len(secrets) > 12
    for file in secrets:
        assert file.stat().st_mode & 0o077 == 0, file


def test_the_odb_is_ready(made):
    with sqlite3.connect(made[0] / "odb.sqlite") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert {"cluster", "definition", "package", "change"} <= tables
        assert connection.execute("SELECT revision FROM cluster").fetchall() == [(0,)]


def test_two_clusters_have_nothing_in_common(made, tmp_path):
    other = tmp_path / "other"
    create(Plan(other, odb.sqlite_url(other), schema=False), lambda line: None)
    for secret in (
        "server1/secret.key",
        "server1/admin.password",
        "kvdb/address",
        "ca/ca-material/ca-key.pem",
    ):
        assert (other / secret).read_text() != (made[0] / secret).read_text()


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Failure, match="not an empty folder") as failed:
        create(Plan(tmp_path, "sqlite://"), print)
    assert failed.value.exit_code == 5
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise Failure("no")

    monkeypatch.setattr(making.Creation, "_create_balancer", fail)
    path = tmp_path / "qs"
    with pytest.raises(Failure):
        create(Plan(path, odb.sqlite_url(path)), lambda line: None)
    assert not path.exists()


def test_an_odb_of_another_cluster_is_not_taken(made, tmp_path):
    with pytest.raises(Failure, match="another database") as failed:
        create(Plan(tmp_path / "qs", f"sqlite:///{made[0]}/odb.sqlite"), lambda line: None)
    assert failed.value.exit_code == 1
    assert not (tmp_path / "qs").exists()


def test_ports_from_a_base_and_more_servers(tmp_path):
    path = tmp_path / "qs"
    told: list[str] = []
    plan = Plan(
        path,
        odb.sqlite_url(path),
        servers=3,
        addresses=Addresses.default(3, 30000),
        schema=False,
    )
    create(plan, told.append)
    assert "[9/9] Management scripts created" in told
    balancer = tomllib.loads((path / "load-balancer/config.toml").read_text())["loadbalancer"]
    assert (balancer["bind"], balancer["admin_bind"]) == ("127.0.0.1:30000", "127.0.0.1:30003")
    assert balancer["https_bind"] == "127.0.0.1:30002"
    assert Addresses.read(Component(path)) == plan.addresses
    assert [server["address"][-5:] for server in balancer["servers"]] == ["30010", "30011", "30012"]


def test_definitions_of_a_file_come_along(tmp_path):
    (tmp_path / "a.py").write_text("")
    given = tmp_path / "mine.toml"
    given.write_text(
        '[server]\nname = "other"\n[services]\nfiles = ["a.py"]\n'
        '[channel.http.x]\nservice = "a.b"\nurl_path = "/x"\nheaders = { "$env" = "X" }\n'
    )
    path = tmp_path / "qs"
    create(Plan(path, odb.sqlite_url(path), include=given, schema=False), lambda line: None)
    found = tomllib.loads((path / "server2/config.toml").read_text())
    assert found["server"]["name"] == "server2"
    assert found["services"]["files"] == [str(tmp_path / "a.py")]
    assert found["channel"]["http"]["x"] == {
        "service": "a.b",
        "url_path": "/x",
        "headers": {"$env": "X"},
    }


# -- secrets ---------------------------------------------------------------------------------------

REDIS = ("sqlite", "127.0.0.1", "6379")


def on_a_terminal(answers: list[str], *words: str) -> str:
    """Run `hansa quickstart create ...` on a terminal, answering its prompts; gives everything that
    was shown.
    """
    pid, terminal = pty.fork()
    if not pid:
        os.environ.pop("HANSA_KVDB_PASSWORD", None)
        os.execv(sys.executable, [sys.executable, "-m", "hansa", "quickstart", "create", *words])
    shown = b""
    try:
        while True:
            try:
                received = os.read(terminal, 4096)
            except OSError:
                break
            if not received:
                break
            shown += received
            if shown.endswith(b"(will not be echoed): ") and answers:
                os.write(terminal, answers.pop(0).encode() + b"\n")
    finally:
        os.waitpid(pid, 0)
        os.close(terminal)
    return shown.decode().replace("\r\n", "\n")


def test_a_secret_is_prompted_for_twice_and_not_echoed(tmp_path):
    path = tmp_path / "qs"
    shown = on_a_terminal(["right", "wrong", "p@ss word", "p@ss word"], str(path), *REDIS)
    prompts = (
        "Key/value database password (will not be echoed): \n"
        "Enter the kvdb_password again (will not be echoed): \n"
    )
    assert shown.startswith(f"{prompts}They do not match, once more.\n{prompts}{STEPS}"), shown
    for secret in ("right", "wrong", "p@ss"):
        assert secret not in shown
    config = tomllib.loads((path / "server1/config.toml").read_text())
    assert config["redis"] == {
        "address": "redis://:p%40ss%20word@127.0.0.1:6379/0",
        "durability": "fast",
    }
    assert not (path / "kvdb").exists()


def test_a_secret_from_the_environment_or_an_option(make_cluster):
    cluster = make_cluster()
    cluster.env["HANSA_KVDB_PASSWORD"] = "from-env"
    cluster.create(*REDIS)
    assert (
        "redis://:from-env@127.0.0.1:6379/0" in (cluster.path / "server1/config.toml").read_text()
    )
    shutil.rmtree(cluster.path)
    (cluster.folder / "password").write_text("from file\nsecond line\n")
    cluster.create(*REDIS, "--kvdb_password_file", cluster.folder / "password")
    config = (cluster.path / "server1/config.toml").read_text()
    assert "redis://:from%20file@127.0.0.1:6379/0" in config
    shutil.rmtree(cluster.path)
    cluster.create(*REDIS, "--kvdb_password", "")
    assert "redis://127.0.0.1:6379/0" in (cluster.path / "server1/config.toml").read_text()


def test_without_a_terminal_it_tells_how_to_give_a_secret(make_cluster):
    cluster = make_cluster()
    done = cluster.run("quickstart", "create", cluster.path, *REDIS, check=False)
    assert done.returncode == 12
    assert "--kvdb_password_file" in done.stderr
    assert "HANSA_KVDB_PASSWORD" in done.stderr
    assert not cluster.path.exists()


def test_a_database_that_is_not_there_is_told_without_its_password(make_cluster):
    pytest.importorskip("psycopg")
    cluster = make_cluster()
    cluster.env["HANSA_ODB_PASSWORD"] = "secret-word"
    words = [
        "postgresql",
        "127.0.0.1",
        "1",
        "user",
        "name",
        "127.0.0.1",
        "6379",
        "--kvdb_password",
        "",
    ]
    done = cluster.run("quickstart", "create", cluster.path, *words, check=False)
    assert done.returncode == 4
    assert "postgresql+psycopg://user:***@127.0.0.1:1/name cannot be reached" in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    assert not cluster.path.exists()


def test_scripts_are_shell(made):
    scripts = sorted(Path(made[0]).glob("*.sh"))
    assert {"hansa-qs-start.sh", "hansa-qs-stop.sh", "hansa-qs-restart.sh"} <= {
        script.name for script in scripts
    }
    for script in scripts:
        assert os.access(script, os.X_OK)
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
