"""Deploying, looking at and calling services; plugins and the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Server


SMALL = "from hansa import Service\nclass Count(Service):\n    '''Count.'''\n    def handle(self):\n        return {'n': VALUE}\n"


def version(number: int) -> dict[str, str]:
    return {"file": "small.py", "source": SMALL.replace("VALUE", str(number))}


def invoke(server: Server, name: str, payload: object = None) -> object:
    return server.call("admin.service.invoke", {"name": name, "payload": payload})["payload"]


def test_versions_come_and_go(server: Server) -> None:
    first = server.call("admin.service.deploy", version(1))
    assert first["services"] == ["small.count"]
    assert invoke(server, "small.count") == {"n": 1}
    second = server.call("admin.service.deploy", version(2))
    assert second["version"] == first["version"] + 1
    assert invoke(server, "small.count") == {"n": 2}
    back = server.call("admin.service.rollback", {"file": "small.py"})
    assert back["version"] == first["version"]
    assert invoke(server, "small.count") == {"n": 1}
    assert (
        server.call("admin.service.rollback", {"file": "small.count", "version": second["version"]})["version"]
        == second["version"]
    )
    shown = server.call("admin.service.get", {"name": "small.count"})
    assert shown["source"] == version(2)["source"]
    assert [(v["version"], v["current"]) for v in shown["versions"]] == [
        (first["version"], False),
        (second["version"], True),
    ]
    assert shown["versions"][0]["deployed_by"] == "admin"
    assert server.call("admin.service.delete", {"name": "small.count"})["name"] == "small.count"
    assert server.api("admin.service.invoke", {"name": "small.count"}).status == 404
    assert server.api("admin.service.rollback", {"file": "nothing.py"}).status == 404


def test_what_does_not_import_is_told_with_its_line_and_not_stored(server: Server) -> None:
    server.call("admin.service.deploy", version(1))
    for source, fault in (
        ("x = 1\ndef f(:\n", "line 2"),
        ("import nothing_of_this_name\n", "line 1"),
        ("x = 1\n", "no service"),
    ):
        answer = server.api("admin.service.deploy", {"file": "small.py", "source": source})
        assert answer.status == 400
        assert fault in answer.json["errors"]["source"]
    assert server.api("admin.service.deploy", {"file": "../small.py", "source": SMALL}).json["errors"].keys() == {
        "file"
    }
    assert invoke(server, "small.count") == {"n": 1}


def test_the_list_names_origin_and_users(server: Server) -> None:
    server.call(
        "admin.channel.http.create", {"name": "a", "url_path": "/a", "service": "rates.get-rate", "format": "json"}
    )
    found = server.call("admin.service.list", {"filter": "rates."})
    assert [i["name"] for i in found["items"]] == [
        "rates.blob",
        "rates.broken",
        "rates.get-rate",
        "rates.plain",
        "rates.refusing",
    ]
    rate = found["items"][2]
    assert (rate["origin"], rate["channels"], rate["help"]) == ("rates.py", ["http a"], "Give the rate of a country.")
    own = server.call("admin.service.get", {"name": "admin.server.status"})
    assert own["source"] is None
    assert own["versions"] == []
    shown = server.call("admin.service.get", {"name": "rates.get-rate"})
    assert shown["source"] == server.rates
    assert shown["input"]["$defs"]["Asked"]["required"] == ["country"]
    assert shown["output"]["$defs"]["Rate"]["properties"]["rate"]["description"] == "The rate"


def test_invoking_is_what_a_json_channel_does(server: Server) -> None:
    answer = server.call("admin.service.invoke", {"name": "rates.get-rate", "payload": {"country": "Malta"}})
    assert answer["payload"] == {"rate": "Malta 1.22"}
    assert answer["cid"].startswith("K")
    assert invoke(server, "rates.plain", [1, 2]) == {"got": [1, 2]}
    assert invoke(server, "rates.blob") == {"$base64": "/wA="}
    faults = server.api("admin.service.invoke", {"name": "rates.get-rate", "payload": {"country": 1, "times": 0}})
    assert set(faults.json["errors"]) == {"country", "times"}
    assert server.api("admin.service.invoke", {"name": "rates.refusing"}).json["detail"] == "not today"
    broken = server.api("admin.service.invoke", {"name": "rates.broken"})
    assert broken.status == 500
    assert "nobody outside" not in broken.raw.decode()
    assert broken.json["cid"] in server.output()
    missing = server.api("admin.service.invoke", {"name": "rates.get-rat"})
    assert missing.status == 404
    assert "did you mean rates.get-rate" in missing.json["detail"]


def test_plugins_are_listed_with_what_they_give(server: Server) -> None:
    found = {plugin["name"]: plugin for plugin in server.call("admin.plugin.list")["items"]}
    assert "channel http" in found["http"]["types"]
    assert "admin.plugin.list" in found["admin"]["services"]
    assert found["json"]["status"] == "loaded"


def test_a_plugin_in_use_or_unknown_is_not_blocked(server: Server) -> None:
    assert server.api("admin.plugin.block", {"name": "nothing"}).status == 404
    server.call("admin.security.apikey.create", {"name": "key"})
    assert server.api("admin.plugin.block", {"name": "security"}).status == 409


def test_the_server_tells_its_state(server: Server) -> None:
    status = server.call("admin.server.status")
    assert len(status["workers"]) >= 1
    assert status["definitions"] == 0


def test_a_reload_replaces_the_workers_and_loses_no_answer(server: Server) -> None:
    before = set(server.call("admin.server.status")["workers"])
    server.call("admin.server.reload")
    deadline = time.monotonic() + 30
    while set(server.call("admin.server.status")["workers"]) & before:
        assert time.monotonic() < deadline, "the workers were not replaced"
        time.sleep(0.05)
    assert invoke(server, "rates.plain", 1) == {"got": 1}
