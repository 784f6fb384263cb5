"""Deploying, looking at and calling services; plugins and the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hansa_devkit.harness.waiting import wait_until

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server


SMALL = (
    "from hansa import Service\n"
    "class Count(Service):\n"
    "    '''Count.'''\n"
    "    def handle(self):\n"
    "        return {'n': VALUE}\n"
)


def version(number: int) -> dict[str, str]:
    return {"file": "small.py", "source": SMALL.replace("VALUE", str(number))}


def deploy(server: Server, number: int) -> dict[str, Any]:
    answer = server.call("admin.service.deploy", version(number))
    assert answer.keys() == {
        "packages",
        "services",
        "version",
        "revision",
        "applied",
        "pending",
        "not_running",
    }
    assert answer["not_running"] == []
    (package,) = answer["packages"]
    assert (answer["services"], answer["version"]) == (package["services"], package["version"])
    return package


def invoke(server: Server, name: str, payload: object = None) -> object:
    return server.call("admin.service.invoke", {"name": name, "payload": payload})["payload"]


def test_what_is_tried_is_not_deployed(server: Server) -> None:
    tried = server.call("admin.service.try", {"file": "tried.py", "source": SMALL})
    package = {"file": "tried.py", "version": 0, "given": True, "services": ["tried.count"]}
    assert tried == {"items": [package], "total": 1}
    faulty = server.api("admin.service.try", {"file": "tried.py", "source": "x = = 1"})
    assert faulty.status == 400 and "tried.py, line 1" in str(faulty.json["errors"])
    assert server.api("admin.service.get", {"name": "tried.count"}).status == 404
    files = server.call("admin.service.packages", {"filter": "tried", "all": True})
    assert files["total"] == 0


def test_versions_come_and_go(server: Server) -> None:
    first = deploy(server, 1)
    assert first["services"] == ["small.count"]
    assert invoke(server, "small.count") == {"n": 1}
    second = deploy(server, 2)
    assert second["version"] == first["version"] + 1
    assert invoke(server, "small.count") == {"n": 2}
    back = server.call("admin.service.rollback", {"file": "small.py"})
    assert back["version"] == first["version"]
    assert invoke(server, "small.count") == {"n": 1}
    refused = server.api("admin.service.rollback", {"file": "small.py"})
    assert (refused.status, "no version before the one that serves" in refused.json["detail"]) == (
        404,
        True,
    )
    refused = server.api("admin.service.rollback", {"file": "small.py", "version": 99})
    assert (refused.status, "'small.py' has no version 99" in refused.json["detail"]) == (404, True)
    refused = server.api("admin.service.delete", {"name": "admin.service.delete"})
    assert (refused.status, "comes with the plugin admin" in refused.json["detail"]) == (404, True)
    assert (
        server.call(
            "admin.service.rollback", {"file": "small.count", "version": second["version"]}
        )["version"]
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
    ):
        answer = server.api("admin.service.deploy", {"file": "small.py", "source": source})
        assert answer.status == 400
        assert fault in answer.json["errors"]["source"]
    assert server.api("admin.service.deploy", {"file": "../small.py", "source": SMALL}).json[
        "errors"
    ].keys() == {"file"}
    assert invoke(server, "small.count") == {"n": 1}


HELPERS = {
    "helpers.py": "def double(x):\n    return 2 * x\n",
    "shop/__init__.py": "",
    "shop/prices.py": "PRICE = 21\n",
    "uses.py": "from hansa import Service\nfrom helpers import double\nfrom shop.prices import PRICE\n"
    "class Get(Service):\n    def handle(self):\n        return double(PRICE)\n",
}


def test_helpers_and_packages(server: Server) -> None:
    answer = server.call("admin.service.deploy", {"files": HELPERS})
    assert [(p["file"], p["services"]) for p in answer["packages"]] == [
        ("helpers.py", []),
        ("shop/", []),
        ("uses.py", ["uses.get"]),
    ]
    assert invoke(server, "uses.get") == 42
    server.call(
        "admin.service.deploy",
        {"file": "helpers.py", "source": "def double(x):\n    return x + x + 0.5\n"},
    )
    assert invoke(server, "uses.get") == 42.5
    assert server.call("admin.service.rollback", {"file": "helpers.py"})["services"] == []
    assert invoke(server, "uses.get") == 42
    listed = {p["file"]: p for p in server.call("admin.service.packages", {"limit": 100})["items"]}
    assert (listed["uses.py"]["imports"], listed["shop/"]["imported_by"]) == (
        ["helpers.py", "shop/"],
        ["uses.py"],
    )
    assert listed["shop/"]["files"] == ["shop/__init__.py", "shop/prices.py"]
    everything = server.call("admin.service.packages", {"all": True, "filter": "HELPERS"})
    assert [(p["version"], p["current"]) for p in everything["items"]] == [(1, True), (2, False)]
    assert server.call("admin.service.source", {"file": "shop"}) == {
        "file": "shop/",
        "files": {"shop/__init__.py": "", "shop/prices.py": "PRICE = 21\n"},
    }
    assert (
        "0.5"
        in server.call("admin.service.source", {"file": "helpers.py", "version": 2})["files"][
            "helpers.py"
        ]
    )
    refused = server.api("admin.service.delete", {"name": "shop/"})
    assert (refused.status, "shop is imported by uses.py" in refused.json["detail"]) == (409, True)
    assert (
        server.call("admin.service.delete", {"name": "uses.get", "more": ["shop", "helpers.py"]})[
            "pending"
        ]
        == []
    )
    assert server.api("admin.service.invoke", {"name": "uses.get"}).status == 404


def test_a_service_of_a_package_shows_its_module(server: Server) -> None:
    files = {"deep/__init__.py": "", "deep/counting.py": SMALL.replace("VALUE", "1")}
    server.call("admin.service.deploy", {"files": files})
    shown = server.call("admin.service.get", {"name": "deep.counting.count"})
    assert (shown["origin"], shown["source"]) == ("deep/", files["deep/counting.py"])
    server.call("admin.service.delete", {"name": "deep.counting.count"})


def test_what_of_several_files_is_wrong_is_told_and_nothing_deployed(server: Server) -> None:
    for files, fault in (
        (
            {**HELPERS, "helpers.py": "def other(): pass"},
            "uses.py, line 2: ImportError: cannot import name 'double'",
        ),
        ({**HELPERS, "../x.py": ""}, "'../x.py' must be letters"),
        ({**HELPERS, "json.py": ""}, "json is the name of a module of Python"),
        ({**HELPERS, "shop/more/x.py": ""}, "'shop/more/x.py' must be"),
        ({f"a{number}.py": "" for number in range(1001)}, "1001 files"),
    ):
        answer = server.api("admin.service.deploy", {"files": files})
        assert answer.status == 400
        assert fault in answer.json["errors"]["files"]
    for wrong in (
        {},
        {"file": "a.py", "files": {"b.py": ""}},
        {"files": {"b.py": ""}, "source": "x"},
    ):
        assert server.api("admin.service.deploy", wrong).json["errors"] == {
            "file": "give either file and source, or files"
        }
    assert not server.call("admin.service.packages", {"filter": "uses"})["items"]


def test_the_list_names_origin_and_users(server: Server) -> None:
    server.call(
        "admin.channel.http.create",
        {"name": "a", "url_path": "/a", "service": "rates.get-rate", "format": "json"},
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
    assert (rate["origin"], rate["channels"], rate["help"]) == (
        "rates.py",
        ["http a"],
        "Give the rate of a country.",
    )
    own = server.call("admin.service.list", {"builtin": False, "filter": "r", "limit": 10_000})
    everything = server.call("admin.service.list", {"filter": "r", "limit": 10_000})
    assert own["items"] == everything["items"][: own["total"]], "the deployed ones come first"
    assert own["builtin"] == everything["builtin"] == everything["total"] - own["total"] > 50
    own = server.call("admin.service.get", {"name": "admin.server.status"})
    assert own["source"] is None
    assert own["versions"] == []
    shown = server.call("admin.service.get", {"name": "rates.get-rate"})
    assert shown["source"] == server.rates
    assert shown["input"]["$defs"]["rates.Asked"]["required"] == ["country"]
    assert shown["output"]["$defs"]["rates.Rate"]["properties"]["rate"]["description"] == "The rate"


def test_invoking_is_what_a_json_channel_does(server: Server) -> None:
    answer = server.call(
        "admin.service.invoke", {"name": "rates.get-rate", "payload": {"country": "Malta"}}
    )
    assert answer["payload"] == {"rate": "Malta 1.22"}
    assert answer["cid"].startswith("K")
    assert invoke(server, "rates.plain", [1, 2]) == {"got": [1, 2]}
    assert invoke(server, "rates.blob") == {"$base64": "/wA="}
    faults = server.api(
        "admin.service.invoke", {"name": "rates.get-rate", "payload": {"country": 1, "times": 0}}
    )
    assert set(faults.json["errors"]) == {"country", "times"}
    assert (
        server.api("admin.service.invoke", {"name": "rates.refusing"}).json["detail"] == "not today"
    )
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


def test_a_plugin_that_is_unknown_or_needed_here_is_not_blocked(server: Server) -> None:
    assert server.api("admin.plugin.block", {"name": "nothing"}).status == 404
    for name in ("admin", "http", "json", "security"):
        refused = server.api("admin.plugin.block", {"name": name, "force": True})
        assert refused.status == 409
        assert f"without the plugin {name} the admin API does not answer" in refused.json["detail"]
    assert server.api("admin.plugin.reload", {"name": "nothing"}).status == 404


def test_the_server_tells_its_state(server: Server) -> None:
    status = server.call("admin.server.status")
    assert len(status["workers"]) >= 1
    assert status["definitions"] == 0


def test_a_reload_replaces_the_workers_and_loses_no_answer(server: Server) -> None:
    before = set(server.call("admin.server.status")["workers"])
    server.call("admin.server.reload")

    def replaced() -> bool:
        return not set(server.call("admin.server.status")["workers"]) & before

    wait_until(replaced, 30, "the workers are replaced")
    assert invoke(server, "rates.plain", 1) == {"got": 1}
