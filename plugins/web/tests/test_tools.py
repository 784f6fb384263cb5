"""Dictionaries, Redis commands, jobs with their runs, and packages, as pages without a script."""

from __future__ import annotations

import re

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

from plugins.web.tests.conftest import CLUSTER, Browser

HOSTILE = '"><script>alert(1)</script>'
SOURCE = (
    "from hansa import Service\n\n\nclass Tick(Service):\n    def handle(self):\n        return 1\n"
)
HELPER = "RATE = 1\n"
USER = (
    "from hansa import Service\n\nimport page_helper\n\n\n"
    "class Rate(Service):\n    def handle(self):\n        return page_helper.RATE\n"
)


def text_of(html: str) -> str:
    """The words of a page."""
    return " ".join(re.sub("<[^>]*>", " ", html).split())


@pytest.fixture
def page(browser: Browser) -> Browser:
    return browser


def test_values_are_added_renamed_and_deleted(page: Browser, server: RunningServer) -> None:
    here = f"/{CLUSTER}/dictionaries"
    for value in ("kg", HOSTILE):
        added = page.post(here, {"system": "erp", "key": "unit", "value": value})
        assert added.status_code == 303
    shown = page.get(f"{here}?system=erp")
    assert "kg is added, revision" in shown.text and "<script>alert" not in shown.text
    fields = {"system": "erp", "key": "unit", "value": "kg"}
    again = page.post(here, fields)
    assert again.status_code == 422 and "has &#39;kg&#39; already" in again.text
    page.post(here, {**fields, "renamed": "KGM", "action": "rename"})
    values = server.api("admin.dictionary.list", system="erp")["items"]
    assert [one["value"] for one in values] == ["KGM", HOSTILE]
    for value in ("KGM", HOSTILE):
        page.post(here, {**fields, "value": value, "action": "delete"})
    assert server.api("admin.dictionary.list", system="erp")["total"] == 0
    assert "No value fits the filter" in page.get(f"{here}?system=erp").text


def test_translations_are_made_tried_and_exchanged(page: Browser, server: RunningServer) -> None:
    here = f"/{CLUSTER}/translations"
    row = {"system1": "shop", "key1": "size", "value1": "L", "system2": "erp", "key2": "size"}
    assert page.post(here, {**row, "value2": "large"}).status_code == 303
    assert page.post(here, {**row, "value2": "40", "action": "edit"}).status_code == 303
    listed = page.get(f"{here}?system1=shop")
    assert 'name="value2" value="40"' in listed.text
    query = "&".join(f"{name}={value}" for name, value in row.items())
    tried = page.get(f"/{CLUSTER}/translate?{query}")
    assert "L is 40" in text_of(tried.text) and "3430" in tried.text
    exported = page.post(f"/{CLUSTER}/exchange", {"action": "translations"})
    assert exported.headers["content-disposition"].startswith("attachment")
    assert "shop,size,L,erp,size,40" in exported.text
    page.get(f"/{CLUSTER}/exchange")
    text = "system1,key1,value1,system2,key2,value2\nshop,size,XL,erp,size,44\n"
    planned = page.post(f"/{CLUSTER}/exchange", {"text": text, "action": "plan"})
    assert "1 new, 0 changed, 0 deleted" in planned.text and "44" in planned.text
    assert server.api("admin.translation.list", system1="shop")["total"] == 1
    done = page.post(f"/{CLUSTER}/exchange", {"text": text, "action": "import"})
    assert done.status_code == 303
    wrong = page.post(f"/{CLUSTER}/exchange", {"text": "a,b\n", "action": "plan"})
    assert wrong.status_code == 422 and "neither JSON nor CSV" in wrong.text
    for value in ("L", "XL"):
        page.post(here, {**row, "value1": value, "action": "delete"})
    assert server.api("admin.translation.list", system1="shop")["total"] == 0


def test_redis_commands_are_run_and_refused(page: Browser) -> None:
    here = f"/{CLUSTER}/redis"
    page.get(here)
    wrote = page.post(here, {"command": f"SET 'a page' '{HOSTILE}'", "action": "write"})
    assert (
        wrote.status_code == 200 and '<pre tabindex="0" aria-label="Answer">OK</pre>' in wrote.text
    )
    read = page.post(here, {"command": "GET 'a page'", "action": "read"})
    assert "&lt;script&gt;alert(1)" in read.text and "<script>alert" not in read.text
    refused = page.post(here, {"command": "SET a b", "action": "read"})
    assert refused.status_code == 422 and "admin.redis.write" in refused.text
    monitor = page.post(here, {"command": "MONITOR", "action": "read"})
    assert "its answer has no end" in monitor.text


