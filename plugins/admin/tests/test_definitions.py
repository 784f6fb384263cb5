"""The services of every type: create, edit, delete, get, list, ping, test, run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

CHANNEL = {"name": "rates", "url_path": "/rates", "service": "rates.get-rate", "format": "json"}


def partner(server: Server, **more: Any) -> Any:
    return server.call(
        "admin.security.basic.create",
        {"name": "partner", "username": "p", "password": "s3cret-word", **more},
    )


def test_a_channel_lives_from_create_to_delete(server: Server) -> None:
    partner(server)
    answer = server.call(
        "admin.channel.http.create", CHANNEL | {"security": "partner", "method": "POST"}
    )
    assert answer["name"] == "rates"
    assert answer["applied"]
    assert answer["pending"] == []
    body = b'{"country": "Cyprus"}'
    assert server.http("/rates", body, password="").status == 401
    assert server.http("/rates", body, user="p", password="s3cret-word").json == {
        "rate": "Cyprus 1.22"
    }

    edited = server.call(
        "admin.channel.http.edit", {"name": "rates", "url_path": "/new", "security": None}
    )
    assert edited["revision"] > answer["revision"]
    assert server.http("/rates", body).status == 404
    assert server.http("/new", body, password="").json == {"rate": "Cyprus 1.22"}
    shown = server.call("admin.channel.http.get", {"name": "rates"})
    assert (shown["url_path"], shown["method"], shown["service"]) == (
        "/new",
        "POST",
        "rates.get-rate",
    )
    assert shown["revision"] == edited["revision"]
    assert shown["delivery"] == "at_most_once"
    assert shown["state"] == "running"
    assert {state["state"] for state in shown["states"].values()} == {"running"}

    server.call("admin.channel.http.edit", {"name": "rates", "active": False})
    assert server.http("/new", body, password="").status == 404
    assert server.call("admin.channel.http.get", {"name": "rates"})["state"] == "inactive"
    server.call("admin.channel.http.delete", {"name": "rates"})
    assert server.api("admin.channel.http.get", {"name": "rates"}).status == 404


def test_all_faults_of_a_new_definition_come_at_once(server: Server) -> None:
    data = {
        "url_path": 5,
        "service": "rates.get-rat",
        "format": "jsn",
        "security": ["a"],
        "metod": "GET",
        "active": "yes",
    }
    errors = server.api("admin.channel.http.create", data).json["errors"]
    assert set(errors) == {"name", "url_path", "service", "format", "security", "metod", "active"}
    assert errors["name"] == "required, and missing"
    assert "did you mean method" in errors["metod"]
    assert errors["security"] == "there is no security named 'a'"
    assert server.call("admin.config.export") == {}


def test_a_taken_name_and_a_taken_path_are_conflicts(server: Server) -> None:
    server.call("admin.channel.http.create", CHANNEL)
    assert server.api("admin.channel.http.create", CHANNEL).status == 409
    other = server.api("admin.channel.http.create", CHANNEL | {"name": "other"})
    assert other.status == 409
    assert "'rates'" in other.json["detail"]


def test_somebody_elses_change_is_not_overwritten(server: Server) -> None:
    first = server.call("admin.channel.http.create", CHANNEL)["revision"]
    second = server.call(
        "admin.channel.http.edit", {"name": "rates", "active": False, "seen_revision": first}
    )["revision"]
    late = {"name": "rates", "seen_revision": first}
    assert server.api("admin.channel.http.edit", late | {"url_path": "/x"}).status == 409
    assert server.api("admin.channel.http.delete", late).status == 409
    server.call("admin.channel.http.delete", {"name": "rates", "seen_revision": second})


def test_what_is_in_use_stays_and_its_users_are_named(server: Server) -> None:
    partner(server)
    server.call("admin.channel.http.create", CHANNEL | {"security": "partner"})
    for service, name in (
        ("admin.security.basic.delete", "partner"),
        ("admin.service.delete", "rates.get-rate"),
    ):
        answer = server.api(service, {"name": name})
        assert answer.status == 409
        assert "channel http 'rates'" in answer.json["detail"]


def test_secrets_go_in_and_never_come_out(server: Server) -> None:
    partner(server)
    made = server.call(
        "admin.security.apikey.create", {"name": "key", "key": "a-key-of-somebody-0123456789"}
    )
    assert "generated" not in made
    everything = [
        server.call("admin.security.basic.get", {"name": "partner"}),
        server.call("admin.security.basic.list"),
        server.call("admin.security.apikey.list"),
        server.call("admin.config.export"),
        server.call(
            "admin.config.plan",
            {
                "config": {
                    "security": {
                        "basic": {"partner": {"username": "p", "password": "changed-word"}}
                    }
                }
            },
        ),
    ]
    text = json.dumps(everything) + server.output()
    for secret in ("s3cret-word", "a-key-of-somebody", "changed-word", "argon2", "sha256$"):
        assert secret not in text
    assert "password" not in everything[0]
    assert everything[0]["username"] == "p"


def test_a_made_up_key_is_told_once(server: Server) -> None:
    made = server.call("admin.security.apikey.create", {"name": "key"})
    key = made["generated"]["key"]
    assert len(key) >= 32
    assert key not in json.dumps(server.call("admin.security.apikey.get", {"name": "key"}))
    server.call("admin.channel.http.create", CHANNEL | {"security": "key"})
    body = b'{"country": "x"}'
    assert server.http("/rates", body, password="").status == 401
    assert server.http("/rates", body, password="", X_API_Key=key).status == 200


def test_a_setting_may_be_kept_elsewhere(server: Server) -> None:
    file = server.folder / "secret"
    file.write_text("from-a-file\n")
    partner(server, password={"$file": str(file)})
    server.call("admin.channel.http.create", CHANNEL | {"security": "partner"})
    assert (
        server.http("/rates", b'{"country": "x"}', user="p", password="from-a-file").status == 200
    )
    assert server.call("admin.config.export")["security"]["basic"]["partner"]["password"] == {
        "$file": str(file)
    }
    missing = server.api(
        "admin.security.basic.edit", {"name": "partner", "password": {"$env": "HANSA_NOT_SET"}}
    )
    assert missing.json["errors"] == {
        "password": "the environment variable HANSA_NOT_SET is not set"
    }


def test_lists_are_filtered_and_paged(server: Server) -> None:
    for name in ("one", "two", "three"):
        server.call(
            "admin.security.basic.create",
            {"name": name, "username": name, "password": "word-of-somebody"},
        )
    assert [i["name"] for i in server.call("admin.security.basic.list")["items"]] == [
        "admin",
        "one",
        "three",
        "two",
    ]
    found = server.call("admin.security.basic.list", {"filter": "T"})
    assert [i["name"] for i in found["items"]] == ["three", "two"]
    assert found["total"] == 2
    page = server.call("admin.security.basic.list", {"offset": 1, "limit": 2})
    assert [i["name"] for i in page["items"]] == ["one", "three"]
    assert page["total"] == 4
    assert all(i["states"] for i in page["items"])
    assert server.api("admin.security.basic.list", {"limit": 0}).status == 400


def test_ping_and_test(server: Server) -> None:
    partner(server)
    server.call("admin.channel.http.create", CHANNEL)
    assert server.call("admin.channel.http.ping", {"name": "rates"}) == {
        "name": "rates",
        "result": "any method /rates",
    }
    assert server.api("admin.channel.http.ping", {"name": "none"}).status == 404
    assert server.call("admin.channel.http.test", {"url_path": "/x", "service": "rates.get-rate"})[
        "result"
    ]
    assert server.call("admin.security.basic.test", {"name": "partner", "username": "other"})[
        "result"
    ]
    assert (
        server.api(
            "admin.channel.http.test", {"url_path": "no-slash", "service": "rates.get-rate"}
        ).status
        == 400
    )
    assert [
        i["name"] for i in server.call("admin.channel.http.list", {"filter": "x"})["items"]
    ] == []


JOB = {"job_type": "interval", "hours": 1, "service": "rates.plain"}


@pytest.mark.parametrize("active", [True, False])
def test_a_job_runs_now(server: Server, active: bool) -> None:
    server.call(
        "admin.channel.schedule.create",
        JOB | {"name": "hourly", "active": active, "payload": '{"a": 1}', "format": "json"},
    )
    ran = server.call("admin.channel.schedule.run", {"name": "hourly"})
    assert ran["result"] == "done"
    assert ran["cid"]
    assert ran["answer"] == {"got": {"a": 1}}


def test_a_job_that_fails_says_so(server: Server) -> None:
    for service, status in (("rates.refusing", 409), ("rates.broken", 500)):
        server.call("admin.channel.schedule.create", JOB | {"name": service, "service": service})
        answer = server.api("admin.channel.schedule.run", {"name": service})
        assert answer.status == status
        assert "which nobody outside may see" not in answer.raw.decode()
    assert server.api("admin.channel.schedule.run", {"name": "none"}).status == 404


def test_a_job_shows_its_next_runs(server: Server) -> None:
    job = {"job_type": "cron", "cron": "0 0 1 1 *", "service": "rates.plain"}
    server.call("admin.channel.schedule.create", job | {"name": "yearly"})
    server.call("admin.channel.schedule.create", job | {"name": "off", "active": False})
    runs = server.call("admin.channel.schedule.next", {"name": "yearly", "count": 3})["runs"]
    assert len(runs) == 3
    assert all(run.endswith("-01-01T00:00:00+00:00") for run in runs)
    assert server.call("admin.channel.schedule.get", {"name": "yearly"})["next_run"] == runs[0]
    off, yearly = server.call("admin.channel.schedule.list", {})["items"]
    assert off["next_run"] is None
    assert yearly["next_run"] == runs[0]
    assert len(server.call("admin.channel.schedule.next", {"name": "off"})["runs"]) == 10
    assert server.api("admin.channel.schedule.next", {"name": "none"}).status == 404
    assert "next_run" not in server.call("admin.channel.http.list", {})["items"][0]
    daily = {"service": "rates.plain", "cron": "0 4 * * *", "job_type": "cron"}
    preview = server.call("admin.channel.schedule.preview", {**daily, "count": 2})
    assert [run[11:16] for run in preview["runs"]] == ["04:00", "04:00"]
    moved = {"name": "yearly", "cron": "0 5 1 1 *", "count": 1}
    (run,) = server.call("admin.channel.schedule.preview", moved)["runs"]
    assert run[5:16] == "01-01T05:00"
    assert (
        server.call("admin.channel.schedule.next", {"name": "yearly", "count": 3})["runs"] == runs
    )
    faulty = server.api("admin.channel.schedule.preview", {**daily, "cron": "no"})
    assert faulty.status == 400 and "cron" in faulty.json["errors"]
