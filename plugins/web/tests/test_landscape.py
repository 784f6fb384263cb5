"""The map of a real server: what is defined, what was called, and what was queued."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_web.map.drawing import error_share, rate, shortened

from plugins.web.tests.conftest import CLUSTER, Browser

SOURCE = """
from hansa import Invalid, Service


class Take(Service):
    def handle(self):
        if self.request.params.get("wrong"):
            raise Invalid("no")
        self.invoke_async("<b>.store", {})
        return self.outgoing.http["far"].get({}).status


class Store(Service):
    name = "<b>.store"

    def handle(self):
        return self.invoke("mapped.note")


class Note(Service):
    def handle(self):
        return None


class Unused(Service):
    def handle(self):
        return None
"""
MAP = f"/{CLUSTER}/map"


@pytest.fixture(scope="module")
def called(server: RunningServer) -> RunningServer:
    """The server with a channel whose service queues a call, and calls a connection."""
    server.deploy("mapped.py", SOURCE)
    far = f"{server.url}/mapped-far"
    server.api("admin.outgoing.http.create", name="far", address=far)
    channels = (("mapped", "mapped.take"), ("mapped-far", "mapped.note"), ("idle", "mapped.note"))
    for name, service in channels:
        asked = {"name": name, "url_path": f"/{name}", "service": service, "format": "json"}
        server.api("admin.channel.http.create", asked)
    for query in ("", "", "?wrong=1"):
        requests.get(f"{server.url}/mapped{query}", timeout=10)
    counts = {
        ("channel http mapped", "service mapped.take"): 3,
        ("service <b>.store", "service mapped.note"): 2,
        ("service mapped.take", "outgoing http far"): 2,
    }
    wait_until(lambda: counts.items() <= _counts(server).items())
    return server


def _counts(server: RunningServer) -> dict[tuple[str, str], int]:
    found = server.api("admin.landscape.get")["edges"]
    return {(edge["source"], edge["target"]): edge["count"] for edge in found}


def test_the_picture_and_the_table_show_who_calls_whom(
    called: RunningServer, browser: Browser
) -> None:
    text = browser.get(f"{MAP}?filter=mapped").text
    assert "channel http mapped → service mapped.take: " in text
    assert "service mapped.take → service &lt;b&gt;.store: " in text, "through the queue"
    assert "service mapped.take → outgoing http far: " in text
    assert "33 %" in text and 'class="edge w1 failing"' in text
    assert "channel http idle → service mapped.note: not seen" in text
    assert "<b>" not in text
    assert f'href="/{CLUSTER}/services/mapped.take"' in text
    assert "invoke async <small>(seen)</small>" in text


def test_a_focus_leads_on_and_out(called: RunningServer, browser: Browser) -> None:
    text = browser.get(f"{MAP}?focus=service+%3Cb%3E.store").text
    assert "mapped.note" in text and "service mapped.take" in text and "http far" not in text
    assert "http far" not in text and "channel http mapped →" not in text
    assert "channel http mapped →" in browser.get(f"{MAP}?focus=service+%3Cb%3E.store&depth=2").text
    assert f'<a href="/{CLUSTER}/services/%3Cb%3E.store">Its page</a>' in text
    missing = browser.get(f"{MAP}?focus=service+none")
    assert missing.status_code == 404 and "in the landscape" in missing.text


def test_what_was_never_seen(called: RunningServer, browser: Browser) -> None:
    text = browser.get(f"{MAP}?seen=no&span=month").text
    assert "service mapped.unused" in text and "channel http idle →" in text
    assert "service mapped.take" not in text
    none = browser.get(f"{MAP}?filter=nothing-is-called-so").text
    assert "Nothing fits the filter" in none


def test_groups_and_csv(called: RunningServer, browser: Browser) -> None:
    text = browser.get(f"{MAP}?group=always").text
    assert "4 of service mapped.py" in text and 'class="node group"' in text
    answer = browser.post(f"{MAP}?group=always&filter=mapped", {})
    assert answer.headers["content-disposition"] == 'attachment; filename="map.csv"'
    rows = {(row["from"], row["to"]): row for row in csv.DictReader(io.StringIO(answer.text))}
    row = rows["channel http mapped", "service mapped.take"]
    assert (row["status"], row["by"], row["count"], row["errors"]) == (
        "both",
        "service channel",
        "3",
        "1",
    )
    assert browser.post(MAP, {}, token="wrong").status_code == 403


@pytest.mark.parametrize(
    "path", ["services/mapped.take", "channel/http/mapped", "outgoing/http/far"]
)
def test_pages_show_their_part_of_the_map(
    called: RunningServer, browser: Browser, path: str
) -> None:
    answer = browser.get(f"/{CLUSTER}/{path}")
    assert "Who calls whom, last day" in answer.text and "service mapped.take" in answer.text
    assert int(answer.headers["x-admin-calls"]) <= 4, "three, and the type once in a while"


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (rate, 0.0, ""),
        (rate, 1234.5, "1,234/s"),
        (rate, 1.25, "1.2/s"),
        (rate, 0.5, "30/min"),
        (rate, 0.01, "36/h"),
        (rate, 1 / 86400, "1/d"),
        (shortened, "orders.get", "orders.get"),
        (shortened, "a-rather-long-name.of-a-service", "a-rather…of-a-service"),
    ],
)
def test_how_figures_and_names_are_written(
    write: Callable[[object], str], value: object, text: str
) -> None:
    assert write(value) == text


def test_shares_of_errors() -> None:
    assert [error_share(1000, errors) for errors in (0, 1, 10, 1000)] == [
        "",
        "< 1 %",
        "1 %",
        "100 %",
    ]
