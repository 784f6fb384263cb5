"""A server that is backed up under load, is killed and lost with all its files, and is restored:
what it had accepted is done, and what was defined is there.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result
from hansa.cli import commands
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import PostgreSQL

SERVICES = """
import os
import time
from pathlib import Path

from hansa import Service

HERE = Path(os.environ["ORDERS_FOLDER"])


class Accept(Service):
    name = "orders.accept"

    def handle(self):
        self.invoke_async("orders.do", self.request.raw.decode())
        return "accepted"


class Do(Service):
    name = "orders.do"

    def handle(self):
        while (HERE / "closed").exists():
            time.sleep(0.05)
        with open(HERE / "done", "a") as file:
            file.write(self.request.payload + "\\n")
"""
ORDERS = {"url_path": "/orders", "service": "orders.accept"}
CONFIG = "[queue]\nlease = 3.0\n"
PLUGINS = ["backup", "cache", "pickup", "queue", "redis"]
SECRET = "the password of the partner 4711"


def run(*arguments: str | Path, check: bool = True, **variables: str) -> Result:
    """A command, in this process."""
    found = CliRunner(env=variables).invoke(commands, [*map(str, arguments)], prog_name="hansa")
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert not check or found.exit_code == 0, found.output
    return found


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[Path], RunningServer]]:
    made: list[RunningServer] = []

    def server(folder: Path) -> RunningServer:
        env = {"ORDERS_FOLDER": str(tmp_path)}
        made.append(RunningServer(folder, CONFIG, workers=1, env=env, plugins=PLUGINS))
        return made[-1]

    yield server
    for one in made:
        one.kill()


class Partner:
    """Somebody who sends orders, and notes which were accepted."""

    def __init__(self, server: RunningServer) -> None:
        self.accepted: list[str] = []
        self.failed: list[str] = []
        self._url = server.url + "/orders"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        number = 0
        with requests.Session() as session:
            while not self._stop.is_set():
                number += 1
                order = f"order-{number}"
                try:
                    answer = session.post(self._url, data=order, timeout=30)
                    (self.accepted if answer.ok else self.failed).append(order)
                except requests.RequestException as error:
                    self.failed.append(f"{order}: {error}")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)


@pytest.mark.evidence("kills", "real_server")
@pytest.mark.timeout(240)
def test_what_was_accepted_is_done_by_the_restored_server(
    tmp_path: Path, make: Callable[[Path], RunningServer]
):
    (tmp_path / "closed").touch()
    server = make(tmp_path / "old").start()
    server.deploy("orders.py", SERVICES)
    server.api("admin.channel.http.create", name="orders", **ORDERS)
    partner = {"username": "größe", "password": SECRET}
    server.api("admin.security.basic.create", name="partner", **partner)
    exported = server.api("admin.config.export", services=True)
    file = tmp_path / "one.backup"

    sender = Partner(server)
    try:
        wait_until(lambda: len(sender.accepted) >= 20 or sender.failed, 60, "orders")
        before = list(sender.accepted)
        made = run("backup", "create", server.folder, file, "--json", HANSA_BACKUP_PASSPHRASE="x")
        count = len(sender.accepted)
        wait_until(lambda: len(sender.accepted) > count or sender.failed, 60, "more orders")
    finally:
        sender.stop()
    assert not sender.failed
    manifest = json.loads(made.stdout)
    assert manifest["keys"] > 0
    assert "[1/4] Redis: " in made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET.encode() not in file.read_bytes()

    server.kill()
    shutil.rmtree(server.folder)
    (tmp_path / "closed").unlink()

    folder = tmp_path / "new"
    restored = run("restore", file, folder, HANSA_BACKUP_PASSPHRASE="x")
    assert "[4/4] Redis: " in restored.output
    again = make(folder)
    again.start()

    done = tmp_path / "done"
    wait_until(
        lambda: done.exists() and set(before) <= set(done.read_text().split()),
        60,
        "what was accepted before the backup is done",
    )
    assert set(done.read_text().split()) <= set(sender.accepted)  # nothing half
    assert again.api("admin.config.export", services=True) == exported
    assert again.post("/orders", "afterwards").ok
    wait_until(lambda: "afterwards" in done.read_text(), 60, "it goes on")


@pytest.fixture
def stopped(tmp_path: Path, make: Callable[[Path], RunningServer]) -> RunningServer:
    server = make(tmp_path / "old").start()
    server.api("admin.security.basic.create", name="partner", username="p", password=SECRET)
    server.stop()
    return server


@pytest.mark.timeout(240)
def test_a_stopped_server_goes_over_to_another_database(
    tmp_path: Path,
    stopped: RunningServer,
    make: Callable[[Path], RunningServer],
    real_server: Callable[[type[PostgreSQL]], PostgreSQL],
):
    file = tmp_path / "one.backup"
    made = run("backup", "create", stopped.folder, file)
    assert "is not encrypted" in made.stderr
    url = tmp_path / "url"
    url.write_text(real_server(PostgreSQL).database() + "\n")
    folder = tmp_path / "new"

    run("restore", file, folder, "--odb-url-file", url)

    server = make(folder).start()
    found = server.api("admin.security.basic.list")["items"]
    assert "partner" in {one["name"] for one in found}
    assert not list(folder.rglob("odb.sqlite"))
    server.stop()
    refused = run("restore", file, tmp_path / "third", "--odb-url-file", url, check=False)
    assert refused.exit_code == 5 and "is not empty" in refused.output
    assert not (tmp_path / "third").exists()
    full = run("restore", file, folder, check=False)
    assert full.exit_code == 5 and f"{folder} is not an empty folder" in full.output
    again = run("backup", "create", folder, file, check=False)
    assert again.exit_code == 5 and "exists already" in again.output


def test_what_was_damaged_is_named(tmp_path: Path, stopped: RunningServer):
    file = tmp_path / "one.backup"
    run("backup", "create", stopped.folder, file)
    checked = run("backup", "check", file)
    assert "ODB (sqlite): schema" in checked.output
    whole = file.read_bytes()
    with tarfile.open(file) as archive:
        names = archive.getnames()
        assert {"odb.jsonl", "redis.jsonl", "files/config.toml", "files/var/secret.key"} <= {*names}
        assert names[-1] == "manifest.json"
        archive.extractall(tmp_path / "content", filter="data")

    cut = tmp_path / "cut"
    cut.write_bytes(whole[:-100])
    other = tmp_path / "other"
    (tmp_path / "content/files/config.toml").write_text("[server]\n")
    (tmp_path / "content/odb.jsonl").unlink()
    with tarfile.open(other, "w:gz") as archive:
        for path in sorted((tmp_path / "content").rglob("*")):
            archive.add(path, path.relative_to(tmp_path / "content"), recursive=False)
    nothing = tmp_path / "nothing"
    nothing.write_text("nothing")
    for damaged, why in (
        (cut, "not a whole backup"),
        (other, "files/config.toml: its content is another one\nodb.jsonl: missing"),
        (nothing, "not a whole backup"),
    ):
        for words in (("backup", "check", damaged), ("restore", damaged, tmp_path / "place")):
            refused = run(*words, check=False)
            assert refused.exit_code == 15, refused.output
            assert why in refused.output
    assert not (tmp_path / "place").exists()
    assert os.listdir(stopped.folder)
