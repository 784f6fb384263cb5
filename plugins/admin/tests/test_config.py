"""Export, plan and apply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server


WANTED: dict[str, Any] = {
    "security": {
        "basic": {"partner": {"username": "p", "password": "s3cret-word"}},
        "apikey": {"key": {"key": "a-key-of-somebody-0123456789"}},
    },
    "channel": {
        "http": {
            "one": {
                "url_path": "/one/{country}",
                "service": "rates.get-rate",
                "format": "json",
                "security": ["partner", "key"],
            },
            "two": {
                "url_path": "/two",
                "service": "rates.plain",
                "format": "json",
                "active": False,
                "method": ["PUT", "POST"],
            },
        }
    },
}


def apply(server: Server, config: Any, **options: Any) -> Any:
    return server.call("admin.config.apply", {"config": config, **options})


def steps(answer: Any) -> list[tuple[str, str]]:
    return [(c["action"], f"{c['kind']}.{c['type']}.{c['name']}") for c in answer["changes"]]


def test_export_wipe_apply_export_is_the_same(server: Server) -> None:
    apply(server, WANTED)
    first = server.call("admin.config.export", {"services": True})
    assert "rates.py" in first["services"]
    server.wipe()
    assert server.call("admin.config.export") == {}
    answer = apply(server, first)
    assert answer["unchanged"] == len(first["services"])
    assert answer["pending"] == []
    assert json.dumps(server.call("admin.config.export", {"services": True})) == json.dumps(first)
    again = apply(server, first)
    assert again["changes"] == []
    assert again["revision"] is None
    assert server.http("/one/Malta", b"{}", user="p", password="s3cret-word").json == {
        "rate": "Malta 1.22"
    }
    assert (
        server.http(
            "/one/Malta", b"{}", password="", X_API_Key="a-key-of-somebody-0123456789"
        ).status
        == 200
    )


def test_a_plan_changes_nothing_and_apply_does_what_it_says(server: Server) -> None:
    planned = server.call("admin.config.plan", {"config": WANTED})
    assert server.call("admin.config.export") == {}
    assert sorted(steps(planned)[:2]) == [
        ("create", "security.apikey.key"),
        ("create", "security.basic.partner"),
    ]
    assert sorted(steps(planned)[2:]) == [
        ("create", "channel.http.one"),
        ("create", "channel.http.two"),
    ]
    applied = apply(server, WANTED)
    assert applied["changes"] == planned["changes"]
    masked = next(
        change["settings"] for change in applied["changes"] if change["name"] == "partner"
    )
    assert masked == {
        "password": {"old": None, "new": "********"},
        "username": {"old": None, "new": "p"},
    }


def test_only_what_differs_is_changed(server: Server) -> None:
    apply(server, WANTED)
    config = server.call("admin.config.export")
    config["channel"]["http"]["one"] |= {"url_path": "/1", "active": True, "match_slash": False}
    del config["channel"]["http"]["two"]["method"]
    answer = apply(server, config)
    assert steps(answer) == [("edit", "channel.http.one"), ("edit", "channel.http.two")]
    assert answer["changes"][0]["settings"] == {"url_path": {"old": "/one/{country}", "new": "/1"}}
    assert answer["changes"][1]["settings"] == {"method": {"old": ["PUT", "POST"], "new": ""}}
    assert answer["unchanged"] == 2


def test_what_the_file_does_not_name_goes_only_when_asked(server: Server) -> None:
    apply(server, WANTED)
    rest = server.call("admin.config.export")
    del rest["channel"]["http"]["one"], rest["security"]["apikey"]
    assert apply(server, rest)["changes"] == []
    answer = apply(server, rest, prune=True)
    assert steps(answer) == [("delete", "channel.http.one"), ("delete", "security.apikey.key")]


def test_a_path_moves_from_a_deleted_channel_to_a_new_one(server: Server) -> None:
    apply(server, WANTED)
    config = server.call("admin.config.export")
    config["channel"]["http"]["renamed"] = config["channel"]["http"].pop("one")
    assert server.api("admin.config.plan", {"config": config}).json["errors"].keys() == {
        "channel.http.renamed"
    }
    answer = apply(server, config, prune=True)
    assert steps(answer) == [("create", "channel.http.renamed"), ("delete", "channel.http.one")]


def test_all_faults_are_told_and_nothing_is_changed(server: Server) -> None:
    config = {
        "security": {
            "basic": {
                "ok": {"username": "u", "password": "a-word-or-two"},
                "bad": {"username": 1, "pasword": "x"},
            }
        },
        "channel": {
            "http": {
                "a": {"url_path": "/same", "service": "rates.none", "security": ["ok", "gone"]},
                "b": {"url_path": "no slash", "service": "rates.plain", "format": "yaml"},
            },
            "amqp": {"orders": {"queue": "q"}},
            "schedule": {"daily": 5},
        },
        "chanel": {},
    }
    answer = server.api("admin.config.apply", {"config": config})
    assert answer.status == 400
    errors = answer.json["errors"]
    assert set(errors) == {
        "security.basic.bad.username",
        "security.basic.bad.password",
        "security.basic.bad.pasword",
        "channel.http.a.service",
        "channel.http.a.security",
        "channel.http.b.url_path",
        "channel.http.b.format",
        "channel.amqp.orders",
        "channel.schedule.daily",
        "chanel",
    }
    assert "hansa-amqp" in errors["channel.amqp.orders"]
    assert "http" in errors["channel.amqp.orders"]
    assert server.call("admin.config.export") == {}


def test_many_are_one_change_whatever_their_order(server: Server) -> None:
    before = server.call(
        "admin.security.basic.create",
        {"name": "there", "username": "t", "password": "a-word-or-two"},
    )
    many = {
        f"c{number}": {
            "url_path": f"/c{number}",
            "service": "rates.plain",
            "format": "json",
            "security": f"s{number % 5}",
        }
        for number in range(200)
    }
    users = {
        f"s{number}": {"username": f"u{number}", "password": "a-word-or-two"} for number in range(5)
    }
    config = {"channel": {"http": many}, "security": {"basic": users}}
    answer = apply(server, config, prune=True)
    assert answer["revision"] == before["revision"] + 1
    assert len(answer["changes"]) == 206
    assert answer["pending"] == []
    assert server.http("/c199", b"{}", user="u4", password="a-word-or-two").status == 200
    for number in range(200):
        many[f"c{number}"]["url_path"] = f"/c{(number + 1) % 200}"
    assert apply(server, config)["revision"] == before["revision"] + 2
    assert server.http("/c199", b"{}", user="u3", password="a-word-or-two").status == 200
    assert server.http("/c199", b"{}", user="u4", password="a-word-or-two").status == 401


def test_what_is_used_is_not_pruned_and_nothing_else_is_done(server: Server) -> None:
    apply(server, WANTED)
    before, rest = (server.call("admin.config.export") for _ in range(2))
    rest["security"]["basic"]["new"] = {"username": "n", "password": "a-word-or-two"}
    del rest["security"]["basic"]["partner"]
    errors = server.api("admin.config.apply", {"config": rest, "prune": True}).json["errors"]
    assert errors.keys() == {"channel.http.one.security"}
    assert server.call("admin.config.export") == before


def test_two_channels_on_one_path_are_a_fault_of_the_file(server: Server) -> None:
    one = {"url_path": "/same", "service": "rates.plain"}
    errors = server.api(
        "admin.config.plan", {"config": {"channel": {"http": {"a": one, "b": one}}}}
    ).json["errors"]
    assert set(errors) == {"channel.http.b"}
    assert "channel http 'a'" in errors["channel.http.b"]


def test_a_secret_of_another_server_is_refused_by_name(server: Server) -> None:
    stranger = {
        "security": {
            "basic": {"x": {"username": "u", "password": {"$encrypted": "gAAAAAnonsense"}}}
        }
    }
    answer = server.api("admin.config.apply", {"config": stranger})
    assert answer.status == 400
    assert set(answer.json["errors"]) == {"security.basic.x.password"}


def test_sources_come_before_the_channels_that_use_them(server: Server) -> None:
    source = "from hansa import Service\nclass One(Service):\n    def handle(self):\n        return 'one'\n"
    config: dict[str, Any] = {
        "services": {"fresh.py": source},
        "channel": {"http": {"fresh": {"url_path": "/fresh", "service": "fresh.one"}}},
    }
    try:
        assert steps(apply(server, config)) == [
            ("create", "service.package.fresh.py"),
            ("create", "channel.http.fresh"),
        ]
        assert server.http("/fresh").raw == b"one"
        config["channel"]["http"]["other"] = {"url_path": "/other", "service": "fresh.two"}
        config["services"]["fresh.py"] = source.replace("'one'", "'uno'")
        before = revision_of(server)
        answer = server.api("admin.config.apply", {"config": config})
        assert answer.json["errors"].keys() == {"channel.http.other.service"}
        assert server.http("/fresh").raw == b"one"
        assert revision_of(server) == before
    finally:
        server.wipe()
        server.call("admin.service.delete", {"name": "fresh.one"})


def test_services_and_what_uses_them_are_one_change(server: Server) -> None:
    source = "from hansa import Service\nclass One(Service):\n    def handle(self):\n        return 'one'\n"
    channel = {"url_path": "/moving", "service": "here.one"}
    config: dict[str, Any] = {
        "services": {"here.py": source},
        "channel": {"http": {"moving": channel}},
    }
    created = apply(server, config)
    before = server.call("admin.config.export", {"services": True})
    assert created["revision"] == revision_of(server)
    try:
        channel["service"] = "there.one"
        others = {name: text for name, text in before["services"].items() if name != "here.py"}
        config["services"] = {**others, "there.py": source.replace("'one'", "'two'")}
        moved = apply(server, config, prune=True)
        assert steps(moved) == [
            ("create", "service.package.there.py"),
            ("edit", "channel.http.moving"),
            ("delete", "service.package.here.py"),
        ]
        assert moved["revision"] == created["revision"] + 1
        assert moved["not_running"] == []
        assert server.http("/moving").raw == b"two"
        # a module that becomes a folder: its name stays, its file goes
        del config["services"]["there.py"]
        config["services"]["there/__init__.py"] = source.replace("'one'", "'three'")
        folder = apply(server, config, prune=True)
        assert folder["revision"] == moved["revision"] + 1
        assert server.http("/moving").raw == b"three"
    finally:
        server.wipe()
        server.call("admin.service.delete", {"name": "there.one"})


def revision_of(server: Server) -> int:
    return int(server.call("admin.cluster.status")["revision"])


def test_a_broken_source_stops_it_before_any_definition(server: Server) -> None:
    config = {"services": {"bad.py": "def"}, **WANTED}
    answer = server.api("admin.config.apply", {"config": config})
    assert answer.json["errors"].keys() == {"services"}
    assert server.call("admin.config.export") == {}
    assert server.api("admin.config.apply", {"config": {"services": {"a.py": 5}}}).json[
        "errors"
    ].keys() == {"services.a.py"}
