"""What a field is to name is made from its form: "new…" opens a form, and comes back to the first one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.kept_forms import KEPT_OPEN

from plugins.web.tests.conftest import Browser

CHANNEL = "/tests/channel/http/new"
STATION = "/tests/outgoing/telegraph"
PASSWORD = "a password of a partner 1"
SOURCE = """
from hansa import Service


class Answer(Service):
    def handle(self):
        return 1
"""


def opened(browser: Browser, path: str, fields: Mapping[str, object], action: str) -> str:
    """Press a button "new…" of a form; returns where it leads to."""
    answer = browser.post(path, {**fields, "action": action})
    assert answer.status_code == 303, answer.text
    found: str = answer.headers["location"]
    return found


def test_a_security_definition_is_made_from_the_form_of_a_channel(
    browser: Browser, server: RunningServer
) -> None:
    page = browser.get(CHANNEL).text
    assert 'value="new:basic:security" aria-label="security: new basic"' in page
    fields: dict[str, object] = {"name": "opened", "url_path": "/o", "service": "admin.me"}
    new = opened(browser, CHANNEL, fields, "new:basic:security")
    assert new.startswith("/tests/security/basic/new?")
    page = browser.get(new).text
    cancel = re.search(r'<a class="button" href="([^"]+)">Cancel', page)
    assert cancel is not None and cancel[1].startswith(CHANNEL)
    assert 'value="/o"' in browser.get(cancel[1].replace("&amp;", "&")).text
    # a faulty one stays a form that leads back
    assert browser.post(new, {"name": "opener", "username": ""}).status_code == 422
    done = browser.post(new, {"name": "opener", "username": "opener", "password": PASSWORD})
    back = done.headers["location"]
    assert back.startswith(f"{CHANNEL}?")
    page = browser.get(back).text
    assert "opener is created" in page and "\nopener</textarea>" in page
    assert 'value="/o"' in page and PASSWORD not in page
    saved = browser.post(back, {**fields, "security": "opener"})
    assert saved.headers["location"] == "/tests/channel/http/opened"
    assert server.api("admin.channel.http.get", name="opened")["security"] == "opener"
    # edited, to go on with a definition that has a name in Unicode
    server.api(
        "admin.channel.http.create",
        name="brücke 1",
        url_path="/b",
        service="admin.me",
        security="admin",
    )
    edit = "/tests/channel/http/br%C3%BCcke%201/edit"
    seen = {"seen_revision": "1", "url_path": "/c"}
    new = opened(browser, edit, seen, "new:basic:security")
    made = browser.post(new, {"name": "opener2", "username": "opener2", "password": PASSWORD})
    again = browser.get(made.headers["location"])
    assert again.status_code == 200, again.text
    assert 'value="/c"' in again.text and "\nopener2</textarea>" in again.text


def test_forms_are_opened_from_forms_and_from_objects_in_them(
    browser: Browser, server: RunningServer
) -> None:
    fields = {
        "name": "first",
        "sign": "ONE",
        "code": "morse",
        "key": "dah-dit-dah",
        "~secrets": "key",
    }
    inner = {"rates[0]~key": "dk", "rates[0].price": "2"}
    second = opened(
        browser, f"{STATION}/new", {**fields, **inner}, "new:telegraph:rates[0].through"
    )
    third = opened(
        browser, second, {"name": "second", "sign": "TWO", "code": "morse"}, "new:telegraph:through"
    )
    assert third != second
    back = browser.post(third, {"name": "third", "sign": "TRE", "code": "morse"})
    page = browser.get(back.headers["location"]).text
    assert 'value="TWO"' in page and "<option selected>third</option>" in page
    fields2 = {"name": "second", "sign": "TWO", "code": "morse", "through": "third"}
    back = browser.post(back.headers["location"], fields2)
    page = browser.get(back.headers["location"]).text
    assert 'value="ONE"' in page and "<option selected>second</option>" in page
    assert "its secrets have to be entered again" in page and "dah-dit" not in page
    assert server.api("admin.outgoing.telegraph.get", name="second")["through"] == "third"
    for name in ("second", "third"):
        server.api("admin.outgoing.telegraph.delete", name=name)


def test_a_service_is_deployed_from_a_form(browser: Browser, server: RunningServer) -> None:
    fields = {"name": "x", "sign": "ONE", "code": "morse"}
    deploy = opened(browser, f"{STATION}/new", fields, "new:service:answers")
    page = browser.get(deploy).text
    action = re.search(r'action="([^"]+)" enctype', page)
    assert action is not None
    address = action[1].replace("&amp;", "&")
    asked = [parse_qs(urlsplit(each).query) for each in (address, deploy)]
    assert urlsplit(address).path == "/tests/deploy" and asked[0] == asked[1]
    done = browser.post(address, {"file": "answering.py", "source": SOURCE})
    assert done.status_code == 303, re.findall(r"Not deployed.*", done.text)
    page = browser.get(done.headers["location"]).text
    assert 'name="answers" value="answering.answer"' in page and 'value="ONE"' in page


def test_a_list_of_names_gets_one_more(browser: Browser, server: RunningServer) -> None:
    new = opened(
        browser, "/tests/account/account/new", {"name": "ada", "roles": "viewer"}, "new:role:roles"
    )
    done = browser.post(new, {"name": "clerk", "rights": "view"})
    page = browser.get(done.headers["location"]).text
    assert "viewer\nclerk</textarea>" in page


def test_what_cannot_be_opened_is_refused_and_a_late_return_is_said(
    browser: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for action in ("new:basic:url_path", "new:nothing:security", "new:basic:nothing[0].x", "new:"):
        assert browser.post(CHANNEL, {"name": "x", "action": action}).status_code == 422, action
    new = opened(browser, CHANNEL, {"name": "late"}, "new:basic:security")
    monkeypatch.setattr("hansa_web.kept_forms.time", Later)
    done = browser.post(new, {"name": "late", "username": "late", "password": PASSWORD})
    assert done.headers["location"] == "/tests/security/basic/late"
    monkeypatch.undo()
    assert "is not kept any more" in browser.get(done.headers["location"]).text


class Later:
    """A clock that is an hour ahead."""

    @staticmethod
    def monotonic() -> float:
        """Return a time at which no form is kept any more."""
        import time

        return time.monotonic() + KEPT_OPEN + 1
