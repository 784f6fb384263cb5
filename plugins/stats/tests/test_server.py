"""The statistics of a real server of two workers: exact counts, by the admin API, the command line
and the metrics for Prometheus.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until
from prometheus_client.parser import text_string_to_metric_families

from plugins.stats.tests.promtool import faults_in
from tests.commands import hansa

CONFIG = """
[security.basic.partner]
username = "paula"
password = "a-long-enough-password-of-paula"
"""
SOURCE = """
from hansa import Invalid, Service


class Get(Service):
    def handle(self):
        if self.request.params.get("wrong"):
            raise Invalid("no")
        return self.invoke("orders.price")


class Price(Service):
    def handle(self):
        return {"price": 1}


class Back(Get):
    pass


class Fetch(Service):
    def handle(self):
        wrong = self.request.params.get("wrong")
        answer = self.outgoing.http["back"].get({"wrong": "1"} if wrong else {})
        return {"status": answer.status}
"""
PAULA = ("paula", "a-long-enough-password-of-paula")
CALLS = 200


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    server = start_shared_server(CONFIG, workers=2, plugins=["stats"])
    server.deploy("orders.py", SOURCE)
    server.api(
        "admin.channel.http.create",
        name="orders",
        url_path="/orders",
        service="orders.get",
        format="json",
        security="partner",
    )

    def call(number: int) -> int:
        wrong = "?wrong=1" if number % 10 == 0 else ""
        return server.get(f"/orders{wrong}", auth=PAULA).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(call, range(CALLS)))
    assert sorted(set(statuses)) == [200, 400]
    assert server.get("/orders", auth=("paula", "wrong")).status_code == 401
    wait_until(lambda: figures(server, "service", "orders.get")["count"] > CALLS)
    return server


def figures(server: RunningServer, by: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = server.api("admin.statistics.summary", by=by, name=name)["figures"]
    return found


def test_counts_are_exact(server: RunningServer):
    kinds = {"invalid": CALLS // 10, "unauthorized": 1}
    for by, name in (
        ("service", "orders.get"),
        ("channel", "http orders"),
        ("security", "partner"),
    ):
        found = figures(server, by, name)
        assert (found["count"], found["errors"], found["kinds"]) == (CALLS + 1, 21, kinds), by
        assert 0 < found["p50"] <= found["p95"] <= found["p99"] <= found["max"]
        assert 0 < found["mean"] <= found["max"]
    assert figures(server, "service", "orders.price")["count"] == CALLS * 9 // 10


def test_the_list_of_services_shows_how_each_was_called(server: RunningServer):
    asked = {"filter": "orders.", "statistics": True, "order": "count"}
    first, *others = server.api("admin.service.list", asked)["items"]
    assert first["name"] == "orders.get"
    assert (first["statistics"]["count"], first["statistics"]["errors"]) == (CALLS + 1, 21)
    found = figures(server, "service", "orders.get")
    assert first["statistics"] == {key: found[key] for key in ("count", "errors", "mean", "p95")}
    assert 0 < found["mean"] <= found["max"]
    counts = [one["statistics"]["count"] for one in others]
    assert counts == sorted(counts, reverse=True) and "orders.fetch" in str(others)
    assert server.api("admin.service.list", filter="orders.get")["items"][0]["statistics"] is None


def test_calls_of_outgoing_connections(server: RunningServer):
    for name, service in (("back", "orders.back"), ("fetch", "orders.fetch")):
        server.api(
            "admin.channel.http.create",
            name=name,
            url_path=f"/{name}",
            service=service,
            format="json",
        )
    server.api("admin.outgoing.http.create", name="back", address=f"{server.url}/back")
    statuses = [server.get("/fetch").json()["status"] for _ in range(5)]
    statuses += [server.get("/fetch?wrong=1").json()["status"] for _ in range(2)]
    assert statuses == [200] * 5 + [400] * 2
    wait_until(lambda: figures(server, "outgoing", "http back")["count"] == 7)
    found = figures(server, "outgoing", "http back")
    assert (found["errors"], found["kinds"]) == (2, {"status-400": 2})
    wait_until(lambda: figures(server, "channel", "http fetch")["count"] == 7)
    assert figures(server, "channel", "http fetch")["time"] > found["time"] > 0


def edges(server: RunningServer, **asked: Any) -> dict[tuple[str, str], dict[str, Any]]:
    found = server.api("admin.landscape.get", asked)["edges"]
    return {(edge["source"], edge["target"]): edge for edge in found}


def test_the_landscape_has_what_is_defined_and_what_was_observed(server: RunningServer):
    wait_until(lambda: ("service orders.fetch", "outgoing http back") in edges(server))
    found = edges(server)
    edge = found["channel http orders", "service orders.get"]
    assert (edge["status"], edge["settings"], edge["ways"]) == ("both", ["service"], ["channel"])
    assert (edge["count"], edge["errors"]) == (CALLS + 1, 21)
    assert time.time() - 3600 < edge["last"] <= time.time() and edge["p95"] > 0
    edge = found["service orders.get", "service orders.price"]
    assert (edge["status"], edge["ways"], edge["count"]) == ("observed", ["invoke"], CALLS * 0.9)
    edge = found["service orders.fetch", "outgoing http back"]
    assert (edge["status"], edge["count"], edge["errors"]) == ("observed", 7, 2)
    assert not any("admin" in end for pair in found for end in pair)
    server.api(
        "admin.channel.http.create",
        name="unused",
        url_path="/unused",
        service="orders.price",
        security="partner",
    )
    asked = {"seen": "no", "kinds": ["channel", "service", "security"]}
    answer = server.api("admin.landscape.get", asked)
    never = {(edge["source"], edge["target"], edge["status"]) for edge in answer["edges"]}
    assert never == {
        ("channel http unused", "service orders.price", "defined"),
        ("security basic partner", "channel http unused", "defined"),
    }
    nodes = {node["id"]: node for node in answer["nodes"]}
    assert nodes["channel http unused"]["last"] == nodes["channel http unused"]["count"] == 0
    through = edges(server, kinds=["channel", "security"])
    edge = through["security basic partner", "channel http orders"]
    assert (edge["status"], edge["count"]) == ("both", CALLS + 1)
    server.api("admin.channel.http.delete", name="unused")
    (group,) = [
        node
        for node in server.api("admin.landscape.get", group="always")["nodes"]
        if node["name"] == "orders.py"
    ]
    assert group["members"] == 4
    assert len(edges(server, focus=group["id"], group="never")) == len(found)
    with pytest.raises(ApiError) as refused:
        server.api("admin.landscape.get", focus="service none")
    assert refused.value.status == 404


def test_the_landscape_as_a_command(server: RunningServer):
    options = ("landscape", "show", "--focus", "service orders.get")
    wait_until(lambda: edges(server))
    shown = hansa(server, *options).stdout
    assert "service orders.price" in shown and "outgoing http back" not in shown
    answer = json.loads(hansa(server, *options, "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(hansa(server, *options, "--csv").stdout)))
    assert [(row["from"], row["to"], row["count"]) for row in rows] == [
        (edge["source"], edge["target"], str(edge["count"])) for edge in answer["edges"]
    ]
    lone = hansa(server, "landscape", "show", "--seen", "no", "--csv").stdout
    assert "service orders.back" not in lone


def test_lists_courses_and_comparisons(server: RunningServer):
    top = server.api("admin.statistics.top", text="orders.", order="mean")
    means = {one["name"]: one["mean"] for one in top["items"]}
    assert {"orders.get", "orders.price"} <= set(means)
    assert list(means.values()) == sorted(means.values(), reverse=True)
    assert top["total"] == len(means)
    assert means["orders.get"] > means["orders.price"] > 0
    course = server.api("admin.statistics.series", name="orders.get", step="minute")
    assert sum(point["figures"]["count"] for point in course["items"]) == CALLS + 1
    (change,) = server.api("admin.statistics.compare", text="orders.get")["items"]
    assert change["now"]["count"] == CALLS + 1
    assert change["before"]["count"] == 0
    assert change["change"]["count"] is None
    with pytest.raises(ApiError) as refused:
        server.api("admin.statistics.series", span="year", step="minute")
    assert refused.value.status == 400
    with pytest.raises(ApiError) as refused:
        server.api("admin.statistics.top", since=20, until=10)
    assert refused.value.problem["errors"] == {"since": "is not before the end"}


def test_commands(server: RunningServer):
    options = ("stats", "top", "--text", "orders.", "--span", "day")
    shown = server.cli(*options).stdout
    assert "orders.get" in shown
    items = json.loads(hansa(server, *options, "--json").stdout)["items"]
    rows = list(csv.DictReader(io.StringIO(hansa(server, *options, "--csv").stdout)))
    assert [(row["name"], row["count"], row["p95"]) for row in rows] == [
        (item["name"], str(item["count"]), str(item["p95"])) for item in items
    ]
    shown = hansa(server, *options, "--limit", "1").stdout
    assert f"1 of {len(items)}; --offset and --limit show others" in shown
    shown = hansa(
        server, "stats", "show", "http orders", "--by", "channel", "--step", "minute"
    ).stdout
    assert "count_share" in shown
    assert "orders.price" in hansa(server, "stats", "compare", "--span", "week").stdout


def test_metrics(server: RunningServer):
    assert server.get("/hansa/metrics").status_code == 401
    answer = server.get("/hansa/metrics", auth=("admin", server.password))
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert faults_in(answer.text) == ""
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    assert set(families) == {"hansa_calls", "hansa_errors", "hansa_call_duration_seconds"}
    of_orders = [
        one
        for family in families.values()
        for one in family.samples
        if one.labels.get("name") == "http orders"
    ]
    values = {
        (one.name, one.labels.get("code") or one.labels.get("le")): one.value for one in of_orders
    }
    assert values["hansa_calls_total", None] == CALLS + 1
    assert values["hansa_errors_total", "invalid"] == CALLS // 10
    assert values["hansa_call_duration_seconds_bucket", "+Inf"] == CALLS
    assert values["hansa_call_duration_seconds_count", None] == CALLS
    assert values["hansa_call_duration_seconds_sum", None] > 0
