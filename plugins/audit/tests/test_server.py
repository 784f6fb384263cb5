"""The audit log of a real server: by the admin API, the command line, the pickup folder and a
configuration, refused attempts, and a database that somebody has changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

CONFIG = """
[security.basic.ops]
username = "olga"
password = "a-long-enough-password-of-olga"

[channel.http.door]
url_path = "/door"
service = "admin.service.delete"
security = "ops"
"""
SOURCE = (
    "from hansa import Service\n\n\nclass Get(Service):\n    def handle(self):\n        return {}\n"
)
OLGA = ("olga", "a-long-enough-password-of-olga")


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    return start_shared_server(CONFIG, workers=1, plugins=["audit", "limits", "pickup", "roles"])


def records(server: RunningServer, **conditions: Any) -> list[dict[str, Any]]:
    """Records, the oldest first."""
    found: list[dict[str, Any]] = server.api("admin.audit.list", **conditions)["items"]
    return found[::-1]


@pytest.mark.evidence("real_server")
def test_every_way_of_changing_something_is_recorded(server: RunningServer):
    (declared,) = records(server, by="config.toml", text="channel http door")
    assert set(declared["changes"]) == {
        "define channel http door",
        "define security basic ops",
    }
    server.deploy("rates.py", SOURCE)
    server.deploy("rates.py", SOURCE + "\n# again\n")
    server.api("admin.service.rollback", file="rates.py", version=1)
    created = server.api(
        "admin.channel.http.create", name="rates", url_path="/rates", service="rates.get"
    )
    hansa(server, "channel", "http", "edit", "rates", "--limits-timeout", "5")
    with pytest.raises(ApiError):
        server.api("admin.channel.http.edit", name="rates", url_path="no path", headers={"A": "b"})
    server.api("admin.channel.http.list")
    (server.dir / "pickup").mkdir(exist_ok=True)
    (server.dir / "pickup" / "dropped.py").write_text(SOURCE)
    wait_until(lambda: records(server, by="pickup"))
    found = [
        (one["by"], one["service"], one["names"], one["changes"], one["outcome"])
        for one in records(server, since=declared["at"] + 0.000001)
        if one["service"] != "admin.plugin.reload"
    ]
    package = "service package rates.py"
    channel = "define channel http rates"
    assert found == [
        ("admin", "admin.service.deploy", ["rates.py"], [f"deploy {package}"], "ok"),
        ("admin", "admin.service.deploy", ["rates.py"], [f"deploy {package}"], "ok"),
        (
            "admin",
            "admin.service.rollback",
            ["rates.py", "version 1"],
            [f"rollback {package}"],
            "ok",
        ),
        ("admin", "admin.channel.http.create", ["rates"], [channel], "ok"),
        ("admin", "admin.channel.http.edit", ["rates"], [channel], "ok"),
        ("admin", "admin.channel.http.edit", ["rates"], [], "invalid"),
        ("pickup", "", [], ["deploy service package dropped.py"], "ok"),
    ]
    (record,) = records(server, service="http.create")
    assert record["revision"] == created["revision"]
    assert (record["address"], record["definition"]) == ("127.0.0.1", "admin")
    assert record["settings"] == ["service", "url_path"]


def test_refused_attempts_and_other_doors_are_recorded(server: RunningServer):
    wrong = server.post("/hansa/api/admin.channel.http.delete", {}, auth=("admin", "a guess"))
    assert wrong.status_code == 401
    (record,) = records(server, outcome="unauthorized")
    assert (record["service"], record["by"]) == ("admin.channel.http.delete", "")
    assert (record["address"], record["cid"]) == ("127.0.0.1", wrong.headers["X-Hansa-CID"])
    assert record["channel"] == "http admin.api"
    evil = {"Origin": "https://evil.example.com"}
    auth = ("admin", server.password)
    path = "/hansa/api/admin.channel.http.delete"
    assert server.post(path, {}, auth=auth, headers=evil).status_code == 403
    assert len(records(server, outcome="forbidden")) == 1
    assert server.post("/door", {"name": "nothing"}, auth=OLGA).status_code == 404
    (record,) = records(server, by="olga")
    assert (record["service"], record["outcome"]) == ("admin.service.delete", "not-found")
    assert (record["channel"], record["names"]) == ("http door", ["nothing"])
    assert server.post("/door", {}, auth=("olga", "wrong")).status_code == 401
    server.api("admin.account.create", name="olga", credentials=["ops"], roles=["viewer"])
    assert server.post("/door", {"name": "rates"}, auth=OLGA).status_code == 403
    (record,) = records(server, by="olga", outcome="forbidden")
    assert (record["account"], record["roles"]) == ("olga", ["viewer"])
    assert (record["service"], record["names"]) == ("admin.service.delete", ["rates"])
    server.api("admin.account.delete", name="olga")
    text = json.dumps(server.api("admin.audit.list", limit=10_000))
    for secret in (server.password, OLGA[1], "a guess", "class Get"):
        assert secret not in text


def test_the_list_has_filters_and_pages(server: RunningServer):
    whole = server.api("admin.audit.list", limit=10_000)
    assert whole["total"] == len(whole["items"]) > 5
    page = server.api("admin.audit.list", offset=1, limit=2)
    assert (page["items"], page["total"]) == (whole["items"][1:3], whole["total"])
    moment = whole["items"][3]["at"]
    later = server.api("admin.audit.list", since=moment)["items"]
    assert later == whole["items"][:4]
    assert server.api("admin.audit.list", until=moment)["items"] == whole["items"][3:]
    listed = hansa(server, "audit", "list", "--service", "deploy", "--outcome", "ok").stdout
    assert "deploy service package rates.py" in " ".join(listed.split())
    assert "rollback" not in listed


def test_what_is_exported_is_what_was_hashed(server: RunningServer):
    lines = hansa(server, "audit", "export").stdout.splitlines()
    numbers = [json.loads(line)["number"] for line in lines]
    assert numbers == list(range(1, len(lines) + 1))
    file = server.folder / "audit.jsonl"
    file.write_text("\n".join(lines) + "\n")
    assert hansa(server, "audit", "verify", "--file", str(file)).returncode == 0
    lines[4] = lines[4].replace('"by":"', '"by":"x')
    file.write_text("\n".join(lines) + "\n")
    found = hansa(server, "audit", "verify", "--file", str(file), check=False)
    assert (found.returncode, found.stdout.startswith("6: does not follow")) == (1, True)


def test_a_changed_database_is_found_also_after_a_restart(server: RunningServer):
    assert "the newest" in hansa(server, "audit", "verify").stdout
    found = server.api("admin.audit.verify")
    assert (found["faults"], found["end_known"]) == ([], True)
    server.stop()
    with closing(sqlite3.connect(server.dir / "odb.sqlite")) as odb:
        change = "UPDATE journal SET text = replace(text, 'rates.py', 'other.py') WHERE number = 3"
        assert odb.execute(change).rowcount == 1
        ((last,),) = odb.execute("SELECT max(number) FROM journal")
        odb.execute("DELETE FROM journal WHERE number = ?", (last,))
        odb.commit()
    server.start()
    server.api("admin.channel.http.delete", name="rates")
    faults = server.api("admin.audit.verify")["faults"]
    assert [fault["number"] for fault in faults] == [4, last]
    assert "was gone, or changed" in faults[1]["fault"]
    verified = server.cli("audit", "verify", check=False)
    assert (verified.returncode, "4: does not follow the record 3" in verified.stdout) == (1, True)
