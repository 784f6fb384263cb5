"""Callers change their own password: by the one that there is, and nothing else of theirs goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from hansa.cli import commands
from hansa_devkit.harness.api_server import RunningServer

FIRST = "bob's long password"
SECOND = "another long password"
API = "/hansa/api/"
CHANGE = "admin.password.change"
CONFIG = """
[security.basic.elsewhere]
username = "elsewhere"
password = {"$env" = "PASSWORD_OF_ELSEWHERE"}

[security.apikey.key]
key = "a long key of these tests"

[account.account.elsewhere]
credentials = ["elsewhere", "key"]
roles = ["viewer"]

[http]
trusted_proxies = ["127.0.0.1"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(
        tmp_path_factory.mktemp("password"),
        CONFIG,
        workers=2,
        plugins=("audit", "history", "roles"),
        env={"PASSWORD_OF_ELSEWHERE": FIRST},
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def bob(server: RunningServer) -> Iterator[None]:
    """A user with the first password."""
    server.api("admin.security.basic.create", name="bob", username="bob", password=FIRST)
    server.api("admin.account.create", name="bob", credentials=["bob"], roles=["viewer"])
    yield
    server.api("admin.account.delete", name="bob")
    server.api("admin.security.basic.delete", name="bob")


def login(server: RunningServer, password: str, user: str = "bob") -> tuple[int, str]:
    answer = server.post(f"{API}admin.login", {"user": user, "password": password})
    return answer.status_code, str(answer.json().get("token", ""))


def call(
    server: RunningServer, token: str, service: str, /, **settings: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = server.post(API + service, settings, headers=headers)
    return answer.status_code, answer.json()


def test_all_other_sessions_end_and_the_own_one_goes_on(server: RunningServer, bob: None):
    since = time.time()
    _, other = login(server, FIRST)
    _, own = login(server, FIRST)
    status, done = call(server, own, CHANGE, password=FIRST, new=SECOND)
    assert (status, done["ended"]) == (200, 1), done
    token = done["session"]["token"]
    for _ in range(10):  # at any worker
        assert call(server, token, "admin.me")[0] == 200
        assert call(server, own, "admin.me")[0] == 401, "its token is another one (ASVS 7.2.4)"
        assert call(server, other, "admin.me")[0] == 401
    status, listed = call(server, token, "admin.session.list")
    assert [one["own"] for one in listed["items"]] == [True]
    assert (login(server, FIRST)[0], login(server, SECOND)[0]) == (401, 200)
    recorded = server.api("admin.audit.list", since=since, service=CHANGE)["items"]
    assert [(one["by"], one["outcome"]) for one in recorded] == [("bob", "ok")]
    everything = str(server.api("admin.audit.list", limit=1000))
    everything += str(server.api("admin.history.list", limit=1000))
    assert FIRST not in everything and SECOND not in everything
    (change,) = server.api("admin.history.list", name="bob", type="basic", limit=1)["items"]
    assert (change["by"], change["revision"]) == ("bob", done["revision"])


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"password": "wrong", "new": SECOND}, 401, "wrong-password"),
        ({"password": "", "new": SECOND}, 401, "wrong-password"),
        ({"password": FIRST, "new": FIRST}, 400, "already"),
        ({"password": FIRST, "new": "short"}, 400, "'new'"),
        ({"password": FIRST, "new": "bob"}, 400, "'new'"),
        ({"password": FIRST, "new": ""}, 400, "'new'"),
        ({"new": SECOND}, 400, "password"),
    ],
)
def test_what_is_refused_changes_nothing(
    server: RunningServer, bob: None, given: dict[str, str], status: int, said: str
):
    _, own = login(server, FIRST)
    found, problem = call(server, own, CHANGE, **given)
    assert found == status, problem
    assert said in str(problem)
    assert call(server, own, "admin.me")[0] == 200, "the session goes on"
    assert login(server, FIRST)[0] == 200


def test_passwords_that_are_not_the_clusters_stay_as_they_are(server: RunningServer):
    _, admins = login(server, server.password, "admin")
    status, problem = call(server, admins, CHANGE, password=server.password, new=SECOND)
    assert (status, problem["code"]) == (409, "conflict")
    assert "hansa update password" in problem["detail"]
    _, own = login(server, FIRST, "elsewhere")
    status, problem = call(server, own, CHANGE, password=FIRST, new=SECOND)
    assert status == 409 and "stands elsewhere ($env)" in problem["detail"], problem
    headers = {"X-API-Key": "a long key of these tests"}
    answer = server.post(API + CHANGE, {"password": FIRST, "new": SECOND}, headers=headers)
    assert answer.status_code == 409 and "no password of its own" in answer.text


def test_guesses_are_held_up_as_at_a_login(server: RunningServer, bob: None):
    _, own = login(server, FIRST)
    headers = {"Authorization": f"Bearer {own}", "X-Forwarded-For": "192.0.2.44"}
    for number in range(40):
        given = {"password": f"a wrong guess {number}", "new": SECOND}
        answer = server.post(API + CHANGE, given, headers=headers)
        assert answer.status_code in (401, 429)
        if "Retry-After" in answer.headers:
            return
    pytest.fail("40 guesses were judged")


def test_the_command(server: RunningServer, bob: None):
    variables = {
        "HANSA_SERVER": server.url,
        "HANSA_USER": "bob",
        "HANSA_ADMIN_PASSWORD": FIRST,
        "NO_COLOR": "1",
    }
    _, other = login(server, FIRST)
    runner = CliRunner(env=variables)
    wrong = runner.invoke(commands, ["password", "--from-stdin"], input="one line\n")
    assert wrong.exit_code == 2 and "two lines" in wrong.output
    done = runner.invoke(commands, ["password", "--from-stdin"], input=f"{FIRST}\n{SECOND}\n")
    assert done.exit_code == 0, done.output
    assert "changed, revision" in done.output and "have ended: 1" in done.output
    assert call(server, other, "admin.me")[0] == 401
    runner = CliRunner(env={**variables, "HANSA_ADMIN_PASSWORD": SECOND})
    back = runner.invoke(commands, ["password", "--json"], input=f"{SECOND}\n{FIRST}\n{FIRST}\n")
    assert back.exit_code == 0 and '"session": null' in back.output, back.output
    assert login(server, FIRST)[0] == 200
