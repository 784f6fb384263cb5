"""The image without a container engine: its file system is made as the Containerfile does, and its
entry point runs there as the same user, with the root read-only, on a PostgreSQL and a Valkey.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import PostgreSQL
from hansa_redis.engine import find_program

from tests.containers.image import PACKAGING, USER, Container, end, make_image, what_is_missing

SOURCE = """
from hansa import Service


class Hello(Service):
    def handle(self):
        return {"server": self.server.name}
"""

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.getuid() != 0, reason="chroot and mounts need root"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file system of the image."""
    missing = what_is_missing()
    if missing:
        pytest.skip(missing)
    root = tmp_path_factory.mktemp("image") / "root"
    try:
        make_image(root)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory, real_server: Any) -> Iterator[Path]:
    """The secrets of a cluster on engines of this machine."""
    folder = tmp_path_factory.mktemp("cluster") / "secrets"
    subprocess.run([str(PACKAGING / "secrets.sh"), str(folder)], check=True, timeout=60)
    (folder / "odb-url").write_text(real_server(PostgreSQL).database() + "\n")
    port = free_port()
    password = (folder / "redis-password").read_text().strip()
    (folder / "redis-address").write_text(f"redis://:{password}@127.0.0.1:{port}/0\n")
    text = (folder / "valkey.conf").read_text().replace("dir /data", f"dir {folder.parent}")
    (folder / "valkey.conf").write_text(f"{text}port {port}\nbind 127.0.0.1\n")
    valkey = subprocess.Popen(
        [find_program(), str(folder / "valkey.conf")], stdout=subprocess.DEVNULL
    )
    try:
        for file in (folder, *folder.iterdir()):
            os.chown(file, USER, USER)
        for parent in (folder.parent, folder.parent.parent):
            parent.chmod(0o755)
        yield folder
    finally:
        valkey.terminate()
        valkey.wait(60)


def test_two_servers_of_the_image_are_a_cluster(
    root: Path, secrets: Path, tmp_path: Path, start: Callable[..., Any]
):
    tmp_path.chmod(0o755)
    password = (secrets / "admin-password").read_text().strip()
    first = Container(root, tmp_path / "state1", secrets, "server1")
    second = Container(root, tmp_path / "state2", secrets, "server2")
    running = [start(one) for one in (first, second)]
    for one in (first, second):
        wait_until(lambda one=one: one.answers("/hansa/ready"), 60)
        assert one.answers("/hansa/live")
        assert one.is_healthy()
    for process in running:
        for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(True)):
            assert set(each.uids()) == {USER}
            status = Path(f"/proc/{each.pid}/status").read_text()
            assert re.findall(r"^CapEff:\s*(\w+)$", status, re.M) == ["0" * 16]
        mounts = Path(f"/proc/{process.pid}/mounts").read_text()
        assert re.search(r"^\S+ / \S+ ro,", mounts, re.M), mounts

    assert first.api("admin.service.deploy", password, file="hello.py", source=SOURCE).ok
    channel = {"name": "hello", "url_path": "/hello", "service": "hello.hello", "format": "json"}
    assert first.api("admin.channel.http.create", password, **channel).ok
    wait_until(lambda: second.answers("/hello"), 60)
    answer = requests.get(f"http://127.0.0.1:{second.port}/hello", timeout=60)
    assert answer.json() == {"server": "server2"}
    assert first.api("admin.service.list", "wrong").status_code == 401

    for process in running:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(100) for process in running] == [0, 0]
    assert not first.is_healthy()


@pytest.fixture
def start() -> Iterator[Callable[[Container], subprocess.Popen[bytes]]]:
    """Run containers, which are ended with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def run(container: Container) -> subprocess.Popen[bytes]:
        running.append(container.serve())
        return running[-1]

    yield run
    for process in running:
        end(process)
