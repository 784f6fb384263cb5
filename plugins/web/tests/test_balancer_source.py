"""The configuration of a real load-balancer by mouse: checked, saved, refused with its line, taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hansa_devkit.harness.api_server import RunningServer, servers

from plugins.loadbalancer.tests.support import PROGRAMS, RunningBalancer
from plugins.web.tests.conftest import CLUSTER, Browser

SECRET = "only-the-balancer-knows"
PAGE = f"/{CLUSTER}/load-balancer/source"


@pytest.fixture(scope="module")
def balancer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBalancer]:
    """A load-balancer, and in its `servers` a server that controls it."""
    folder = tmp_path_factory.mktemp("balanced")
    program = next(iter(PROGRAMS.values()))
    made = RunningBalancer(folder / "balancer", program, {}, proxy_secret=SECRET)
    section = f'[loadbalancer]\nsocket = "{made.control.runtime.path}"\n'
    with contextlib.ExitStack() as stack:
        make = stack.enter_context(servers(folder))
        stack.callback(made.kill)
        made.servers = [make(section, workers=1, plugins=["loadbalancer", "roles", "web"])]
        made.start()
        yield made
        made.stop()


@pytest.fixture
def page(balancer: RunningBalancer) -> Browser:
    """A browser that has logged in."""
    server: RunningServer = balancer.servers[0]
    browser = Browser(server.url)
    assert browser.log_in(server.password).status_code == 303
    return browser


def test_it_is_edited_checked_saved_and_taken_back(
    page: Browser, balancer: RunningBalancer
) -> None:
    before = balancer.config.read_text()
    shown = page.get(PAGE).text
    assert SECRET not in shown and "********" in shown and "Save in" in shown
    source = balancer.control.source()
    fields = {"seen": source["digest"], "template": source["template"].replace("\n", "\r\n")}
    edited = source["stored"].replace("[loadbalancer]", "[loadbalancer]\nretries = 2")
    form = {**fields, "stored": edited.replace("\n", "\r\n")}
    checked = page.post(PAGE, {**form, "action": "check"})
    assert checked.status_code == 200 and "HAProxy takes it." in checked.text
    assert '<span class="added">+    retries 2  # setting: retries' in checked.text
    assert balancer.config.read_text() == before
    saved = page.post(PAGE, {**form, "action": "save"})
    assert saved.status_code == 303, saved.text
    wanted = before.replace("[loadbalancer]", "[loadbalancer]\nretries = 2")
    assert balancer.config.read_text() == wanted
    assert "no request is lost" in page.get(PAGE).text
    # somebody else's text is not overwritten, and what was typed is not lost
    stale = page.post(PAGE, {**form, "stored": edited + "# mine", "action": "save"})
    assert stale.status_code == 409 and "read it again" in stale.text and "# mine" in stale.text
    number = balancer.control.versions()[0].number
    old = page.get(f"{PAGE}?version={number}")
    assert '<span class="removed">-retries = 2' in old.text
    back = page.post(PAGE, {"version": number, "action": "restore"})
    assert back.status_code == 303
    assert balancer.config.read_text() == before


def test_what_is_refused_is_said_with_its_line(page: Browser, balancer: RunningBalancer) -> None:
    before = balancer.config.read_text()
    source = balancer.control.source()
    page.get(PAGE)
    wrong = source["stored"].replace("[loadbalancer]", "[loadbalancer]\nretries = 99")
    line = wrong.splitlines().index("retries = 99") + 1
    for action in ("check", "save"):
        form = {"stored": wrong, "seen": source["digest"], "action": action}
        answer = page.post(PAGE, form)
        assert answer.status_code == 422
        assert f"<code>loadbalancer.retries</code>: line {line}: " in answer.text
        assert "retries = 99" in answer.text, "what was typed is kept"
    template = source["template"] + "<script>\n"
    answer = page.post(PAGE, {"stored": source["stored"], "template": template, "action": "check"})
    assert "loadbalancer.template, line " in answer.text
    assert "<script>\n" not in answer.text
    assert page.post(PAGE, {"action": "restore", "version": "999"}).status_code == 404
    assert page.post(PAGE, {"action": "explode"}).status_code == 422
    assert balancer.config.read_text() == before


def test_who_may_only_look_gets_no_form(page: Browser, balancer: RunningBalancer) -> None:
    server = balancer.servers[0]
    login = {"username": "vera", "password": "look at it"}
    server.api("admin.security.basic.create", name="vera", **login)
    server.api("admin.account.create", name="vera", credentials=["vera"], roles=["viewer"])
    viewer = Browser(server.url)
    assert viewer.log_in("look at it", "vera").status_code == 303
    shown = viewer.get(PAGE)
    assert shown.status_code == 200 and "frontend clients" in shown.text
    assert "<textarea" not in shown.text
    form = {"stored": balancer.config.read_text(), "action": "save"}
    assert viewer.post(PAGE, form).status_code == 403


def test_haproxy_is_asked_by_mouse(page: Browser) -> None:
    path = f"/{CLUSTER}/load-balancer"
    page.get(path)
    answer = page.post(path, {"action": "command", "command": "show info"})
    assert answer.status_code == 200 and "Uptime_sec" in answer.text
    refused = page.post(path, {"action": "command", "command": "shutdown <b>"})
    assert refused.status_code == 422 and "is not one of" in refused.text
    assert "shutdown &lt;b&gt;" in refused.text
