"""Definitions by mouse: created, edited, tried and deleted as by the API, with faults at their fields."""

from __future__ import annotations

import re

import pytest
from hansa_devkit.harness.api_server import RunningServer

from plugins.web.tests.conftest import Browser

NEW = "/tests/channel/http/new"


def revision(browser: Browser, path: str) -> str:
    """The revision that the form of a page was shown for."""
    found = re.search(r'name="seen_revision" value="(\d+)"', browser.get(path).text)
    assert found is not None
    return found[1]


def test_a_channel_is_created_edited_and_deleted(browser: Browser, server: RunningServer) -> None:
    fields = {"name": "made", "url_path": "/made", "service": "admin.service.list"}
    fields |= {"security": "admin", "cors.origins": "https://a.example\r\nhttps://b.example"}
    answer = browser.post(NEW, fields)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/tests/channel/http/made"
    page = browser.get("/tests/channel/http/made")
    assert "made is created, revision" in page.text and "/made" in page.text
    made = server.api("admin.channel.http.get", name="made")
    assert made["cors"]["origins"] == ["https://a.example", "https://b.example"]
    assert "made" in browser.get("/tests/channels?filter=mad&type=http").text

    path = "/tests/channel/http/made/edit"
    seen = revision(browser, path)
    answer = browser.post(path, {"seen_revision": seen, **fields, "url_path": "/other"})
    assert answer.status_code == 303, answer.text
    edited = server.api("admin.channel.http.get", name="made")
    assert (edited["url_path"], edited["cors"]) == ("/other", made["cors"])
    # emptied is the default again
    answer = browser.post(
        path, {**fields, "seen_revision": revision(browser, path), "cors.origins": ""}
    )
    assert server.api("admin.channel.http.get", name="made")["cors"]["origins"] == []

    # somebody who saw an older one loses nothing and overwrites nothing
    seen = revision(browser, path)
    server.api("admin.channel.http.edit", name="made", match_slash=True)
    answer = browser.post(path, {"seen_revision": seen, **fields, "url_path": "/late"})
    assert answer.status_code == 409
    assert 'value="/late"' in answer.text and "Somebody else has changed it" in answer.text
    row = answer.text.partition('<a href="#f-match_slash">')[2].partition("</tr>")[0]
    assert row.count("<td>no</td>") + row.count("<td>none</td>") == 1 and "<td>yes</td>" in row
    assert "as it is now" in row
    stored = server.api("admin.channel.http.get", name="made")
    assert stored["url_path"] == "/made"
    fields |= {"seen_revision": str(stored["revision"]), "url_path": "/late"}
    assert browser.post(path, {**fields, "match_slash": "true"}).status_code == 303
    stored = server.api("admin.channel.http.get", name="made")
    assert (stored["url_path"], stored["match_slash"]) == ("/late", True)

    path = "/tests/channel/http/made/delete"
    answer = browser.post(path, {"seen_revision": revision(browser, path)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/tests/channels")
    assert browser.get("/tests/channel/http/made").status_code == 404


def test_faults_stand_at_their_fields_and_nothing_entered_is_lost(browser: Browser) -> None:
    answer = browser.post(
        NEW, {"name": "", "method": "FETCH", "url_path": "", "service": "no.such"}
    )
    assert answer.status_code == 422
    assert "faults – New channel http" in answer.text
    for path in ("url_path", "name"):
        assert f'href="#f-{path}"' in answer.text
        field = answer.text.partition(f'id="f-{path}"')[2].partition("</div>")[0]
        assert 'aria-invalid="true"' in field and 'class="fault"' in field
    assert 'value="no.such"' in answer.text


def test_what_is_tried_is_not_stored(browser: Browser, server: RunningServer) -> None:
    fields = {"name": "tried", "url_path": "/tried", "service": "admin.service.list"}
    answer = browser.post(NEW, {**fields, "security": "admin", "action": "test"})
    assert answer.status_code == 200
    assert "the settings are valid" in answer.text and 'value="tried"' in answer.text
    assert browser.get("/tests/channel/http/tried").status_code == 404


def test_secrets_are_kept_and_never_shown(browser: Browser, server: RunningServer) -> None:
    new = "/tests/security/basic/new"
    fields = {"name": "partner", "username": "partner", "password": "a very long secret 1"}
    assert browser.post(new, fields).status_code == 303
    path = "/tests/security/basic/partner/edit"
    page = browser.get(path)
    assert "very long secret" not in page.text and "It is kept unless" in page.text
    fields = {"seen_revision": revision(browser, path), "username": "other", "password": ""}
    assert browser.post(path, fields).status_code == 303
    assert server.api("admin.security.basic.get", name="partner")["username"] == "other"
    fields = {"name": "p2", "username": "p2", "password~from": "$env"}
    answer = browser.post(new, {**fields, "password~reference": "NOT_SET_ANYWHERE"})
    assert answer.status_code == 422 and "NOT_SET_ANYWHERE" in answer.text
    refused = browser.post(new, {"name": "p3", "username": "", "password": "another long secret"})
    assert refused.status_code == 422 and "another long secret" not in refused.text


def test_ping(browser: Browser, server: RunningServer) -> None:
    server.api("admin.outgoing.http.create", name="itself", address=server.url)
    path = "/tests/outgoing/http/itself"
    assert "Ping" in browser.get(path).text
    answer = browser.post(path, {"action": "ping"})
    assert answer.status_code == 200 and "<strong>Ping:</strong> succeeded" in answer.text
    answer = browser.post(path, {"action": "delete"})
    assert answer.status_code == 422


TELEGRAPH = "/tests/outgoing/telegraph"
CHOSEN = "from hansa import Service\n\n\nclass Chosen(Service):\n    def handle(self):\n        return 1\n"
FILLED = {
    "sign": "OXZ",
    "code": "baudot",
    "answers": "admin.service.list",
    "opened": "2026-11-30T12:00:00Z",
    "signs": "OXA\r\nOXB",
    "days": "mon",
    "prices~keys": ["dk", "se"],
    "prices": ["1.20", "1.40"],
    "key": "dah dit dah",
    "urgent": "true",
    "note": "one\r\ntwo",
    "wire.speed": "30",
    "wire.tone": "440.5",
}


def test_the_form_of_a_type_that_nobody_here_knows(browser: Browser, server: RunningServer) -> None:
    page = browser.get(f"{TELEGRAPH}/new").text
    assert "<p>Sends telegrams.</p>" in page and "one a line, of mon, tue" in page
    assert "<summary>More about this type</summary><p>For subclasses: there is none.</p>" in page
    assert (
        page.index('id="f-sign"') < page.index('id="f-answers"') < page.index('id="f-wire.speed"')
    )
    fold = '<details class="group"><summary>Wire <small>2 settings</small></summary>'
    assert fold in page and "1 to 60" in page and "Default: 20" in page
    empty = browser.post(f"{TELEGRAPH}/new", {"name": "", "sign": "", "code": ""})
    assert empty.status_code == 422
    for path in ("name", "sign", "code"):
        field = empty.text.partition(f'id="f-{path}-about"')[2].partition("</div>")[0]
        assert 'class="fault"' in field, path
    faulty = browser.post(f"{TELEGRAPH}/new", {**FILLED, "name": "main", "wire.speed": "99"})
    assert faulty.status_code == 422
    assert '<details class="group" open><summary>Wire <small>2 settings, 2 set' in faulty.text
    assert 'value="440.5"' in faulty.text and "dah dit" not in faulty.text
    answer = browser.post(f"{TELEGRAPH}/new", {**FILLED, "name": "main"})
    assert answer.status_code == 303, answer.text
    stored = server.api("admin.outgoing.telegraph.get", name="main")
    assert (stored["sign"], stored["code"], stored["urgent"]) == ("OXZ", "baudot", True)
    assert (stored["signs"], stored["prices"]) == (["OXA", "OXB"], {"dk": "1.20", "se": "1.40"})
    assert stored["days"] == ["mon"]
    assert (stored["note"], stored["wire"]) == ("one\ntwo", {"speed": 30, "tone": 440.5})
    assert stored["opened"].startswith("2026-11-30T12:00:00") and "key" not in stored

    path = f"{TELEGRAPH}/main/edit"
    page = browser.get(path).text
    assert '<details class="group" open><summary>Wire' in page and "It is kept unless" in page
    assert "OXA\nOXB</textarea>" in page and "dah dit" not in page
    fields = {**FILLED, "key": "", "sign": "OXY", "wire.tone": ""}
    done = browser.post(path, {**fields, "seen_revision": revision(browser, path)})
    assert done.status_code == 303, done.text
    edited = server.api("admin.outgoing.telegraph.get", name="main")
    assert (edited["sign"], edited["wire"]) == ("OXY", {"speed": 30, "tone": None})


def test_what_a_field_refers_to_can_be_chosen(browser: Browser, server: RunningServer) -> None:
    server.deploy("chosen.py", CHOSEN)
    page = browser.get(f"{TELEGRAPH}/new").text
    assert 'id="f-answers" name="answers" value=""' in page
    assert '<datalist id="f-answers-names">' in page and "<option>chosen.chosen</option>" in page
    server.api("admin.outgoing.telegraph.create", name="relay", sign="OXR", code="morse")
    page = browser.get(f"{TELEGRAPH}/new?through=relay").text
    assert '<select id="f-through"' in page and "<option selected>relay</option>" in page
    answer = browser.post(f"{TELEGRAPH}/new", {**FILLED, "name": "far", "through": "gone"})
    assert answer.status_code == 422
    assert '<option value="gone" selected>gone (is not there)</option>' in answer.text
    page = browser.get("/tests/channel/http/new").text
    names = page.partition('id="f-security-about"')[2].partition("</div>")[0]
    assert "There are: " in names and "admin" in names


def test_a_form_of_every_type_can_be_drawn_and_says_what_is_missing(
    browser: Browser, server: RunningServer
) -> None:
    description = server.get("/hansa/api/openapi.json", auth=("admin", server.password)).json()
    found = [
        re.fullmatch(r"/hansa/api/admin\.([a-z0-9-]+)\.([a-z0-9-]+)\.create", path)
        for path in description["paths"]
    ]
    types = [match.groups() for match in found if match is not None]
    assert len(types) > 20
    for kind, type in types:
        page = browser.get(f"/tests/{kind}/{type}/new")
        assert page.status_code == 200, (kind, type)
        assert len(page.text) < 120_000, (kind, type)
        answer = browser.post(f"/tests/{kind}/{type}/new", {"name": ""})
        assert answer.status_code == 422, (kind, type, answer.text)
        assert 'href="#f-name"' in answer.text, (kind, type)


def test_definitions_of_plugins_are_hidden_until_asked_for(
    browser: Browser, server: RunningServer
) -> None:
    found = server.api("admin.definition.list", kind="role", limit=1000)["items"]
    names = [one["name"] for one in found if one["builtin"]]
    assert names
    page = browser.get("/tests/role").text
    assert f"show built-in ({len(names)})" in page
    assert f"/tests/role/role/{names[0]}" not in page
    page = browser.get("/tests/role?builtin=yes").text
    assert f"/tests/role/role/{names[0]}" in page and f"show built-in ({len(names)})" in page


@pytest.mark.parametrize("path", ["nothing", "channel/nothing/new", "channel/http/nothing"])
def test_what_is_not_there_is_said(browser: Browser, path: str) -> None:
    answer = browser.get(f"/tests/{path}")
    assert answer.status_code == 404
    assert "Status 404" in answer.text


def test_a_change_is_shown_and_undone(browser: Browser, server: RunningServer) -> None:
    server.api(
        "admin.channel.http.create",
        name="undone",
        url_path="/a",
        service="admin.service.list",
        security="admin",
    )
    done = server.api("admin.channel.http.edit", name="undone", url_path="/b")
    path = f"/tests/changes/{done['revision']}"
    page = browser.get(path)
    assert "− /a" in page.text and "+ /b" in page.text
    assert f'href="{path}"' in browser.get("/tests/changes?name=undone").text
    planned = browser.get(f"{path}/revert?undo=yes")
    assert planned.status_code == 200 and "− /b" in planned.text
    assert server.api("admin.channel.http.get", name="undone")["url_path"] == "/b"
    seen = re.search(r'name="seen_revision" value="(\d+)"', planned.text)
    assert seen is not None
    fields = {"undo": "yes", "seen_revision": seen[1]}
    assert browser.post(f"{path}/revert", fields).status_code == 303
    assert server.api("admin.channel.http.get", name="undone")["url_path"] == "/a"
