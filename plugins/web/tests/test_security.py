"""Who may see and post what, and what every answer says to browsers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_web.api import Access, Relayed
from hansa_web.guard import HEADERS, POLICY
from hansa_web.pages import PAGES
from hansa_web.recent import RecentAnswers
from hansa_web.rendering import asset
from hansa_web.sessions import Sessions

from plugins.web.tests.conftest import CLUSTER, Browser

PATHS = [f"/{CLUSTER}{page.path}" for page in PAGES]
FILLED = {"{kind}": "channel", "{type}": "http", "{name}": "nothing"}
OTHERS = ["/", "/login", "/nowhere", asset("web.css"), asset("web.js"), asset("icon.svg")]


def filled(path: str) -> str:
    """A path of the table with values in it."""
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("path", [*PATHS, *OTHERS])
def test_every_answer_has_the_headers(browser: Browser, path: str) -> None:
    answer = browser.get(filled(path))
    for name, value in HEADERS.items():
        if name != "Cache-Control" or not path.startswith("/static/"):
            assert answer.headers[name] == value, (path, name)
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_is_led_to_the_login_and_back(stranger: Browser, path: str) -> None:
    answer = stranger.get(filled(path))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?cluster=tests&next=%2Ftests")


def test_login_and_logout(stranger: Browser, server: RunningServer) -> None:
    refused = stranger.log_in("wrong")
    assert refused.status_code == 401
    assert "not right" in refused.text and "wrong" not in refused.text
    fields = {"cluster": CLUSTER, "user": "admin", "password": server.password}
    answer = stranger.post("/login", {**fields, "next": "/tests/channels"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/tests/channels")
    (cookie,) = answer.cookies.values()
    assert cookie.http_only and cookie.path == "/" and cookie.same_site == "Lax"
    assert not cookie.secure  # plain HTTP, which is for loopback alone
    assert stranger.get("/tests").status_code == 200
    token = stranger.cookies[cookie.name]
    assert stranger.post("/logout", {}).headers["location"] == "/login"
    stranger.cookies = {cookie.name: token}
    assert stranger.get("/tests").status_code == 303


def test_login_where_nothing_provides_sessions(tmp_path: Path) -> None:
    with servers(tmp_path) as make:
        server = make(workers=1, plugins=("web",))
        browser = Browser(server.url)
        assert browser.log_in("wrong").status_code == 401
        assert browser.log_in(server.password).status_code == 303
        assert browser.get(f"/{CLUSTER}").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "x"])
def test_a_login_leads_nowhere_else(stranger: Browser, server: RunningServer, path: str) -> None:
    fields = {"cluster": CLUSTER, "user": "admin", "password": server.password, "next": path}
    assert stranger.post("/login", fields).headers["location"] == "/tests"


def test_each_login_has_a_token_of_its_own(browser: Browser, server: RunningServer) -> None:
    def sessions() -> set[str]:
        return {one["session"] for one in server.api("admin.session.list")["items"]}

    before = sessions()
    browser.log_in(server.password)
    cookies = dict(browser.cookies)
    (first,) = sessions() - before
    browser.log_in(server.password)
    assert browser.cookies != cookies
    assert first not in sessions()
    after = browser.cookies
    browser.cookies = cookies
    assert browser.get("/tests").status_code == 303
    browser.cookies = after
    assert browser.get("/tests").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://falconframework.org:8184"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    for path in ("/tests/channel/http/new", "/logout", "/login"):
        assert browser.post(path, {}, **headers).status_code == 403
    assert browser.get("/tests").status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
def test_a_form_without_the_token_of_the_session_is_refused(browser: Browser, token: str) -> None:
    fields = {"name": "forged", "url_path": "/forged", "service": "admin.service.list"}
    assert browser.post("/tests/channel/http/new", fields, token=token).status_code == 403
    assert browser.post("/logout", {}, token=token).status_code == 403


def test_get_changes_nothing(browser: Browser, server: RunningServer) -> None:
    before = server.api("admin.cluster.status")["revision"]
    query = f"?form_token={browser.token}&name=by-get&url_path=/by-get&action=save"
    for path in PATHS:
        browser.get(filled(path) + query)
    assert browser.get("/logout").status_code == 405
    assert server.api("admin.cluster.status")["revision"] == before


def test_markup_in_names_and_settings_is_text(browser: Browser, server: RunningServer) -> None:
    hostile = "\"><script>alert(1)<b>'"
    server.api(
        "admin.channel.http.create",
        name=hostile.replace("/", ""),
        url_path="/hostile",
        service="admin.service.list",
        security="admin",
    )
    name = "%22%3E%3Cscript%3Ealert(1)%3Cb%3E%27"
    paths = ["channels", f"channel/http/{name}", f"channel/http/{name}/edit"]
    for path in [*paths, f"channel/http/{name}/delete", "channels?filter=%22%3E%3Cscript%3E"]:
        answer = browser.get(f"/tests/{path}")
        assert answer.status_code == 200, path
        assert "<script>" not in answer.text and "<b>" not in answer.text, path
    answer = browser.post(f"/tests/channel/http/{name}/delete", {"seen_revision": "0"})
    assert answer.status_code == 409 and "<script>" not in answer.text


def test_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("hansa_web.sessions.time.monotonic", lambda: now)
    sessions = Sessions(idle=60, longest=200)
    token, session = sessions.begin({})
    assert token not in repr(vars(sessions))
    for step in (50, 50, 50):
        now += step
        assert sessions.find(token) is session
    now += 30
    assert sessions.find(token, is_use=False) is session  # a poll does not keep it
    now += 31
    assert sessions.find(token) is None
    token, _ = sessions.begin({})
    for _ in range(5):
        now += 50
        found = sessions.find(token)
    assert found is None  # used all the time, and too old


def test_the_api_is_passed_on_as_it_is(stranger: Browser, server: RunningServer) -> None:
    asked = {"path": "/hansa/api/admin.server.status", "body": "{}"}
    refused = stranger.client.simulate_post(**asked)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert refused.headers["content-security-policy"] == POLICY
    login = server.post("/hansa/api/admin.server.status", auth=("admin", server.password))
    answer = stranger.client.simulate_post(
        **asked, headers={"Authorization": str(login.request.headers["Authorization"])}
    )
    assert answer.status_code == 200
    assert json.loads(answer.text)["cluster"] == login.json()["cluster"]
    foreign = {
        "Authorization": str(login.request.headers["Authorization"]),
        "Origin": "https://evil.example",
    }
    assert stranger.client.simulate_post(**asked, headers=foreign).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("..%2f..%2fhansa/ready", 404),
        ("%2e%2e%2f%2e%2e%2fhansa/ready", 404),
        (".%2fadmin.me", 404),
        ("admin.me%3fa=b", 404),
        ("admin.me%23a", 404),
        ("admin.me%0d%0aX-Injected:%20a", 404),
        ("..%252f..%252fhansa/ready", 404),
    ],
)
def test_a_relayed_path_leads_to_nothing_but_the_api(
    stranger: Browser, server: RunningServer, path: str, status: int
) -> None:
    login = server.post("/hansa/api/admin.me", auth=("admin", server.password))
    headers = {"Authorization": str(login.request.headers["Authorization"])}
    answer = stranger.client.simulate_get(f"/hansa/api/{path}", headers=headers)
    assert answer.status_code in (status, 405), answer.text
    posted = stranger.client.simulate_post(f"/hansa/api/{path}", headers=headers, body="{}")
    assert posted.status_code == status, posted.text


def test_what_a_relayed_answer_may_not_say(stranger: Browser) -> None:
    sent: list[dict[str, str]] = []

    def relay(method: str, path: str, headers: dict[str, str], body: bytes) -> Relayed:
        sent.append(headers)
        page = [("Content-Type", "text/html"), ("Set-Cookie", "hansa-8183=x"), ("X-Other", "a")]
        return Relayed(200, page, b"<script>alert(1)</script>")

    stranger.api.relay = relay  # type: ignore[method-assign, assignment]  # an answer as wanted
    answer = stranger.client.simulate_get(
        "/hansa/api/x", headers={"X-Forwarded-For": "10.9.8.7"}, remote_addr="192.0.2.7"
    )
    assert (answer.headers["x-other"], answer.cookies) == ("a", {})
    assert answer.headers["content-security-policy"] == POLICY
    assert sent[0]["X-Forwarded-For"] == "192.0.2.7"


def test_a_relayed_header_may_have_any_bytes(server: RunningServer) -> None:
    api = Browser(server.url).api
    headers = {"User-Agent": "\xe4\xff", "Authorization": "B\xe4r \xff", "Host": "\xff"}
    assert api.relay("POST", "/hansa/api/admin.me", headers, b"{}").status in (400, 401)


def test_a_poll_is_not_answered_for_another_login_of_the_user() -> None:
    calls: list[str] = []

    class Api:
        def call(self, service: str, data: object, access: Access) -> dict[str, str]:
            calls.append(access.authorization)
            return {"for": access.authorization}

    recent = RecentAnswers(Api())  # type: ignore[arg-type]  # the one method that is called
    first = Access.bearer("ada", "one")
    other = Access.bearer("ada", "two")
    assert recent.call("admin.me", {}, first) == recent.call("admin.me", {}, first)
    assert recent.call("admin.me", {}, other) == {"for": "Bearer two"}
    assert calls == ["Bearer one", "Bearer two"]
