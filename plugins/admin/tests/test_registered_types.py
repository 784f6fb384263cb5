"""What a form needs to know of a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server


def test_types_are_listed(server: Server) -> None:
    listed = server.call("admin.type.list", {"kind": "outgoing"})
    found = {one["type"]: one for one in listed["items"]}
    assert listed["total"] == len(found) and set(found) == {"http", "sql"}
    assert found["sql"]["plugin"] == "sql" and found["sql"]["title"]
    assert {"create", "edit", "delete", "get", "list", "ping", "test"} <= set(
        found["sql"]["actions"]
    )


def test_a_type_is_described_once(server: Server) -> None:
    asked = {"kind": "channel", "type": "http"}
    found = server.call("admin.type.get", asked)
    assert (found["plugin"], found["unchanged"]) == ("http", False)
    assert sorted(found["required"]) == ["service", "url_path"]
    assert found["defaults"]["method"] == "" and found["refers"]["service"] == "service"
    groups = [group["name"] for group in found["groups"]]
    assert groups[-2:] == ["ChannelSettings", "DefinitionSettings"]
    assert "service" in found["groups"][-2]["settings"]
    actions = {action["action"]: action for action in found["actions"]}
    assert actions["ping"]["service"] == "admin.channel.http.ping"
    assert (actions["ping"]["right"], actions["create"]["right"]) == ("operate", "develop")
    jsonschema.Draft202012Validator.check_schema(found["schema"])
    valid = jsonschema.Draft202012Validator(found["schema"])
    assert valid.is_valid({**found["defaults"], "url_path": "/a", "service": "rates.plain"})
    again = server.call("admin.type.get", {**asked, "if_digest": found["digest"]})
    assert again["unchanged"] and again["digest"] == found["digest"] and not again["schema"]
    secret = server.call("admin.type.get", {"kind": "security", "type": "basic"})
    assert secret["secrets"] == ["password"] and "password" not in secret["defaults"]
    assert server.call("admin.type.get", {"kind": "security", "type": "apikey"})["generates"]
    assert server.api("admin.type.get", {"kind": "channel", "type": "none"}).status == 404


def test_a_run_and_a_plan_are_actions_of_a_job(server: Server) -> None:
    found = server.call("admin.type.get", {"kind": "channel", "type": "schedule"})
    assert {"run", "next"} <= {action["action"] for action in found["actions"]}
