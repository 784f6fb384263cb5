"""A configuration of Zato comes over to a running server, in each of its forms, and its channels answer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.waiting import wait_until
from hansa_zato.command.enmasse import enmasse

from plugins.zato.tests.enmasse_files import (
    SERVICES,
    VARIABLES,
    minimal,
    of_2_0,
    of_3_x,
    pubsub,
    write_json,
    write_yaml,
)
from tests.commands import hansa
from tests.parallel import Shared

CHANNELS = 60
ADA = ("ada", VARIABLES["SECURITY_BASIC_PARTNER_PASSWORD"])
TILL = {"X-Till-Key": VARIABLES["SECURITY_APIKEY_TILL_KEY"]}
SOAP = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    "<request><day>2013-09-03</day></request></s:Body></s:Envelope>"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared, valkey: str) -> RunningServer:
    @contextlib.contextmanager
    def start() -> Iterator[RunningServer]:
        with servers(tmp_path_factory.mktemp("moved")) as make:
            yield make(f'[redis]\naddress = "{valkey}"\n', workers=1)

    return of_unit.get("moved", start)


@pytest.fixture(autouse=True)
def variables(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HANSA_ADMIN_PASSWORD", server.password)


def imported(server: RunningServer, *words: str, code: int = 0) -> dict[str, Any]:
    done = hansa(server, "import", "zato", *words, "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def exported(server: RunningServer, form: str) -> str:
    return hansa(server, "zato", "export", "-", "--form", form).stdout


def answers(server: RunningServer) -> None:
    rate = {"response": {"rate": "1.22", "day": "2013-09-03"}}
    wait_until(lambda: server.get("/rates/0/2013-09-03").ok, 60)
    assert server.get("/rates/0/2013-09-03").json() == rate
    assert server.post("/rates/1/2013-09-03", auth=ADA).json() == rate
    assert server.post("/rates/1/2013-09-03").status_code == 401
    last = CHANNELS - 1
    assert server.post(f"/rates/{last}/2013-09-03", auth=ADA).json() == rate
    soap = server.post("/rates.soap", SOAP, headers={"SOAPAction": "get-rate"})
    assert "<rate>1.22</rate>" in soap.text


def topics(server: RunningServer) -> None:
    """What is published is pushed to a service, and kept for those who pull."""
    text = "a rate of 1.22"
    wait_until(lambda: len(server.api("admin.pubsub.status")["subscriptions"]) == 4, 60)
    server.api("admin.pubsub.publish", topic="rates.new", data=text)
    wait_until(lambda: text in server.log(), 60)
    for subscription in ("partner.rates.new", "partner.rates.**"):
        held = server.api("admin.pubsub.list", subscription=subscription)["items"]
        assert [one["topic"] for one in held] == ["rates.new"]


def test_a_configuration_comes_over(server: RunningServer, tmp_path: Path):
    file = str(write_json(tmp_path / "zato.json", of_2_0(CHANNELS)))

    # without its services nothing is imported, and each channel is told with its line
    missing = imported(server, file, "--apply", code=1)
    lacking = [one for one in missing["findings"] if one["code"] == "E12"]
    assert len(lacking) == CHANNELS + 10
    assert all(one["file"] == file and one["line"] for one in lacking)
    server.deploy("rates.py", SERVICES)

    # a plan changes nothing
    planned = imported(server, file)
    left_out = [one["name"] for one in planned["findings"] if one["code"] == "W20"]
    assert len(left_out) == 2
    assert {one["action"] for one in planned["changes"]} == {"create"}
    assert server.get("/rates/0/2013-09-03").status_code == 404
    secrets = json.dumps(planned)
    hidden = [value for name, value in VARIABLES.items() if "KNOWN_HOSTS" not in name]
    assert not [secret for secret in hidden if secret in secrets]

    # it comes over as one change, and answers
    applied = imported(server, file, "--apply")
    assert len(applied["applied"]["changes"]) == len(planned["changes"]) == CHANNELS + 39
    answers(server)

    # again, and as 3.x has it, it is the same
    assert imported(server, file, "--apply")["changes"] == []
    yml = str(write_yaml(tmp_path / "zato.yml", of_3_x(CHANNELS)))
    assert imported(server, yml, "--check", code=5)["changes"] == []
    answers(server)


def test_exports_bring_an_empty_server_back(server: RunningServer, tmp_path: Path):
    empty = write_json(tmp_path / "empty.json", {})
    for form in ("2.0", "3.x"):
        before = exported(server, form)
        file = tmp_path / f"export-{form}"
        file.write_text(before)
        assert imported(server, str(file), "--check")["changes"] == []
        hansa(server, "apply", str(empty), "--prune")
        wait_until(lambda: server.get("/rates/0/2013-09-03").status_code == 404, 60)
        imported(server, str(file), "--apply")
        assert exported(server, form) == before
        answers(server)


def test_a_minimal_file_comes_over(server: RunningServer, tmp_path: Path):
    hansa(server, "apply", str(write_json(tmp_path / "empty.json", {})), "--prune")
    config = {**minimal(CHANNELS), **pubsub()}
    file = str(write_yaml(tmp_path / "enmasse.yml", config))
    applied = imported(server, file, "--apply")
    assert [one["name"] for one in applied["findings"] if one["code"] == "W20"] == ["issues"]
    wait_until(lambda: server.get("/all/x", auth=ADA).ok, 60)
    assert server.post(f"/rates/{CHANNELS - 1}/x", auth=ADA).json()["response"]["day"] == "x"
    assert server.get("/all/x", auth=ADA).status_code == 200
    assert server.get("/all/x", headers=TILL).status_code == 200
    assert server.get("/all/x").status_code == 401
    topics(server)
    before = exported(server, "minimal")
    assert VARIABLES["SECURITY_APIKEY_TILL_KEY"] not in before
    again = tmp_path / "again.yml"
    again.write_text(before)
    assert imported(server, str(again), "--check")["changes"] == []

    # a topic is the same definition, whatever name that has
    old = server.api("admin.topic.get", name="rates.old")
    server.api("admin.topic.delete", name="rates.old")
    settings = {name: old[name] for name in ("topic", "max_depth", "publishers", "subscribers")}
    server.api("admin.topic.create", name="before", **settings)
    assert imported(server, str(again), "--check")["changes"] == []


def test_the_words_of_zato(server: RunningServer, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = [str(server.folder), "--server-url", server.url]
    config = {"channel_plain_http": of_2_0()["channel_plain_http"][:1]}
    file = write_json(tmp_path / "input.json", config)
    hansa(server, "apply", str(write_json(tmp_path / "empty.json", {})), "--prune")

    assert enmasse([*where, "--import", "--input", str(file)]) == 0
    assert capsys.readouterr().out == "Created object 'rates-0' (channel_plain_http)\n"
    assert enmasse([*where, "--import", "--input", str(file)]) == 0
    assert capsys.readouterr().out == "Nothing to change\n"

    config["channel_plain_http"][0]["url_path"] = "/moved"
    write_json(file, config)
    assert enmasse([*where, "--import", "--input", str(file)]) == 1
    table = capsys.readouterr().out
    assert "1 warnings and 0 errors found:" in table
    assert "warn0001/W01" in table
    assert enmasse([*where, "--import", "--input", str(file), "--replace-odb-objects"]) == 0
    assert capsys.readouterr().out == "Updated object 'rates-0' (channel_plain_http)\n"

    (tmp_path / "job.json").write_text('{"name": "job"}')
    write_json(file, {"scheduler": ["file://job.json"]})
    assert enmasse([*where, "--export-local", "--export-odb", "--input", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "Includes merged in successfully",
        "ODB objects read",
        "ODB objects merged in",
    ]
    (path,) = tmp_path.glob("zato-export-*.json")
    assert said[3] == f"Data exported to {path}"
    assert {key: len(items) for key, items in json.loads(path.read_text()).items()} == {
        "channel_plain_http": 1,
        "scheduler": 1,
    }
    write_json(file, {"channel_amqp": [{"name": "a", "def_name": "rabbit"}]})
    local = [*where, "--export-local", "--input", str(file)]
    assert enmasse(local) == 1
    assert "warn0001/W02" in capsys.readouterr().out
    assert enmasse([*local, "--ignore-missing-defs", "--output", "merged.json"]) == 0
    assert (tmp_path / "merged.json").exists()
    capsys.readouterr()
    write_json(file, {"scheduler": ["file://gone.json"]})
    assert enmasse([*where, "--export-local", "--input", str(file)]) == 1
    assert "err0001/E02" in capsys.readouterr().out
