"""Synchronous calls that failed: by cause, with the way to the time line and to the same input."""

from __future__ import annotations

import re

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

from plugins.web.tests.conftest import Browser

SOURCE = """
from hansa import Conflict, Service


class Rate(Service):
    def handle(self):
        number = self.request.input["n"]
        if number > 10:
            raise RuntimeError(f"no rate for {number} <b>")
        raise Conflict(f"rate {number} is taken")


class Later(Service):
    def handle(self):
        self.server.invoke_async("fails.rate", {"n": 99}, max_attempts=1)
"""
CALLS = "/tests/failed/calls"


@pytest.fixture
def failed(server: RunningServer) -> RunningServer:
    """A server on which three calls have failed for two causes."""
    server.deploy("fails.py", SOURCE)
    server.api("admin.sample.settings", service="fails.rate", errors=True)
    server.api("admin.sample.delete", service="fails.rate")
    for number in (11, 12, 3):
        with pytest.raises(ApiError):
            server.api("admin.service.invoke", name="fails.rate", payload={"n": number})
    wait_until(
        lambda: server.api("admin.sample.failures", service="fails.rate")["samples"] == 3,
        20,
        "samples of them are kept",
    )
    return server


def test_failed_calls_are_grouped_and_invoked_again(
    browser: Browser, failed: RunningServer
) -> None:
    page = browser.get(f"{CALLS}?service=fails.rate")
    assert page.status_code == 200 and int(page.headers["x-admin-calls"]) <= 2
    assert "2 groups, 3 samples" in page.text
    assert "RuntimeError: no rate for * &lt;b&gt;" in page.text
    assert "Conflict: rate * is taken" in page.text
    assert 'aria-current="page">Synchronous calls</a>' in page.text
    assert 'href="/tests/failed/calls"' in browser.get("/tests/failed").text
    assert "samples</em>" in page.text and '/samples">fails.rate</a>' in page.text
    filtered = browser.get(f"{CALLS}?service=fails.rate&cause=no+rate").text
    assert "1 group, 2 samples" in filtered and "is taken" not in filtered
    assert "No failed call fits" in browser.get(f"{CALLS}?until=2020-01-01").text
    group = re.search(rf'href="({CALLS}/\w+)"', filtered)
    assert group is not None
    listed = browser.get(group[1]).text
    assert listed.count("Invoke again…") == 2
    invoker = re.search(r'href="(/tests/services/fails.rate/invoke\?sample=[^"]+)"', listed)
    timeline = re.search(r'href="(/tests/messages\?cid=[^"]+)"', listed)
    assert invoker is not None and timeline is not None
    assert "&#34;n&#34;: 12" in browser.get(invoker[1]).text
    assert browser.get(timeline[1]).status_code == 200
    assert "Nothing is left" in browser.get(f"{CALLS}/000000000000").text


def test_asynchronous_calls_are_in_the_other_tab(browser: Browser, failed: RunningServer) -> None:
    if failed.api("admin.server.status")["async"] is None:
        pytest.skip("no queue is installed")
    failed.api("admin.service.invoke", name="fails.later")

    def both() -> int:
        found = failed.api("admin.sample.failures", service="fails.rate", queued=True)
        return int(found["samples"])

    before = failed.api("admin.sample.failures", service="fails.rate")["samples"]
    wait_until(lambda: both() > before, 30, "a sample of it is kept")
    assert failed.api("admin.sample.failures", service="fails.rate")["samples"] == before
    failed.api("admin.failed.delete", service="fails.rate")
