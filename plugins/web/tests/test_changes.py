"""Changes by mouse: who changed what, settings and sources before and after, and back through a plan."""

from __future__ import annotations

import json
import re

from hansa_devkit.harness.api_server import RunningServer

from plugins.web.tests.conftest import Browser

SOURCE = "from hansa import Service\n\n\nclass One(Service):\n    def handle(self):\n        return {!r}\n"


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return found[1]


def test_what_was_changed_is_seen_and_taken_back(browser: Browser, server: RunningServer) -> None:
    settings = {"url_path": "/seen", "service": "admin.service.list", "security": "admin"}
    server.api("admin.channel.http.create", name="<b>seen", **settings)
    edited = server.api("admin.channel.http.edit", name="<b>seen", method="GET")["revision"]
    page = browser.get("/tests/changes?name=<b>seen")
    assert page.headers["x-admin-calls"] == "1"
    assert f'href="/tests/changes/{edited}"' in page.text
    assert "admin.channel.http.edit" in page.text
    assert "<b>seen" not in page.text and "&lt;b&gt;seen" in page.text
    page = browser.get(f"/tests/changes/{edited}")
    assert "+ GET" in page.text and "by admin, by admin.channel.http.edit" in page.text
    plan = browser.get(f"/tests/changes/{edited}/revert?undo=yes")
    assert "<strong>edit</strong> channel http" in plan.text and "− GET" in plan.text
    assert server.api("admin.channel.http.get", name="<b>seen")["method"] == "GET"
    seen = field(plan.text, "seen_revision")

    # what somebody else does meanwhile is not overwritten
    server.api("admin.channel.http.edit", name="<b>seen", method="PUT")
    fields = {"seen_revision": seen, "undo": "yes"}
    refused = browser.post(f"/tests/changes/{edited}/revert", fields)
    assert refused.status_code == 409
    assert "changed by somebody else" in refused.text
    again = {**fields, "seen_revision": field(refused.text, "seen_revision")}
    done = browser.post(f"/tests/changes/{edited}/revert", again)
    assert done.status_code == 303, done.text
    assert "method" not in server.api("admin.channel.http.get", name="<b>seen")
    assert "Reverted, revision" in browser.get(done.headers["location"]).text
    server.api("admin.channel.http.delete", name="<b>seen")


def test_sources_as_diffs_and_faults_of_a_plan(browser: Browser, server: RunningServer) -> None:
    server.deploy("changing.py", SOURCE.format("one"))
    channel = {"url_path": "/changing", "service": "changing.one"}
    made = server.api("admin.channel.http.create", name="changing", **channel)["revision"]
    deployed = server.deploy("changing.py", SOURCE.format("two"))["revision"]
    page = browser.get(f"/tests/changes/{deployed}").text
    assert '<span class="removed">-        return &#39;one&#39;' in page
    server.api("admin.channel.http.delete", name="changing")
    gone = server.api("admin.service.delete", name="changing.py")["revision"]
    only = f"/tests/changes/{made}/revert?kind=channel&type=http&name=changing"
    plan = browser.get(only).text
    assert "channel.http.changing.service" in plan and "no service" in plan
    assert "Do this" not in plan
    fields = {
        "seen_revision": field(browser.get(f"/tests/changes/{made}/revert").text, "seen_revision")
    }
    done = browser.post(f"/tests/changes/{made}/revert", fields)
    assert done.status_code == 303, done.text
    assert done.headers["location"] == f"/tests/changes/{gone + 1}"
    assert server.post("/changing").text == "one"
    browser.post(f"/tests/changes/{gone + 1}/revert", {"seen_revision": gone + 1, "undo": "yes"})
    assert server.post("/changing").status_code == 404
    assert browser.get("/tests/changes/none").status_code == 404
    assert browser.get("/tests/changes/999999").status_code == 404


def test_what_is_applied_and_taken_back_leaves_the_export_as_it_was(
    browser: Browser, server: RunningServer
) -> None:
    path = "/tests/configuration"
    export = {"action": "export", "secrets": "env"}
    browser.get(path)
    before = browser.post(path, export).content
    config = json.loads(before)
    settings = {"url_path": "/for-a-while", "service": "admin.service.list", "security": "admin"}
    config.setdefault("channel", {}).setdefault("http", {})["for-a-while"] = settings
    fields = {"config": json.dumps(config), "action": "plan"}
    assert "for-a-while" in browser.post(path, fields).text
    assert browser.post(path, {**fields, "action": "apply"}).status_code == 303
    assert browser.post(path, export).content != before
    revision = server.api("admin.channel.http.get", name="for-a-while")["revision"]
    undo = f"/tests/changes/{revision}/revert"
    seen = field(browser.get(f"{undo}?undo=yes").text, "seen_revision")
    assert browser.post(undo, {"undo": "yes", "seen_revision": seen}).status_code == 303
    assert browser.post(path, export).content == before
