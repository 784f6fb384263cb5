"""Logging in to the admin API: sessions from outside, against a server."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_roles.session import digest_of, new_token, proof_of

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
        tmp_path_factory.mktemp("login"),
        CONFIG,
        workers=1,
        plugins=("audit", "queue", "roles", "zato"),
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


def token_of_earlier(server: RunningServer, user: str, seconds: float) -> str:
    """Return the token of a session of a user that began so many seconds ago."""
    token(server, user)
    earlier = new_token()
    with closing(sqlite3.connect(server.dir / "odb.sqlite")) as database, database:
        (number, text) = database.execute(
            "SELECT number, text FROM journal WHERE name = 'sessions' AND text LIKE '%begun%' "
            "ORDER BY number DESC"
        ).fetchone()
        (last,) = database.execute(
            "SELECT max(number) FROM journal WHERE name = 'sessions'"
        ).fetchone()
        begun = json.loads(text)
        begun["digest"] = digest_of(earlier)
        begun["at"] -= seconds
        if begun["proof"]:
            begun["proof"] = proof_of(earlier, server.password)
        row = ("sessions", max(number, last) + 1, json.dumps(begun))
        database.execute("INSERT INTO journal (name, number, text) VALUES (?, ?, ?)", row)
    return earlier


FINAL: dict[str, tuple[str, dict[str, Any]]] = {
    "an account": ("admin.account.edit", {"name": "bob", "roles": ["operator"]}),
    "a new role": ("admin.role.create", {"name": "guest", "admin": ["admin.me"]}),
    "no role": ("admin.role.delete", {"name": "none"}),
    "a password": ("admin.security.basic.edit", {"name": "bob", "realm": ""}),
    "a key": ("admin.key.use", {"fingerprint": "0" * 64}),
    "pruning": ("admin.config.apply", {"config": {}, "prune": True}),
    "a role applied": (
        "admin.config.apply",
        {"config": {"role": {"role": {"guest": {"admin": ["admin.me"]}}}}},
    ),
    "a password applied": (
        "admin.definition.change",
        {
            "edits": [
                {"kind": "security", "type": "basic", "name": "bob", "settings": {"realm": "x"}}
            ]
        },
    ),
    "through the gateway": (
        "admin.service.invoke",
        {"name": "admin.account.edit", "payload": {"name": "bob", "roles": ["operator"]}},
    ),
    "through a channel": (
        "admin.channel.http.create",
        {"name": "x", "url_path": "/x", "service": "admin.account.edit", "security": ["bob"]},
    ),
    "through a channel to a gateway": (
        "admin.channel.http.create",
        {"name": "x", "url_path": "/x", "service": "zato.service.invoke", "security": ["bob"]},
    ),
    "a channel applied": (
        "admin.config.apply",
        {
            "config": {
                "channel": {
                    "http": {"x": {"url_path": "/x", "service": "admin.key.use", "security": "bob"}}
                }
            }
        },
    ),
    "a password presented": (
        "admin.outgoing.http.test",
        {"address": "http://127.0.0.1:1", "security": "bob"},
    ),
    "through a message": (
        "admin.failed.edit",
        {"id": "1-0", "service": "admin.account.edit", "payload": {"name": "bob"}},
    ),
    "an orphan": ("admin.orphan.delete", {"kind": "outgoing", "type": "none", "name": "x"}),
}
NOT_FINAL: dict[str, tuple[str, dict[str, Any]]] = {
    "looking": ("admin.account.get", {"name": "bob"}),
    "a definition": ("admin.security.basic.test", {"username": "a", "password": "a long password"}),
    "a credential of nobody": (
        "admin.security.apikey.create",
        {"name": "of-nobody", "key": "0f8c1d2e3b4a59687766554433221100ffeeddccbbaa9988"},
    ),
    "a connection": (
        "admin.outgoing.http.create",
        {"name": "plain", "address": "http://127.0.0.1:1", "security": "of-nobody"},
    ),
    "its end": ("admin.outgoing.http.delete", {"name": "plain"}),
    "its deletion": ("admin.security.apikey.delete", {"name": "of-nobody"}),
    "applying": ("admin.config.apply", {"config": {}}),
    "planning": ("admin.config.plan", {"config": {}, "prune": True}),
    "planning edits": (
        "admin.definition.change",
        {
            "edits": [{"kind": "role", "type": "role", "name": "guest", "mode": "create"}],
            "plan": True,
        },
    ),
}


def test_what_is_final_needs_the_password_once_more(server: RunningServer):
    earlier = token_of_earlier(server, "admin", 301.0)
    for service, settings in FINAL.values():
        status, problem = call(server, earlier, service, **settings)
        assert (status, problem["code"]) == (401, "password-required"), (service, problem)
        assert "admin.session.confirm" in problem["detail"] and problem["cid"]
    headers = {"Authorization": f"Bearer {earlier}"}
    answer = server.post(f"{API}admin.key.use", {"fingerprint": "0" * 64}, headers=headers)
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge and 'max_age="300"' in challenge
    for service, settings in NOT_FINAL.values():
        status, answered = call(server, earlier, service, **settings)
        assert status == 200, (service, answered)
    inner = base64.b64encode(b'{"fingerprint": ""}').decode()
    asked = {"name": "admin.key.use", "payload": inner, "data_format": "json"}
    gateway = {"name": "zato.service.invoke", "payload": asked}
    status, refused = call(server, earlier, "admin.service.invoke", **gateway)
    assert status == 401 and "admin.session.confirm" in json.dumps(refused), refused
    later = {**gateway, "payload": {**asked, "async": True}}
    status, refused = call(server, earlier, "admin.service.invoke", **later)
    assert status == 400 and "is not called later" in json.dumps(refused), refused
    (admin_service, settings) = FINAL["an account"]
    assert server.api(admin_service, settings), "each call with the password proves it"
    status, found = call(server, earlier, "admin.type.get", kind="account", type="account")
    finality = {action["action"]: action["final"] for action in found["actions"]}
    assert (finality["edit"], finality["list"]) == ("always", "never")
    lately = token_of_earlier(server, "admin", 200.0)
    assert call(server, lately, admin_service, **settings)[0] == 200


def test_a_session_is_confirmed_by_the_password(server: RunningServer):
    earlier = token_of_earlier(server, "admin", 301.0)
    bobs = token_of_earlier(server, "bob", 301.0)
    status, me = call(server, earlier, "admin.me")
    assert me["session"]["confirmed_until"] < time.time()
    for wrong in ("wrong", PASSWORDS["bob"], ""):
        status, problem = call(server, earlier, "admin.session.confirm", password=wrong)
        assert (status, problem["code"]) == (401, "wrong-password")
    given = {"user": "bob", "password": PASSWORDS["bob"]}
    status, problem = call(server, earlier, "admin.session.confirm", **given)
    assert (status, problem["code"]) == (401, "wrong-password"), "it is another user's"
    assert call(server, earlier, "admin.me")[0] == 200, "the session goes on"
    status, confirmed = call(server, earlier, "admin.session.confirm", password=server.password)
    assert status == 200 and confirmed["confirmed_until"] > time.time() + 200
    service, settings = FINAL["an account"]
    assert call(server, confirmed["token"], service, **settings)[0] == 200
    assert call(server, earlier, "admin.me")[0] == 401, "its token is another one (ASVS 7.2.4)"
    status, sessions = call(server, confirmed["token"], "admin.session.list")
    (own,) = [one for one in sessions["items"] if one["own"]]
    assert own["agent"] == "a browser"
    status, problem = call(server, bobs, service, **settings)
    assert (status, problem["code"]) == (403, "forbidden"), "a password would not help"
    auth = ("bob", PASSWORDS["bob"])
    answer = server.post(f"{API}admin.session.confirm", {"password": PASSWORDS["bob"]}, auth=auth)
    assert answer.status_code == 403, "there is no session to confirm"


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


def test_a_command_ends_the_sessions_of_a_user(server: RunningServer):
    tokens = [token(server, "bob") for _ in range(2)]
    assert "ended" in server.cli("session", "end", "--setting-user", "bob").stdout
    assert [call(server, one, "admin.me")[0] for one in tokens] == [401, 401]


def test_an_answer_does_not_tell_whether_there_is_a_name(server: RunningServer):
    """Definitions have realms of their own, and a name is judged by the one that has it."""
    server.api("admin.security.basic.edit", name="bob", realm="the realm of bob")
    answers = set()
    for name in ("bob", "olga", "admin", "nobody"):
        given = {"user": name, "password": "not the password"}
        for sent in (
            server.post(f"{API}admin.login", given),
            server.post(f"{API}admin.me", {}, auth=(name, "not the password")),
        ):
            challenge = sent.headers["WWW-Authenticate"]
            answers.add((sent.status_code, challenge, sent.json()["detail"]))
    assert answers == {
        (
            401,
            'Basic realm="Hansa admin", charset="UTF-8"',
            "the user name or the password is wrong",
        )
    }
    server.api("admin.security.basic.edit", name="bob", realm="")


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
