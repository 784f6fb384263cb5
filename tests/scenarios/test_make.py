"""The two commands of the README, in a fresh copy of the project: what `make run` sets up, prints
and leaves behind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import requests
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.processes import MARK, marked
from hansa_devkit.harness.waiting import wait_until

from tools.project import TOP


def copy_of_the_project(there: Path) -> Path:
    """A fresh clone, so to speak: the files that git knows or would take, and a left-over folder
    with caches only.
    """
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TOP, text=True
    )
    for line in listed.splitlines():
        if (TOP / line).is_file():
            (there / line).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / line, there / line)
    (there / "plugins/gone/src/hansa_gone/__pycache__").mkdir(parents=True)
    return there


class Made:
    """`make run`, as somebody in a terminal has it: in a process group of its own."""

    def __init__(self, folder: Path, directory: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.directory = directory
        self.output = folder / "make.log"
        self.mark = f"made-{self.port}"
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV")
        }
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                ["make", "run", f"HTTP=127.0.0.1:{self.port}", f"DIR={directory}"],
                cwd=folder,
                stdout=output,
                stderr=output,
                env={**environment, MARK: self.mark},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )

    def ready(self) -> bool:
        """Whether it says that everything runs."""
        assert self.process.poll() is None, self.output.read_text()
        return "Ctrl-C stops" in self.output.read_text()

    def cli(self, *words: str) -> str:
        """What a command says, given the folder alone."""
        hansa = self.folder / ".venv/bin/hansa"
        command = [str(hansa), *words, "--dir", str(self.directory)]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("HANSA_")
        }
        return subprocess.check_output(command, env=environment, text=True, timeout=60)

    def left(self) -> list[psutil.Process]:
        """Its processes that are still there."""
        return marked(self.mark, self.directory)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(40)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = copy_of_the_project(tmp_path_factory.mktemp("clone") / "a project")
    made = Made(folder, folder.parent / "some dir")
    wait_until(made.ready, 300, "make run")
    yield made
    for process in made.left():
        process.kill()


@pytest.mark.timeout(400)
def test_it_prints_where_it_listens_and_the_password_once(made):
    printed = made.output.read_text()
    assert f"127.0.0.1:{made.port}" in printed
    file = made.directory / "admin.password"
    password = file.read_text().strip()
    assert len(password) >= 16
    assert password in printed
    assert file.stat().st_mode & 0o777 == 0o600
    status = requests.post(
        f"http://127.0.0.1:{made.port}/hansa/api/admin.server.status",
        json={},
        auth=("admin", password),
        timeout=30,
    )
    assert status.ok


def test_the_curl_lines_that_it_prints_work_when_pasted(made):
    lines = [
        line.strip()
        for line in made.output.read_text().splitlines()
        if line.strip().startswith("curl ")
    ]
    assert len(lines) == 5
    for line in lines:
        script = line + " --fail-with-body --silent --show-error"

        def answered(script=script):
            done = subprocess.run(
                ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
            )
            return done.stdout if done.returncode == 0 else ""

        wait_until(answered, 30, line)  # the first job fills the cache a moment after the start


def test_it_is_a_cluster_whose_every_port_is_told(made):
    shown = made.cli("cluster", "status", "--json")
    servers = {server["name"]: server for server in json.loads(shown)["servers"]}
    assert {name: server["state"] for name, server in servers.items()} == {
        "server1": "ready",
        "server2": "ready",
    }
    listening = {
        c.laddr.port
        for p in made.left()
        for c in p.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert len(listening) == 6
    printed = made.output.read_text()
    for port in listening:
        assert f"127.0.0.1:{port}" in printed
    assert not listening & {8183, 8184, 11224, 17010, 17011}


def test_https_is_served_beside_http_with_a_certificate_of_its_authority(made):
    (url,) = re.findall(r"^HTTPS for clients: (\S+),", made.output.read_text(), re.M)
    authority = made.directory / "ca/ca-material/ca-cert.pem"
    answer = requests.get(f"{url}/hansa/ready", timeout=10, verify=str(authority))
    assert answer.status_code == 200


def test_what_is_copied_into_the_pickup_folder_is_deployed(made):
    assert f"copy a .py file into {made.directory / 'pickup'}" in made.output.read_text()
    (made.directory / "pickup/copied.py").write_text(
        "from hansa import Service\n\n\n"
        "class Tell(Service):\n"
        "    def handle(self):\n"
        "        return {'told': 1}\n"
    )
    wait_until(lambda: "copied.tell" in made.cli("service", "list"), 20)
    assert json.loads(made.cli("invoke", "copied.tell")) == {"told": 1}


def test_the_treasury_example_runs(made):
    url = f"http://127.0.0.1:{made.port}"
    lines = re.findall(r"^curl .*$", (TOP / "examples/treasury/README.md").read_text(), re.M)
    answers = []
    for line in lines:
        line = line.replace("http://127.0.0.1:11223", url)

        def answered(line=line):
            done = subprocess.run(
                ["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout if "not found" not in done.stdout.lower() else ""

        answers.append(wait_until(answered, 30, line))
    assert '"rate":"1.22"' in answers[0]
    assert ">1.22<" in answers[1]
    assert "definitions" in answers[2]


def test_only_loopback_is_listened_on(made):
    listening = {
        c.laddr.ip
        for p in made.left()
        for c in p.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_installing_again_is_quick_and_does_nothing(made):
    began = time.monotonic()
    done = subprocess.run(
        ["make", "--no-print-directory", "install"],
        cwd=made.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - began < 2


def test_a_left_over_folder_is_no_plugin(made):
    listed = subprocess.check_output(
        [made.folder / ".venv/bin/python", "-m", "pip", "list"], text=True, timeout=60
    )
    assert "hansa-gone" not in listed
    assert "hansa-http" in listed


def test_ctrl_c_leaves_no_process(made):
    made.interrupt()
    wait_until(lambda: not made.left(), 5)
    assert "Traceback" not in made.output.read_text()


def test_an_old_python_is_told_so(tmp_path):
    (tmp_path / "tools").mkdir()
    shutil.copy2(TOP / "tools/install.sh", tmp_path / "tools")
    (tmp_path / "core").mkdir()
    for file in ("core/pyproject.toml", "requirements.lock"):
        shutil.copy2(TOP / file, tmp_path / file)
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["tools/install.sh"],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11" in done.stderr
