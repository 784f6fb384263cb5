"""What was in server.conf, in `config.toml`: a server that is told nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

SOURCE = '''
from zato.server.service import Service


class Get(Service):
    """Returns the rate of a day."""

    name = "rates.get"

    def handle(self):
        self.response.payload = {"day": self.request.http.params["day"]}


class Note(Service):
    """Notes by which type of job it is called."""

    name = "rates.note"

    def handle(self):
        path = self.server.base_dir + "/jobs.txt"
        with open(path, "a") as file:
            file.write(f"{self.job_type} {self.request.raw_request}\\n")
'''
CONFIG = """
[server]
name = "billing"
cluster = "east"
workers = 2

[http]
address = "127.0.0.1:PORT"

[services]
files = ["rates.py"]

[channel.http.rate]
url_path = "/rate/{day}"
method = "GET"
service = "rates.get"
format = "json"

[channel.schedule.once]
job_type = "one_time"
start = "2035-01-01T00:00:00Z"
service = "rates.note"
payload = "a"

[channel.schedule.each]
job_type = "interval_based"
hours = 100
start = "2035-01-01T00:00:00Z"
service = "rates.note"
payload = "b"

[channel.schedule.yearly]
job_type = "cron_style"
cron = "0 0 1 1 *"
service = "rates.note"
payload = "c"
"""


class ByConfiguration(RunningServer):
    """A server that gets no settings by its command line."""

    def options(self) -> list[str]:
        return ["--config", str(self.config), "--dir", str(self.dir)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ByConfiguration]:
    folder: Path = tmp_path_factory.mktemp("configured")
    (folder / "rates.py").write_text(SOURCE)
    made = ByConfiguration(folder, plugins=["zato", "scheduler"])
    made.config.write_text(CONFIG.replace("PORT", str(made.port)) + made.config.read_text())
    made.start()
    yield made
    made.stop()


def test_names_address_and_number_of_workers(server: ByConfiguration) -> None:
    found = server.api("admin.server.status")
    assert found["cluster"] == "east"
    assert {one["server"] for one in found["workers"].values()} == {"billing"}
    wait_until(lambda: len(server.api("admin.server.status")["workers"]) == 2)
    assert requests.get(f"http://127.0.0.1:{server.port}/zato/ping", timeout=60).ok


def test_services_of_files_that_it_names(server: ByConfiguration) -> None:
    """Also that a path has variables, and a channel its methods."""
    assert server.get("/rate/2013-09-03").json() == {"day": "2013-09-03"}
    assert server.post("/rate/2013-09-03", {}).status_code == 405
    assert server.get("/rate/2013/09").status_code == 404


def test_jobs_of_each_type(server: ByConfiguration) -> None:
    for name in ("once", "each", "yearly"):
        server.api("admin.channel.schedule.run", name=name)
    noted = server.dir / "jobs.txt"
    wait_until(lambda: noted.exists() and len(noted.read_text().splitlines()) == 3, seconds=60)
    assert sorted(noted.read_text().splitlines()) == [
        "cron_style c",
        "interval_based b",
        "one_time a",
    ]
