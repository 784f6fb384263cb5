"""Logging in to the admin API: sessions from outside, against a server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer

PASSWORDS = {"bob": "bob's long password", "olga": "olga's long password"}
CONFIG = f"""
[cluster]
label = "PROD"
colour = "red"
production = true

[security.basic.bob]
username = "bob"
password = "{PASSWORDS["bob"]}"

[security.basic.olga]
username = "olga"
password = "{PASSWORDS["olga"]}"

[account.account.bob]
credentials = ["bob"]
roles = ["operator"]

[account.account.olga]
credentials = ["olga"]
roles = ["viewer"]
"""
API = "/hansa/api/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(
        tmp_path_factory.mktemp("login"), CONFIG, workers=1, plugins=("audit", "roles")
    )
    running.start()
    yield running
    running.stop()


def login(server: RunningServer, user: str, password: str = "") -> requests.Response:
    given = {"user": user, "password": password or PASSWORDS.get(user, server.password)}
    return server.post(f"{API}admin.login", given, headers={"User-Agent": "a browser"})


def token(server: RunningServer, user: str) -> str:
    answer = login(server, user)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["token"]
    return found


def call(
    server: RunningServer, token: str, service: str, /, **settings: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = server.post(API + service, settings, headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("user", ["bob", "admin"])
def test_a_session_from_login_to_logout(server: RunningServer, user: str):
    answer = login(server, user)
    begun = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert begun["user"] == user and len(begun["token"]) > 43
    assert begun["roles"] == (["operator"] if user == "bob" else ["admin"])
    assert begun["expires"] == pytest.approx(time.time() + 43_200, abs=60)
    status, me = call(server, begun["token"], "admin.me")
    assert (status, me["user"], me["session"]["session"]) == (200, user, begun["session"])
    assert me["cluster"] == {
        "name": "hansa",
        "label": "PROD",
        "colour": "red",
        "production": True,
    }
    if user == "admin":
        assert me["may"] == ["admin.*"]
        assert "administer" in me["rights"]
    else:
        assert me["account"] == "bob"
        may = {
            service: any(fnmatchcase(service, pattern) for pattern in me["may"])
            for service in ("admin.session.end", "admin.account.list", "admin.account.edit")
        }
        assert list(may.values()) == [True, True, False]
        assert me["rights"] == ["view", "payloads", "operate"]
    status, status_of_cluster = call(server, begun["token"], "admin.cluster.status")
    assert (status, status_of_cluster["label"]) == (200, "PROD")
    status, problem = call(server, begun["token"], "admin.account.edit", name="bob", roles=[])
    assert status == (200 if user == "admin" else 403), problem
    server.api("admin.account.edit", name="bob", roles=["operator"])
    again = token(server, user)
    assert call(server, again, "admin.logout") == (200, {"ended": True})
    status, problem = call(server, again, "admin.me")
    assert (status, problem["code"]) == (401, "unauthorized")
    assert problem["detail"] == "the session has ended, or never was"
    assert call(server, again, "admin.logout")[0] == 401


def test_a_new_login_ends_the_session_that_it_came_with(server: RunningServer):
    given = {"user": "bob", "password": PASSWORDS["bob"]}
    first, others = token(server, "bob"), token(server, "olga")
    for former in (first, others):
        headers = {"Authorization": f"Bearer {former}"}
        second = server.post(f"{API}admin.login", given, headers=headers).json()["token"]
        assert call(server, second, "admin.me")[0] == 200
    assert call(server, first, "admin.me")[0] == 401
    assert call(server, others, "admin.me")[0] == 200, "it is another user's"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("admin.account.edit", {"name": "olga", "active": False}), 401),
        (("admin.account.edit", {"name": "olga", "roles": ["operator"]}), 401),
        (("admin.security.basic.edit", {"name": "olga", "realm": "another"}), 401),
        (("admin.account.edit", {"name": "bob", "roles": ["operator", "viewer"]}), 200),
    ],
)
def test_a_session_ends_with_what_it_relies_on(
    server: RunningServer, change: tuple[str, dict[str, Any]], status: int
):
    service, settings = change
    found = token(server, "olga")
    assert call(server, found, "admin.me")[0] == 200
    server.api(service, settings)
    assert call(server, found, "admin.me")[0] == status, "at once"
    server.api("admin.account.edit", name="olga", active=True, roles=["viewer"])
    server.api("admin.security.basic.edit", name="olga", realm="")
    server.api("admin.account.edit", name="bob", roles=["operator"])
    assert call(server, found, "admin.me")[0] == status, "and for good"


def test_an_account_that_is_switched_off_does_not_log_in(server: RunningServer):
    server.api("admin.account.edit", name="olga", active=False)
    answer = login(server, "olga")
    server.api("admin.account.edit", name="olga", active=True)
    assert (answer.status_code, answer.json()["detail"]) == (403, "the account is switched off")


def test_sessions_are_listed_and_ended(server: RunningServer):
    first, second = token(server, "bob"), token(server, "bob")
    others = token(server, "olga")
    status, listed = call(server, first, "admin.session.list")
    assert status == 200 and {one["user"] for one in listed["items"]} == {"bob"}
    (own,) = [one for one in listed["items"] if one["own"]]
    assert (own["agent"], own["address"]) == ("a browser", "127.0.0.1")
    assert call(server, first, "admin.session.list", all=True)[0] == 403
    everybody = server.api("admin.session.list", all=True)
    assert {"bob", "olga"} <= {one["user"] for one in everybody["items"]}
    (theirs,) = [one["session"] for one in everybody["items"] if one["user"] == "olga"][:1]
    assert call(server, first, "admin.session.end", session=theirs)[0] == 403
    assert call(server, first, "admin.session.end", user="olga")[0] == 403
    assert call(server, others, "admin.me")[0] == 200
    status, ended = call(server, first, "admin.session.end", others=True)
    assert status == 200 and ended["ended"] >= 1
    assert call(server, second, "admin.me")[0] == 401
    assert call(server, first, "admin.me")[0] == 200
    assert server.api("admin.session.end", user="olga")["ended"] >= 1
    assert call(server, others, "admin.me")[0] == 401
    done = server.cli("session", "list", "--all")
    assert "bob" in done.stdout and "a browser" in done.stdout
    assert "olga" not in done.stdout


@pytest.mark.parametrize(
    "body",
    [
        {"user": "bob", "password": "wrong"},
        {"user": "nobody", "password": "wrong"},
        {"user": "bob:bob's long", "password": "password"},
        {"user": "bob"},
        {"user": "bob", "password": ["bob's long password"]},
        {"user": "bob", "password": "p" * 100_000},
        {"user": "b" * 100_000, "password": "p"},
        {"user": "bob", "password": "\ud800"},
        {"user": "bob", "password": PASSWORDS["bob"], "more": 1},
        [],
        None,
        "{",
    ],
)
def test_what_does_not_log_in(server: RunningServer, body: Any):
    answer = server.post(f"{API}admin.login", body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "token" not in answer.text


def test_pages_of_other_sites_and_a_shut_proxy_do_not_log_in(server: RunningServer):
    given = {"user": "bob", "password": PASSWORDS["bob"]}
    for headers, status in (
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"X-Hansa-Admin": "shut"}, 404),
    ):
        answer = server.post(f"{API}admin.login", given, headers=headers)
        assert answer.status_code == status


def test_only_a_password_begins_a_session(server: RunningServer):
    given = {"name": "admin.login", "payload": {"user": "bob", "password": PASSWORDS["bob"]}}
    answer = server.post(f"{API}admin.service.invoke", given, auth=("admin", server.password))
    assert answer.status_code == 403, answer.text
    assert server.get(f"{API}admin.login").status_code in (404, 405)


def test_unknown_names_take_as_long_as_known_ones(server: RunningServer):
    times: dict[str, list[float]] = {"bob": [], "nobody": []}
    for number in range(3):
        for user, found in times.items():
            began = time.perf_counter()
            answer = login(server, user, f"wrong {number}")
            found.append(time.perf_counter() - began)
            assert answer.status_code == 401
    known, unknown = (median(found) for found in times.values())
    assert 0.3 < known / unknown < 3.0


def test_the_audit_log_has_logins_refused_ones_and_logouts(server: RunningServer):
    since = time.time()
    found = token(server, "bob")
    call(server, found, "admin.me")
    call(server, found, "admin.logout")
    items = server.api("admin.audit.list", since=since, by="bob")["items"]
    shown = [(one["service"], one["outcome"], one["account"]) for one in items[::-1]]
    assert shown == [("admin.login", "ok", "bob"), ("admin.logout", "ok", "bob")]
    (refused, *_) = server.api("admin.audit.list", outcome="unauthorized", service="admin.login")[
        "items"
    ]
    assert refused["address"] == "127.0.0.1"
    everything = server.api("admin.audit.list", limit=10_000)
    assert PASSWORDS["bob"] not in str(everything) and found not in str(everything)
