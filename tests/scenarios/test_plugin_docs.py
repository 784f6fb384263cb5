"""docs/plugins.md, followed to the letter: its plugin builds, holds the conformance kit, and works
in a server.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import hansa
from tools.project import TOP

FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.S)
RUN = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.S)
PLUGINS = re.compile(r"<!-- run: plugins -->\n```sh\n(.*?)```", re.S)
PAGE = TOP / "docs/plugins.md"
SERVICE = """
from hansa import Service

class Note(Service):
    def handle(self):
        severity = self.request.headers["severity"]
        self.log.warning(
            "device %s says %s (severity %s)", self.request.peer, self.request.raw, severity
        )

class Send(Service):
    def handle(self):
        self.outgoing.syslog["log-host"].send("to ourselves", severity=3)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The files of the page."""
    folder = tmp_path_factory.mktemp("hansa-syslog")
    found = FILE.findall(PAGE.read_text())
    assert len(found) == 5
    for name, text in found:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def site(project) -> Path:
    """The plugin, built as a wheel and installed into a folder of its own."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "build", "--wheel", "--no-build-isolation", "--quiet", "-o", str(project / "dist")],
        cwd=project,
        check=True,
    )
    wheel = next((project / "dist").glob("*.whl"))
    site = project / "site"
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
        timeout=60,
    )
    return site


@pytest.mark.timeout(180)
def test_its_tests_pass(project, site):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 25, done.stdout


def test_it_runs_in_a_server_as_the_page_says(project, site, start_server, wait):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = start_server(workers=2, env={"PYTHONPATH": str(site)}, plugins=["redis"])
    server.deploy("incidents.py", SERVICE)
    for block in RUN.findall(PAGE.read_text()):
        for line in block.replace("5514", port).strip().splitlines():
            hansa(server, *line.split()[1:])
    wait(lambda: server.api("admin.channel.syslog.get", name="devices")["state"] == "running", 10)
    server.api("admin.service.invoke", name="incidents.send")
    wait(lambda: "device 127.0.0.1 says b'to ourselves' (severity 3)" in server.log(), 10)
    assert server.log().count("to ourselves") <= 2, "one worker of the host has the port"
    printed = follow(server, site)
    for status in ("loaded", "removed"):
        assert f"server1/0: {status}" in printed["hansa plugin reload syslog"]
    assert "server1/1: blocked" in printed["hansa plugin block syslog --force"]
    assert "devices" in printed["hansa orphan list"]
    found = {item["name"]: item["status"] for item in server.api("admin.plugin.list")["items"]}
    assert "syslog" not in found
    left = server.api("admin.orphan.list")["items"]
    assert [(one["kind"], one["name"]) for one in left] == [("outgoing", "log-host")]


def follow(server, site: Path) -> dict[str, str]:
    """Follow the section on plugins; return what each command has printed."""
    (block,) = PLUGINS.findall(PAGE.read_text())
    printed: dict[str, str] = {}
    for line in block.strip().splitlines():
        if line.startswith("pip uninstall"):
            shutil.rmtree(next(site.glob("hansa_syslog-*.dist-info")))
        elif line.startswith("hansa"):
            printed[line] = printed.get(line, "") + hansa(server, *line.split()[1:]).stdout
    return printed
