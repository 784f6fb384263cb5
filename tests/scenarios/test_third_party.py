"""A connector that is not part of the project, that of docs/plugins.md: a running server loads it
without a restart, and without losing a request.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from tests.commands import hansa
from tools.project import TOP

BIN = Path(sys.executable).parent
FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.S)
SERVICES = """
from hansa import Service

class Note(Service):
    def handle(self):
        self.log.warning("a device says %s", self.request.raw)

class Send(Service):
    def handle(self):
        self.outgoing.syslog["log-host"].send("to ourselves")

class Hello(Service):
    def handle(self):
        return {"hello": "you"}
"""


@pytest.fixture(scope="module")
def install(tmp_path_factory):
    """A folder on the server's path, empty, and what installs the connector into it."""
    project = tmp_path_factory.mktemp("hansa-syslog")
    folder = tmp_path_factory.mktemp("site-packages")
    for name, text in FILE.findall((TOP / "docs/plugins.md").read_text()):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    def run() -> None:
        options = ["--no-deps", "--no-build-isolation", "--target", folder]
        command = [BIN / "uv", "pip", "install", *options, project]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    return folder, run


def test_loaded_into_a_running_server(install, start_shared_server, wait):
    folder, pip = install
    server = start_shared_server(workers=2, env={"PYTHONPATH": str(folder)}, plugins=["redis"])
    server.deploy("devices.py", SERVICES)
    options = ("--url-path", "/hello", "--service", "devices.hello", "--format", "json")
    hansa(server, "channel", "http", "create", "hello", *options)
    before = {process.pid for process in server.workers()}
    supervisor = server.process.pid
    statuses, over = [], threading.Event()

    def load() -> None:
        while not over.is_set():
            statuses.append(requests.get(server.url + "/hello", timeout=20).status_code)

    loading = threading.Thread(target=load)
    loading.start()
    try:
        assert hansa(server, "plugin", "reload", "syslog", check=False).returncode != 0
        pip()
        hansa(server, "plugin", "reload", "syslog")

        def everywhere() -> bool:
            now = {process.pid for process in server.workers()}
            return len(now) == 2 and not now & before

        wait(everywhere, 40)
    finally:
        over.set()
        loading.join()
    assert set(statuses) == {200} and server.process.pid == supervisor

    assert "syslog" in hansa(server, "plugin", "list").stdout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = ("--host", "127.0.0.1", "--port", str(probe.getsockname()[1]))
    hansa(server, "outgoing", "syslog", "create", "log-host", *address)
    service = ("--service", "devices.note")
    hansa(server, "channel", "syslog", "create", "devices", *address, *service)

    def heard() -> bool:
        server.api("admin.service.invoke", name="devices.send")
        return "a device says b'to ourselves'" in server.log()

    wait(heard, 30)
