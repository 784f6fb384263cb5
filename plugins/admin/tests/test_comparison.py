"""Two clusters compared: by object and setting, and secrets only by whether they differ."""

from __future__ import annotations

import copy
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from hansa import Invalid
from hansa_admin.comparison import HASH, MARK, compared

from plugins.admin.tests.test_config import WANTED, apply

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

SALT = secrets.token_hex(32)
PASSWORD = "an outgoing password"
SQL = {
    "engine": "postgresql",
    "host": "127.0.0.1",
    "database": "crm",
    "username": "crm",
    "password": PASSWORD,
    "active": False,
}


def describe(server: Server, salt: str = SALT, **options: Any) -> Any:
    return server.call("admin.config.describe", {"salt": salt, **options})


def compare(server: Server, other: Any, **options: Any) -> Any:
    return server.call("admin.config.compare", {"salt": SALT, "other": other, **options})


@pytest.fixture
def configured(server: Server) -> Server:
    apply(server, {**WANTED, "outgoing": {"sql": {"crm": SQL}}})
    return server


def test_a_cluster_is_the_same_as_itself(configured: Server) -> None:
    found = compare(configured, describe(configured, services=True), services=True)
    assert (found["items"], found["total"]) == ([], 0)
    assert found["same"] == 5 + len(
        configured.call("admin.config.export", {"services": True})["services"]
    )


def test_no_secret_is_in_a_description(configured: Server) -> None:
    text = json.dumps(describe(configured))
    export = json.dumps(configured.call("admin.config.export"))
    assert PASSWORD not in text and "s3cret-word" not in text
    for secret in ("$encrypted", "$argon2", "$pbkdf2"):
        assert secret not in text
    assert "$encrypted" in export
    crm = describe(configured)["definitions"]["outgoing"]["sql"]["crm"]
    assert crm["password"].keys() == {MARK}
    assert describe(configured)["definitions"]["security"]["basic"]["partner"][
        "password"
    ].keys() == {HASH}
    other = describe(configured, salt=secrets.token_hex(32))
    assert crm["password"] != other["definitions"]["outgoing"]["sql"]["crm"]["password"]


def test_what_differs_is_told_by_object_and_setting(configured: Server) -> None:
    other = describe(configured, services=True)
    definitions = other["definitions"]
    definitions["channel"]["http"]["one"]["url_path"] = "/elsewhere"
    definitions["channel"]["http"]["third"] = definitions["channel"]["http"].pop("two")
    definitions["outgoing"]["sql"]["crm"]["password"] = {MARK: "of another secret"}
    definitions["security"]["basic"]["partner"]["password"] = {HASH: "another salt"}
    other["defaults"]["channel"]["http"]["active"] = False
    other["services"]["rates.py"] += "# there\n"
    found = compare(configured, other, services=True)
    rows = {(one["result"], one["kind"], one["name"]): one for one in found["items"]}
    assert rows.keys() == {
        ("differs", "outgoing", "crm"),
        ("unknown", "security", "partner"),
        ("differs", "channel", "one"),
        ("only_here", "channel", "two"),
        ("only_there", "channel", "third"),
        ("differs", "service", "rates.py"),
    }
    assert rows["differs", "outgoing", "crm"]["settings"] == {
        "password": {"here": "********", "there": "********", "secret": True, "result": "differs"}
    }
    assert rows["unknown", "security", "partner"]["settings"]["password"]["result"] == "unknown"
    assert rows["differs", "channel", "one"]["settings"] == {
        "active": {"here": True, "there": False, "secret": False, "result": "differs"},
        "url_path": {
            "here": "/one/{country}",
            "there": "/elsewhere",
            "secret": False,
            "result": "differs",
        },
    }
    assert rows["only_here", "channel", "two"]["settings"]["url_path"]["here"] == "/two"
    assert "-# there" in rows["differs", "service", "rates.py"]["source"]
    assert found["counts"] == {"differs": 3, "unknown": 1, "only_here": 1, "only_there": 1}
    part = compare(configured, other, result="only_here", filter="HTTP")
    assert [one["name"] for one in part["items"]] == ["two"]
    page = compare(configured, other, offset=1, limit=2)
    assert len(page["items"]) == 2 and page["total"] == 5


def test_the_same_secret_is_the_same_in_another_ciphertext(configured: Server) -> None:
    before = describe(configured)
    configured.call("admin.outgoing.sql.edit", {"name": "crm", "password": "meanwhile"})
    assert compare(configured, before)["counts"]["differs"] == 1
    configured.call("admin.outgoing.sql.edit", {"name": "crm", "password": PASSWORD})
    assert compare(configured, before)["items"] == []


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ({"definitions": {"channel": 1}, "defaults": {}}, "other"),
        ({"definitions": {"channel": {"http": {"one": 1}}}, "defaults": {}}, "other"),
        ({"definitions": {}, "defaults": {"channel": []}, "more": 1}, "other.more"),
        ({}, "other.definitions"),
    ],
)
def test_what_is_no_description_is_refused(server: Server, other: Any, fault: str) -> None:
    answer = server.api("admin.config.compare", {"salt": SALT, "other": other})
    assert answer.status == 400 and fault in answer.json["errors"], answer.json


def test_a_short_salt_is_refused(server: Server) -> None:
    answer = server.api("admin.config.describe", {"salt": "short"})
    assert answer.status == 400 and "salt" in answer.json["errors"]


def test_secrets_deep_in_settings() -> None:
    deep = {"headers": [{"name": "a", "value": {MARK: "1"}}, {"name": "b", "value": {HASH: "2"}}]}
    here = {"definitions": {"outgoing": {"telegraph": {"x": deep}}}, "defaults": {}}
    there = copy.deepcopy(here)
    values = there["definitions"]["outgoing"]["telegraph"]["x"]["headers"]
    values[1]["value"] = {HASH: "3"}
    [[one], same] = compared(here, there)
    assert (one.result, same) == ("unknown", 0)
    values[0]["value"] = {MARK: "4"}
    [[one], _] = compared(here, there)
    assert one.result == "differs" and one.settings["headers"].secret
    assert '"1"' not in json.dumps(one.settings["headers"].here)
    with pytest.raises(Invalid):
        compared({}, here)
