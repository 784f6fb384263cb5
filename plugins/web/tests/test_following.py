"""After a change: who has applied it, the way back, and whether somebody else changes the same."""

from __future__ import annotations

import re

from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

from plugins.web.tests.conftest import CLUSTER, Browser

NEW = f"/{CLUSTER}/outgoing/telegraph/new"
FIELDS = {"sign": "OXZ", "code": "morse"}


def test_a_change_says_who_has_applied_it_and_how_it_is_undone(browser: Browser) -> None:
    browser.get(NEW)
    answer = browser.post(NEW, {**FIELDS, "name": "followed"})
    polled = browser.get(answer.headers["location"], **{"X-Live": "1"}).text
    assert "followed is created" not in polled
    page = browser.get(answer.headers["location"]).text
    found = re.search(rf'data-follow="(/{CLUSTER}/applied/(\d+))"', page)
    assert found is not None and "followed is created" in page
    assert f'href="/{CLUSTER}/changes/{found[2]}/revert?undo=yes">Undo' in page
    assert browser.get(f"/{CLUSTER}/changes/{found[2]}/revert?undo=yes").status_code == 200
    wait_until(
        lambda: "applied by 1 of 1 worker" in browser.get(found[1]).text, 10, "it is applied"
    )
    assert "data-done" in browser.get(found[1]).text
    later = browser.get(f"/{CLUSTER}/applied/{int(found[2]) + 1000}").text
    assert "applied by 0 of 1 worker; behind: " in later and "data-done" not in later
    assert browser.get(f"/{CLUSTER}/applied/x").status_code == 200


def test_who_edits_hears_of_the_changes_of_others(browser: Browser, server: RunningServer) -> None:
    made = server.api("admin.outgoing.telegraph.create", name="busy", **FIELDS)
    page = browser.get(f"/{CLUSTER}/outgoing/telegraph/busy/edit").text
    followed = f"/{CLUSTER}/outgoing/telegraph/busy/changed?seen={made['revision']}"
    assert f'data-follow="{followed}"' in page
    assert "changed this" not in browser.get(followed).text
    server.api("admin.outgoing.telegraph.edit", name="busy", sign="OXY")
    assert "admin changed this 0 s ago" in re.sub(
        r"\d s ago", "0 s ago", browser.get(followed).text
    )
