"""Helper modules and packages change under load: no request fails, each is answered by one version
of everything.
"""

from __future__ import annotations

import shutil
import subprocess
import time
import zipfile

import pytest

from tests.scenarios.load import Load, handled

USES = '''
import os

import rates.tables
from hansa import Model, Service
from rates import FIRST


class Count(Service):
    """Writes its number down, and answers with the version as three modules know it.

    One of them is imported late.
    """

    class Input(Model):
        number: int

    class Output(Model):
        number: int
        version: int
        again: int

    def handle(self):
        from rates.deep.late import LATE, same

        file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, b"%d\\n" % self.request.input.number)
        finally:
            os.close(file)
        same(FIRST, LATE)
        return self.Output(number=self.request.input.number, version=FIRST, again=rates.tables.VERSION)
'''


def rates(version: int, **changed: str) -> dict[str, str]:
    """The helper package in one version."""
    return {
        "rates/__init__.py": "from .tables import VERSION as FIRST\n",
        "rates/tables.py": f"VERSION = {version}\n",
        "rates/deep/__init__.py": "",
        "rates/deep/late.py": f"from ..tables import VERSION\nLATE = {version}\n"
        "def same(*versions):\n    assert {*versions, VERSION, LATE} == {LATE}, versions\n",
        **{f"rates/{name}.py": text for name, text in changed.items()},
    }


def write(top, files) -> None:
    """Put files below a folder, from which whatever was there goes."""
    shutil.rmtree(top, ignore_errors=True)
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


@pytest.mark.proof
def test_helpers_change_under_load(start_server, api_error, wait, tmp_path):
    server = start_server('[log]\nlevel = "INFO"\n', workers=2)
    written, pickup, source = tmp_path / "written", server.dir / "pickup", tmp_path / "source"
    server.api(
        "admin.service.deploy", files={"live.py": USES.format(path=str(written)), **rates(1)}
    )
    server.api(
        "admin.channel.http.create",
        name="live",
        url_path="/live",
        service="live.count",
        format="json",
    )

    def copy(version: int) -> None:
        # an unfinished copy is seen by nobody: folders are waited for
        write(source, rates(version))
        subprocess.run(["cp", "-r", source / "rates", pickup], check=True)
        wait(lambda: server.post("/live", {"number": 0}).json()["version"] == version, 10)

    def command(version: int) -> None:
        write(source, rates(version))
        server.cli("deploy", str(source / "rates"))

    def archive(version: int) -> None:
        with zipfile.ZipFile(tmp_path / "rates.zip", "w") as opened:
            for path, text in rates(version).items():
                opened.writestr(path, text)
        server.cli("deploy", str(tmp_path / "rates.zip"))

    def api(version: int) -> None:
        answer = server.api("admin.service.deploy", files=rates(version))
        assert [p["file"] for p in answer["packages"]] == ["rates/"]

    newest = 1
    since: list[tuple[float, int]] = []  # from when on which version must answer
    with Load(server.port, "/live", clients=12) as load:
        for round, change in enumerate([copy, command, archive, api] * 3):
            newest += 1
            change(newest)
            if change is not copy:  # the command and the API have waited for all workers
                since.append((time.monotonic(), newest))
            if round % 3 == 1:
                with pytest.raises(api_error) as caught:
                    server.api("admin.service.deploy", files=rates(99, __init__="OTHER = 1\n"))
                assert (
                    "live.py, line 6: ImportError: cannot import name 'FIRST' from 'rates'"
                    in str(caught.value)
                )
        assert [
            p["version"] for p in server.api("admin.service.packages", filter="rates")["items"]
        ] == [newest]
        back = time.monotonic()
        server.cli("service", "rollback", "rates/")

    assert len(load.answers) > 200
    assert not load.faults, f"{len(load.faults)} of {len(load.answers)}: {load.faults[:5]}"
    assert not [answer for answer in load.answers if answer.refused]
    times = handled(written)
    assert {answer.number for answer in load.answers} <= set(times)
    assert not {number: count for number, count in times.items() if count > 1 and number}
    assert {answer.version for answer in load.answers} >= {newest - 1, newest}
    for moment, version in since:
        stale = [
            answer
            for answer in load.answers
            if moment < answer.began < back and answer.version < version
        ]
        assert not stale, f"version {version} was applied everywhere, and then: {stale[:3]}"
    assert server.post("/live", {"number": 0}).json()["version"] == newest - 1

    server.stop()
    server.start()
    answer = server.post("/live", {"number": 0}).json()
    assert answer == {"number": 0, "version": newest - 1, "again": newest - 1}, (
        "they come from the ODB"
    )
    answer = server.cli("service", "packages").stdout
    assert "live.py" in answer
    assert "rates/deep/late.py" in answer
    refused = server.cli("service", "delete", "rates/", check=False)
    assert (refused.returncode, "rates is imported by live.py" in refused.stderr) == (1, True)


@pytest.mark.proof
def test_100_versions_of_a_helper_leak_nothing(start_server, tmp_path):
    server = start_server('[log]\nlevel = "WARNING"\n', workers=1)
    users = {f"live{n}.py": USES.format(path=str(tmp_path / "written")) for n in range(3)}
    server.api("admin.service.deploy", files={**users, **rates(1)})
    server.api(
        "admin.channel.http.create",
        name="live",
        url_path="/live",
        service="live0.count",
        format="json",
    )

    def used(first: int, last: int) -> int:
        for version in range(first, last):
            server.api("admin.service.deploy", files=rates(version))
            assert server.post("/live", {"number": 0}).json()["version"] == version
        return sum(
            process.memory_info().rss
            for process in server.processes()
            if process.pid != server.process.pid
        )

    before = used(2, 12)
    grown = (used(12, 112) - before) / 2**20
    assert grown <= 5, f"{grown:.1f} MiB"


def test_a_changed_helper_answers_as_soon_as_a_changed_service(start_server, wait, tmp_path):
    """Both share whatever else the machine does."""
    server = start_server(workers=2, plugins=["pickup", "redis"])
    plain = (
        "from hansa import Service\n"
        "VERSION = {version}\n"
        "class A(Service):\n"
        "    def handle(self):\n"
        "        return VERSION\n"
    )
    files = {"plain.py": plain.format(version=1), "helpers.py": "VERSION = 1\n"}
    uses = plain.replace("VERSION = {version}", "from helpers import VERSION")
    server.api("admin.service.deploy", files={**files, "uses.py": uses})
    for name in ("plain", "uses"):
        server.api(
            "admin.channel.http.create",
            name=name,
            url_path=f"/{name}",
            service=f"{name}.a",
            format="json",
        )
    took: dict[str, list[float]] = {"plain": [], "uses": []}
    for version in range(2, 9):
        for name, file, text in (
            ("plain", "plain.py", plain.format(version=version)),
            ("uses", "helpers.py", f"VERSION = {version}\n"),
        ):
            (server.dir / "pickup" / file).write_text(text)
            copied = time.monotonic()
            wait(lambda wanted=version, name=name: server.get(f"/{name}").json() == wanted, 10)
            took[name].append(time.monotonic() - copied)
    assert sorted(took["uses"])[3] <= 1.5 * sorted(took["plain"])[3], took
