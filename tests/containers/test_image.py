"""The image without a container engine: its file system is built as the Containerfile does, by
debootstrap and packaging/install.sh, and its entry point runs there as the same user, with the root
read-only, on a PostgreSQL and a Valkey.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
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

from tools.project import TOP

PACKAGING = TOP / "packaging"
CONTAINERFILE = (PACKAGING / "Containerfile").read_text()
DEBIAN = "/usr/bin/python3.11"
"""The Python of Debian 12, for which packages are installed."""
USER = 10001
IN_PLACE = """
set -eu
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
mount -o remount,bind,ro "$ROOT"
mount --bind "$STATE" "$ROOT/var/lib/hansa"
mount --bind "$SECRETS" "$ROOT/run/secrets/hansa"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
exec chroot --userspec=10001:10001 "$ROOT" /usr/bin/env -i "$@"
"""
SOURCE = """
from hansa import Service


class Hello(Service):
    def handle(self):
        return {"server": self.server.name}
"""

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.getuid() != 0, reason="chroot and mounts need root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap builds the base"),
    pytest.mark.skipif(not Path(DEBIAN).exists(), reason="the image has the Python of Debian 12"),
]


def said(instruction: str) -> str:
    """Return what the last stage of the Containerfile says of an instruction."""
    return re.findall(rf"^{instruction} (.*)$", CONTAINERFILE, re.M)[-1]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file system of the image."""
    root = tmp_path_factory.mktemp("image") / "root"
    include = "--include=python3,ca-certificates"
    made = ["debootstrap", "--variant=minbase", include, "bookworm", str(root)]
    subprocess.run(made, check=True, capture_output=True, timeout=600)
    environment = {**os.environ, "UV": str(Path(sys.executable).parent / "uv"), "PYTHON": DEBIAN}
    install = [str(PACKAGING / "install.sh"), str(root / "opt/hansa")]
    subprocess.run(install, check=True, capture_output=True, timeout=600, env=environment)
    for source, target in re.findall(r"^COPY packaging/(\S+) (/\S+)$", CONTAINERFILE, re.M):
        copied = root / target.removeprefix("/")
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGING / source, copied)
    for folder in ("var/lib/hansa", "run/secrets/hansa"):
        (root / folder).mkdir(parents=True)
    yield root
    shutil.rmtree(root)


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
    for file in (folder, *folder.iterdir()):
        os.chown(file, USER, USER)
    for parent in (folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    yield folder
    valkey.terminate()
    valkey.wait(60)


class Container:
    """The image with a state, secrets and a name, as a container engine would run it."""

    def __init__(self, root: Path, state: Path, secrets: Path, name: str) -> None:
        self.port = free_port()
        self._places = {"ROOT": str(root), "STATE": str(state), "SECRETS": str(secrets)}
        self._variables = [
            f"HOSTNAME={name}",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "HANSA_ADMIN_PASSWORD_FILE=/run/secrets/hansa/admin-password",
            *shlex.split(said("ENV")),
        ]
        state.mkdir()
        os.chown(state, USER, USER)

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Run a command in it."""
        command = ["unshare", "--mount", "sh", "-c", IN_PLACE, "sh", *self._variables, *words]
        return subprocess.Popen(command, env={**os.environ, **self._places})

    def serve(self) -> subprocess.Popen[bytes]:
        """Run what the image runs, at a free port."""
        entry, command = json.loads(said("ENTRYPOINT")), json.loads(said("CMD"))
        return self.run(*entry, *command, "--http", f"127.0.0.1:{self.port}")

    def is_healthy(self) -> bool:
        """Carry out the health check of the image."""
        check = json.loads(re.findall(r"^HEALTHCHECK .*? CMD (.*)$", CONTAINERFILE, re.M)[0])
        return self.run(*check, str(self.port)).wait(60) == 0

    def answers(self, path: str) -> bool:
        """Whether it answers with 200."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5).ok
        except requests.ConnectionError:
            return False

    def api(self, service: str, password: str, /, **settings: str) -> requests.Response:
        """Call the admin API."""
        url = f"http://127.0.0.1:{self.port}/hansa/api/{service}"
        return requests.post(url, json=settings, auth=("admin", password), timeout=60)


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
        process.kill()
        process.wait(60)
