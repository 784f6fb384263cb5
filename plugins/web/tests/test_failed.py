"""The workbench of failed messages: groups, one message, the code, replays and their pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_web.pages.deploy import around
from hansa_web.pages.failed_message import frames, origin_of_fault

from plugins.web.tests.conftest import Browser

SOURCE = """
from hansa import Service


class Bill(Service):
    def handle(self):
        {line}


class Send(Service):
    def handle(self):
        for number in range(3):
            note = {{"n": number, "to": "<Ada>"}}
            self.server.invoke_async("bills.bill", note, max_attempts=1)
"""
BROKEN = SOURCE.format(line="raise RuntimeError(f\"no rate for {self.request.payload['n']}\")")
FIXED = SOURCE.format(line="self.log.info('billed')")


@pytest.fixture
def group(server: RunningServer) -> Any:
    """Three failed messages of one cause; none is left afterwards."""
    if server.api("admin.server.status")["async"] is None:
        pytest.skip("no queue is installed")
    server.deploy("bills.py", BROKEN)
    server.api("admin.service.invoke", name="bills.send")

    def failed() -> Any:
        items = server.api("admin.failed.groups", service="bills.bill")["items"]
        return items[0] if items and items[0]["count"] == 3 else None

    yield wait_until(failed, 30, "they fail")
    server.api("admin.failed.delete", service="bills.bill")


def test_all_that_match_are_exported_and_replayed_one_first(
    browser: Browser, server: RunningServer, group: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser.get("/tests/failed?service=bills.bill").text
    assert "1 group, 3 messages" in page and "RuntimeError: no rate for *" in page
    assert "3 in the last 24 hours" in page
    assert browser.get("/tests/failed?since=yesterday").status_code == 422
    assert "No failed message fits" in browser.get("/tests/failed?until=2020-01-01").text
    whole = browser.post("/tests/failed?service=bills.bill", {})
    assert whole.headers["content-disposition"] == 'attachment; filename="failed.jsonl"'
    monkeypatch.setattr("hansa_web.pages.failed.MOST_EXPORTED", 2)
    assert "Export the latest 2</button>" in browser.get("/tests/failed?service=bills.bill").text
    assert "exports the latest 2" in browser.get("/tests/failed/delete?service=bills.bill").text
    part = browser.post("/tests/failed?service=bills.bill", {})
    assert 'filename="failed-latest-2-of-3.jsonl"' in part.headers["content-disposition"]
    assert len(part.text.splitlines()) == 2
    server.deploy("bills.py", FIXED)
    assert re.search(r"bills\.py version \d+</a> deployed after", browser.get("/tests/failed").text)
    path = "/tests/failed/replay?service=bills.bill"
    assert "Replay 3 failed messages" in browser.get(path).text
    assert "is not a number" in browser.post(path, {"rate": "fast"}).text
    answer = browser.post(path, {"rate": "50", "first": "on"})
    assert answer.status_code == 303, answer.text
    replay = answer.headers["location"]
    assert browser.post(path, {"rate": "50"}).headers["location"] == replay

    def paused() -> bool:
        return "Go on with the other 2" in browser.get(replay).text

    wait_until(paused, 30, "the first one is sent")
    wait_until(lambda: "1 succeeded" in browser.get(replay).text, 30, "it succeeds")
    browser.post(replay, {"action": "resume"})
    wait_until(lambda: "3 succeeded, 0 failed again" in browser.get(replay).text, 30, "all do")
    wait_until(lambda: "finished" in browser.get(replay).text, 30, "it ends")
    assert browser.post(replay, {"action": "stop"}).status_code == 409
    assert browser.post(replay, {"action": "else"}).status_code == 422
    listed = browser.get("/tests/replays").text
    assert replay in listed and "service bills.bill" in listed


def test_a_message_is_looked_at_compared_kept_and_its_code_opened(
    browser: Browser, server: RunningServer, group: Any
) -> None:
    path = f"/tests/failed/groups/{group['group']}"
    page = browser.get(f"{path}?id={group['latest']}")
    assert int(page.headers["x-admin-calls"]) <= 2
    assert "&lt;Ada&gt;" in page.text and "bills.py version" in page.text
    assert "Fix the code at bills.py, line 7" in page.text
    message = f"/tests/failed/messages/{group['latest']}"
    changed = '{"n": 7, "to": "Eve"}'
    compared = browser.post(message, {"payload": changed, "action": "compare"}).text
    assert 'class="added">+' in compared and "Replay with this" in compared
    kept = browser.post(message, {"payload": changed, "action": "keep"})
    assert kept.status_code == 303
    assert server.api("admin.failed.get", id=group["latest"])["payload"]["to"] == "Eve"
    saved = browser.post(message, {"payload": "", "action": "download"})
    assert "attachment" in saved.headers["content-disposition"] and '"Eve"' in saved.text
    deploy = f"/tests/deploy?service=bills.bill&path=bills.py&line=7&back={path}"
    opened = browser.get(deploy).text
    assert "<mark>7  " in opened and "Back to the failed messages" in opened
    done = browser.post(f"/tests/deploy?back={path}", {"file": "bills.py", "source": FIXED})
    assert done.headers["location"] == path
    foreign = browser.get("/tests/deploy?back=//elsewhere/failed/groups/x").text
    assert "elsewhere" not in foreign


def test_a_viewer_sees_no_payload_and_who_read_one_is_recorded(
    browser: Browser, server: RunningServer, group: Any
) -> None:
    read = server.api("admin.audit.list", service="admin.failed.get")["total"]
    browser.get(f"/tests/failed/groups/{group['group']}?id={group['latest']}")
    wait_until(
        lambda: server.api("admin.audit.list", service="admin.failed.get")["total"] > read,
        10,
        "it is recorded",
    )
    password = "a password of a looker"
    server.api("admin.security.basic.create", name="luke", username="luke", password=password)
    server.api("admin.account.create", name="luke", credentials=["luke"], roles=["viewer"])
    viewer = Browser(server.url)
    assert viewer.log_in(password, "luke").status_code == 303
    page = viewer.get(f"/tests/failed/groups/{group['group']}")
    assert page.status_code == 200 and "RuntimeError: no rate" in page.text
    assert "&lt;Ada&gt;" not in page.text and "Replay all" not in page.text
    message = viewer.get(f"/tests/failed/messages/{group['latest']}")
    assert message.status_code == 403 and "Ada" not in message.text
    for path in ("/tests/failed", "/tests/replays", "/tests/queue"):
        assert viewer.get(path).status_code == 200


def test_what_is_ticked_is_replayed_or_deleted(
    browser: Browser, server: RunningServer, group: Any
) -> None:
    listed = server.api("admin.failed.list", group=group["group"])["items"]
    name = listed[0]["worker"].partition("/")[0]
    page = browser.get(f"/tests/failed?server={name}&service=bills.bill").text
    assert "1 group, 3 messages" in page and f'name="group" value="{group["group"]}"' in page
    assert "No failed message fits" in browser.get("/tests/failed?server=elsewhere").text
    ids = [one["id"] for one in listed]
    page = browser.get(f"/tests/failed/groups/{group['group']}").text
    assert all(f'name="id" value="{each}"' in page for each in ids)
    for act in ("replay", "delete"):
        nothing = browser.get(f"/tests/failed/{act}?ticked=yes&service=bills.bill")
        assert nothing.status_code == 422 and "tick what is meant" in nothing.text
    path = f"/tests/failed/delete?ticked=yes&id={ids[0]}&id={ids[1]}"
    assert "Delete 2 failed messages" in browser.get(path).text
    assert browser.post(path, {"count": "2"}).status_code == 303
    assert server.api("admin.failed.list", group=group["group"])["total"] == 1
    both = f"ticked=yes&group={group['group']}&group=000000000000&server={name}"
    page = browser.get(f"/tests/failed/replay?{both}").text
    assert "Replay 1 failed message<" in page and f"--group {group['group']}" in page
    replay = browser.post(f"/tests/failed/replay?{both}", {"rate": "50"}).headers["location"]
    wait_until(lambda: "finished" in browser.get(replay).text, 30, "it ends")
    assert "2 chosen groups" in browser.get(replay).text
    away = f"ticked=yes&group={group['group']}&group=000000000000&server=elsewhere"
    assert "Delete 0 failed messages" in browser.get(f"/tests/failed/delete?{away}").text


def test_the_queue_lists_its_calls(browser: Browser, server: RunningServer) -> None:
    page = browser.get("/tests/queue?state=delayed&service=nobody.calls")
    assert page.status_code == 200 and "No call in the queue fits the filter" in page.text
    assert "<option selected>delayed</option>" in page.text
    assert browser.get("/tests/queue?state=sleeping").status_code == 200


def test_the_line_of_a_fault_is_the_last_one_of_deployed_code() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/lib/hansa/route.py", line 3, in route\n'
        '  File "bills/rates.py@12b", line 40, in rate\n    return rates[day]\nKeyError: 1\n'
    )
    found = origin_of_fault(frames(text))
    assert found is not None and (found.path, found.version, found.line) == (
        "bills/rates.py",
        12,
        40,
    )
    assert origin_of_fault(frames("KeyError: 1")) is None
    assert around("a\nb\nc", 2) == [(1, "a"), (2, "b"), (3, "c")]
    assert around("a\nb", 3) == []