def test_jobs_are_a_timetable_with_their_runs(
    page: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deploy("page_jobs.py", SOURCE)
    server.api(
        "admin.channel.schedule.create",
        name="yearly",
        service="page-jobs.tick",
        job_type="cron",
        cron="0 4 1 1 *",
    )
    here = f"/{CLUSTER}/jobs"
    page.get(here)
    ran = page.post(here, {"name": "yearly"})
    assert "yearly has run" in text_of(ran.text)
    wait_until(lambda: "1 ok" in page.get(here).text)
    assert int(page.get(here).headers["X-Admin-Calls"]) == 2
    monkeypatch.setattr("hansa_web.pages.jobs.MOST_LISTED", 1)
    server.api(
        "admin.channel.schedule.create",
        name="zz-later",
        service="page-jobs.tick",
        job_type="cron",
        cron="0 4 1 1 *",
    )
    # files before this one may have left jobs
    assert re.search(r"\d more jobs? (is|are) not listed here", page.get(here).text)
    server.api("admin.channel.schedule.delete", name="zz-later")
    monkeypatch.undo()
    job = page.get(f"{here}/yearly")
    assert "by hand" in job.text and "-01-01 04:00:00" in job.text
    tried = page.get(f"{here}/yearly?cron=30+5+*+*+*")
    assert "05:30:00" in tried.text and "Nothing is changed" in tried.text
    wrong = page.get(f"{here}/yearly?cron=x")
    assert wrong.status_code == 200 and "<code>cron</code>" in wrong.text
    assert "Switch off" in page.get(here).text and "Switch on" not in page.get(here).text
    assert page.post(here, {"name": "yearly", "action": "off"}).status_code == 303
    assert server.api("admin.channel.schedule.get", name="yearly")["active"] is False
    assert "Switch on" in page.get(here).text
    server.api("admin.channel.schedule.delete", name="yearly")


def test_the_form_of_a_job_shows_its_next_times(page: Browser, server: RunningServer) -> None:
    new = f"/{CLUSTER}/channel/schedule/new"
    button = 'value="preview">Show next times</button>'
    assert button in page.get(new).text
    assert button not in page.get(f"/{CLUSTER}/channel/http/new").text
    fields = {"name": "timed", "job_type": "cron", "cron": "0 4 1 1 *", "action": "preview"}
    shown = page.post(new, fields)
    assert shown.status_code == 200, shown.text
    assert shown.text.count("-01-01 04:00:00 UTC</time></li>") == 10
    assert 'value="0 4 1 1 *"' in shown.text and "Nothing was stored" in shown.text
    assert page.get(f"/{CLUSTER}/channel/schedule/timed").status_code == 404
    faulty = page.post(new, {**fields, "cron": "x"})
    assert faulty.status_code == 422 and 'href="#f-cron"' in faulty.text
    other = page.post(new, {**fields, "service": "no.such"})
    assert other.status_code == 422 and 'href="#f-service"' in other.text
    server.api(
        "admin.channel.schedule.create",
        name="timed",
        service="admin.me",
        job_type="cron",
        cron="0 4 1 1 *",
        active=False,
    )
    edit = f"/{CLUSTER}/channel/schedule/timed/edit"
    seen = re.search(r'name="seen_revision" value="(\d+)"', page.get(edit).text)
    assert seen is not None
    changed = {"seen_revision": seen[1], "cron": "30 5 2 2 *", "action": "preview"}
    shown = page.post(edit, changed)
    assert shown.text.count("-02-02 05:30:00 UTC</time></li>") == 10
    assert int(shown.headers["X-Admin-Calls"]) <= 4
    assert server.api("admin.channel.schedule.get", name="timed")["cron"] == "0 4 1 1 *"
    saved = page.post(edit, {**changed, "action": "save"})
    assert saved.status_code == 303
    assert server.api("admin.channel.schedule.get", name="timed")["cron"] == "30 5 2 2 *"
    server.api("admin.channel.schedule.delete", name="timed")


def test_packages_say_who_imports_whom(
    page: Browser, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deploy("page_helper.py", HELPER)
    server.deploy("page_user.py", USER)
    server.deploy("page_helper.py", HELPER + "# again\n")
    shown = page.get(f"/{CLUSTER}/packages?filter=page_")
    words = text_of(shown.text)
    assert "page_helper.py ● version 2 none: a helper module page_user.py 2, the last" in words
    assert 'href="#page_helper.py"' in shown.text
    assert f'href="/{CLUSTER}/services/page-user.rate"' in shown.text
    monkeypatch.setattr("hansa_web.pages.packages.MOST_LISTED", 1)
    listed = page.get(f"/{CLUSTER}/packages?filter=page_helper").text
    assert "1 more version is not listed" in listed
    assert "No package fits" in page.get(f"/{CLUSTER}/packages?filter=nothing").text
