"""Forms that come when their session has ended, and acts that need the password once more."""

from __future__ import annotations

import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from falcon.testing import Result
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.api import ApiError, Appearance
from hansa_web.api_login import CONFIRM, PASSWORD_NEEDED
from hansa_web.kept_forms import KeptForms, without_secrets
from hansa_web.sessions import Sessions
from hansa_web.visit import Form

from plugins.web.tests.conftest import CLUSTER, Browser

NEW = f"/{CLUSTER}/outgoing/telegraph/new"
ENTERED = {"sign": "OXZ", "code": "morse", "key": "hidden-key", "~secrets": "key", "note": "a\nb"}


def end_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an hour pass for the sessions of the web admin."""
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 3600)
    monkeypatch.setattr("hansa_web.sessions.time", later)


def logged_in_again(browser: Browser, answer: Result, password: str) -> Result:
    """The page that a login leads to from the answer to a form."""
    location = answer.headers["location"]
    page = browser.get(location)
    assert "is kept for 10 minutes" in page.text and 'value="admin"' in page.text
    query = parse_qs(urlsplit(location).query)
    fields = {"cluster": CLUSTER, "user": "admin", "password": password, "next": query["next"][0]}
    return browser.get(browser.post("/login", fields).headers["location"])


@pytest.mark.parametrize("where", ["here", "in the API"])
def test_a_form_of_a_session_that_has_ended_comes_back_and_applies_nothing(
    browser: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    browser.get(NEW)
    before = server.api("admin.cluster.status")["revision"]
    if where == "here":
        end_session(monkeypatch)
    else:
        server.api("admin.session.end", user="admin")
        # a poll learns it first
        browser.get(f"/{CLUSTER}/services", **{"X-Live": "1"})
    answer = browser.post(NEW, {"name": "kept", **ENTERED})
    assert answer.status_code == 303
    page = logged_in_again(browser, answer, server.password)
    assert page.status_code == 200
    for text in ('value="kept"', 'value="OXZ"', "a\nb</textarea>", "nothing was applied"):
        assert text in page.text, text
    assert "hidden-key" not in page.text
    assert server.api("admin.cluster.status")["revision"] == before


def test_a_form_of_another_page_is_listed_by_its_fields(
    browser: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/{CLUSTER}/configuration"
    browser.get(path)
    end_session(monkeypatch)
    answer = browser.post(path, {"config": '{"<b>": 1}', "action": "plan"})
    page = logged_in_again(browser, answer, server.password)
    assert "{&#34;&lt;b&gt;&#34;: 1}" in page.text and 'name="action" value="plan"' in page.text


def test_a_form_comes_back_to_nobody_else(
    browser: Browser, stranger: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.get(NEW)
    end_session(monkeypatch)
    without_token = browser.post(NEW, {"name": "forged"}, token="wrong")
    assert "~kept" not in without_token.headers["location"]
    assert "~kept" not in stranger.post(NEW, {"name": "x"}).headers["location"]
    answer = browser.post(NEW, {"name": "mine", **ENTERED})
    following = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    monkeypatch.undo()
    server.api(
        "admin.security.basic.create",
        name="kept-other",
        username="kept-other",
        password="other-password-1",
    )
    server.api(
        "admin.account.create", name="kept-other", credentials=["kept-other"], roles=["developer"]
    )
    assert stranger.log_in("other-password-1", "kept-other").status_code == 303
    assert 'value="OXZ"' not in stranger.get(following).text


def test_forms_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptForms()
    large = Form({"text": ["x" * 4_000_000]})
    names = [kept.keep("c", "ada", "/c/x", large, {}) for _ in range(10)]
    assert kept.keep("c", "ada", "/c/x", Form({"text": ["x" * 5_000_000]}), {}) == ""
    assert kept.find(names[0], "c", "ada") is None
    assert kept.find(names[-1], "c", "ada") is not None
    assert kept.find(names[-1], "c", "eve") is None
    assert kept.find(names[-1], "d", "ada") is None
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 601)
    monkeypatch.setattr("hansa_web.kept_forms.time", later)
    assert kept.find(names[-1], "c", "ada") is None


def test_secrets_are_not_kept() -> None:
    posted = {"form_token": ["t"], "password": ["p"], "key": ["k"], "~secrets": ["key"], "a": ["b"]}
    assert without_secrets(Form(posted)).fields == {"a": ["b"]}


@pytest.mark.parametrize("path", ["security/basic/doomed", "outgoing/telegraph/doomed"])
def test_in_production_the_name_of_what_is_deleted_for_good_is_typed_in(
    browser: Browser, server: RunningServer, path: str
) -> None:
    login = {"username": "doomed", "password": "a long password 1"}
    is_final = path.startswith("security")
    settings = login if is_final else {"sign": "OXZ", "code": "morse"}
    service = "admin." + path.replace("/doomed", "").replace("/", ".")
    made = server.api(f"{service}.create", name="doomed", **settings)
    browser.api.appearance = Appearance("PROD", "red", True)
    address = f"/{CLUSTER}/{path}/delete"
    assert ('name="typed"' in browser.get(address).text) is is_final
    fields = {"seen_revision": made["revision"]}
    if is_final:
        refused = browser.post(address, {**fields, "typed": "doom"})
        assert refused.status_code == 422 and "type doomed to confirm" in refused.text
    assert browser.post(address, {**fields, "typed": "doomed"}).status_code == 303


def test_in_production_a_configuration_that_deletes_needs_the_name_of_the_cluster(
    browser: Browser,
) -> None:
    browser.get(f"/{CLUSTER}/configuration")
    browser.api.appearance = Appearance("PROD", "red", True)
    fields = {"config": '{"channel": {}}', "prune": "yes", "action": "apply"}
    refused = browser.post(f"/{CLUSTER}/configuration", fields)
    assert refused.status_code == 422 and f"type {CLUSTER} to confirm" in refused.text


def test_what_was_entered_last_comes_back(browser: Browser, server: RunningServer) -> None:
    address = NEW
    for sign in ("OXA", "OXB"):
        browser.get(address)
        server.api("admin.session.end", user="admin")
        answer = browser.post(address, {"name": "twice", **ENTERED, "sign": sign})
        page = logged_in_again(browser, answer, server.password)
        assert f'value="{sign}"' in page.text
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        address = query["next"][0]


@pytest.mark.parametrize("where", ["here", "in the API"])
def test_a_form_that_waits_for_the_password_outlives_its_session(
    browser: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    browser.get(NEW)
    call = browser.api.call

    def guarded(service, *given, **more):
        if service.endswith(".create"):
            raise ApiError(401, {"code": PASSWORD_NEEDED, "detail": "needs the password"})
        return call(service, *given, **more)

    monkeypatch.setattr(browser.api, "call", guarded)
    asked = browser.post(NEW, {"name": "waits", **ENTERED})
    kept = asked.text.partition('name="~kept" value="')[2].partition('"')[0]
    if where == "here":
        end_session(monkeypatch)
        late = browser.post(NEW, {"~kept": "forgotten", "password": server.password})
        query = parse_qs(urlsplit(late.headers["location"]).query)
        assert query["next"] == [NEW] and "kept" not in query
    else:
        server.api("admin.session.end", user="admin")
    answer = browser.post(NEW, {"~kept": kept, "password": server.password})
    page = logged_in_again(browser, answer, server.password)
    assert 'value="waits"' in page.text and 'value="OXZ"' in page.text
    assert "hidden-key" not in page.text


def test_a_session_that_ended_meanwhile_is_not_renewed() -> None:
    sessions = Sessions(60, 60)
    token, _ = sessions.begin({})
    renewed = sessions.renew(token)
    assert sessions.find(token) is None and sessions.find(renewed) is not None
    sessions.end(renewed)
    assert sessions.renew(renewed) == renewed


def test_what_is_final_asks_for_the_password_and_goes_on(
    browser: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = browser.api.call
    login = {"user": "admin", "password": server.password}
    proven: list[str] = []

    def guarded(service, data, access, address=""):
        if service == CONFIRM:
            if data["password"] != server.password:
                problem = {"code": "wrong-password", "detail": "the password is wrong"}
                raise ApiError(401, problem)
            proven.append(service)
            return {"token": call("admin.login", login, None)["token"]}
        if service.endswith(".create") and not proven:
            raise ApiError(401, {"code": PASSWORD_NEEDED, "detail": "needs the password"})
        return call(service, data, access, address)

    monkeypatch.setattr(browser.api, "call", guarded)
    browser.get(NEW)
    asked = browser.post(NEW, {"name": "proven", **ENTERED})
    assert asked.status_code == 403 and "Password of admin" in asked.text
    assert "hidden-key" not in asked.text
    kept = asked.text.partition('name="~kept" value="')[2].partition('"')[0]
    wrong = browser.post(NEW, {"~kept": kept, "password": "wrong"})
    assert wrong.status_code == 403 and "password is wrong" in wrong.text
    cookies = dict(browser.cookies)
    done = browser.post(NEW, {"~kept": kept, "password": server.password})
    assert done.status_code == 303, done.text
    assert server.api("admin.outgoing.telegraph.get", name="proven")["note"] == "a\nb"
    assert browser.cookies != cookies
    again = browser.post(NEW, {"~kept": kept, "password": server.password})
    assert again.status_code == 410
