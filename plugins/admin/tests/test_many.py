"""Services that look at definitions of all types, or change many: list, users, change, search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

ROUTE = {"service": "rates.get-rate", "format": "json"}


def edit(kind: str, type: str, name: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "type": type, "name": name, **more}


def route(name: str, **settings: Any) -> dict[str, Any]:
    settings = {"url_path": f"/{name}", **ROUTE, **settings}
    return edit("channel", "http", name, mode="create", settings=settings)


SECRET = {"key": "k" * 16 + "0123456789abcdefXYZ"}
KEY = edit("security", "apikey", "partner", mode="create", settings=SECRET)


def change(server: Server, edits: Iterable[dict[str, Any]], *, plan: bool = False) -> Any:
    return server.call("admin.definition.change", {"edits": list(edits), "plan": plan})


@pytest.fixture
def filled(server: Server) -> Server:
    change(
        server,
        [
            KEY,
            route("b", security="partner"),
            route("a", security=["partner"]),
            route("off", active=False),
        ],
    )
    return server


def listed(server: Server, **asked: Any) -> list[str]:
    asked = {"builtin": False, **asked}
    return [one["name"] for one in server.call("admin.definition.list", asked)["items"]]


def test_definitions_of_all_types_are_one_list(filled: Server) -> None:
    assert listed(filled) == ["a", "b", "off", "partner"]
    assert listed(filled, order="-name") == ["partner", "off", "b", "a"]
    assert listed(filled, order="type", limit=2, offset=2) == ["off", "partner"]
    assert listed(filled, kind="channel", filter="A") == ["a"]
    assert listed(filled, type="apikey") == ["partner"]
    assert listed(filled, state="inactive") == ["off"]
    assert listed(filled, state="unhealthy") == []
    assert listed(filled, service="rates.get-rate") == ["a", "b", "off"]
    asked = {"kind": "security", "fields": ["key", "active", "realm"], "users": True, "limit": 1}
    found = filled.call("admin.definition.list", {**asked, "filter": "partner"})
    (item,) = found["items"]
    assert (item["users"], item["state"], found["total"]) == (2, "running", 1)
    assert item["settings"] == {}, "a secret is not shown"
    assert item["by"] == "admin" and item["at"] > 1e9
    builtin = filled.call("admin.definition.list", {"filter": "admin.api"})["items"]
    assert [one["builtin"] for one in builtin] == [True]
    for faulty in ({"order": "why"}, {"limit": 0}, {"offset": -1}, {"fields": ["x"] * 51}):
        assert filled.api("admin.definition.list", faulty).status == 400


def test_what_does_not_run_is_found_by_its_state(filled: Server) -> None:
    gone = {"name": "gone", "engine": "postgresql", "database": "none", "port": 1}
    answer = filled.api("admin.outgoing.sql.create", gone)
    assert answer.status == 200, answer.raw
    assert listed(filled, state="unhealthy") == ["gone"]
    (item,) = filled.call("admin.definition.list", {"state": "unhealthy"})["items"]
    assert item["why"] and item["since"] > 0


def test_who_names_whom(filled: Server) -> None:
    found = filled.call(
        "admin.reference.users", {"kind": "security", "type": "apikey", "name": "partner"}
    )
    assert [(one["name"], one["setting"]) for one in found["items"]] == [
        ("a", "security"),
        ("b", "security"),
    ]
    found = filled.call("admin.reference.users", {"kind": "channel", "type": "http", "name": "a"})
    assert found["items"] == []
    assert [(one["kind"], one["name"], one["exists"]) for one in found["names"]] == [
        ("service", "rates.get-rate", True),
        ("format", "json", True),
        ("security", "partner", True),
    ]
    found = filled.call("admin.reference.users", {"kind": "service", "name": "rates.get-rate"})
    assert found["total"] == 3
    missing = {"kind": "service", "name": "rates.none"}
    assert filled.api("admin.reference.users", missing).status == 404


def test_many_edits_are_one_change_or_none(filled: Server) -> None:
    edits = [
        edit("channel", "http", "a", settings={"security": None}),
        edit("channel", "http", "b", mode="delete"),
        edit("channel", "http", "off", settings={"active": False}),
        edit("security", "apikey", "partner", mode="delete"),
    ]
    planned = change(filled, edits, plan=True)
    shown = [(one["action"], one["name"]) for one in planned["changes"]]
    assert shown == [("edit", "a"), ("delete", "b"), ("delete", "partner")]
    assert (planned["unchanged"], planned["revision"]) == (1, None)
    assert planned["changes"][0]["settings"] == {"security": {"old": ["partner"], "new": None}}
    assert "k" * 16 not in str(planned)
    assert listed(filled) == ["a", "b", "off", "partner"]
    faulty = [*edits, route("c", service="rates.none"), edit("channel", "http", "d", settings={})]
    refused = filled.api("admin.definition.change", {"edits": faulty})
    assert refused.status == 400
    assert set(refused.json["errors"]) == {"channel.http.c.service", "channel.http.d"}
    assert listed(filled) == ["a", "b", "off", "partner"]
    done = change(filled, edits)
    assert done["revision"] and done["not_running"] == []
    assert listed(filled) == ["a", "off"]
    revisions = {
        one["revision"] for one in filled.call("admin.definition.list", {"filter": "a"})["items"]
    }
    assert done["revision"] in revisions
    assert (
        change(filled, [edit("channel", "http", "off", settings={"active": False})])["revision"]
        is None
    )


def test_an_edit_of_what_was_changed_since_is_refused(filled: Server) -> None:
    seen = filled.call("admin.channel.http.get", {"name": "a"})["revision"]
    filled.call("admin.channel.http.edit", {"name": "a", "url_path": "/other"})
    edits = [edit("channel", "http", "a", settings={"url_path": "/mine"}, seen_revision=seen)]
    refused = filled.api("admin.definition.change", {"edits": edits})
    assert refused.status == 400 and "changed by somebody else" in str(refused.json["errors"])
    twice = [route("x"), route("x")]
    refused = filled.api("admin.definition.change", {"edits": twice})
    assert refused.json["errors"] == {"edits": "more than one of channel http x"}
    useless = [edit("channel", "http", "a", mode="delete", settings={"url_path": "/"})]
    assert filled.api("admin.definition.change", {"edits": useless}).status == 400
    assert filled.api("admin.definition.change", {"edits": []}).status == 400


def test_anything_is_found_by_a_part_of_it(filled: Server) -> None:
    def found(text: str) -> set[tuple[str, str, str]]:
        items = filled.call("admin.search", {"text": text})["items"]
        return {(one["group"], one["name"], one["where"]) for one in items}

    assert ("service", "rates.get-rate", "name") in found("GET-RATE")
    assert ("setting", "a", "service") in found("get-rate")
    assert ("definition", "partner", "name") in found("partner")
    assert ("setting", "a", "security[0]") in found("partner")
    assert ("type", "sql", "name") in found("sql")
    assert ("file", "rates.py", "name") in found("rates")
    assert found("k" * 16) == set() and found("$argon2id") == set(), "secrets are not searched"
    answer = filled.call("admin.search", {"text": "rate", "limit": 1})
    assert "setting" in answer["more"]
    assert filled.api("admin.search", {"text": ""}).status == 400
