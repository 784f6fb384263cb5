"""Samples of a real server: by the admin API and the command line, who may look at them, what the
audit log says of it, and that no secret is stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_redaction.found import MASK

from plugins.web.tests.conftest import Browser
from tests.commands import hansa

NUMBER = "4111222233334444"
KEY = "0f8c1d2e3b4a59687766554433221100ffeeddccbbaa9988"
CONFIG = f"""
[security.basic.paula]
username = "paula"
password = "a-long-enough-password-of-paula"

[security.basic.vera]
username = "vera"
password = "a-long-enough-password-of-vera"

[security.basic.otto]
username = "otto"
password = "a-long-enough-password-of-otto"

[security.apikey.partner]
query = "who"
key = "{KEY}"

[role.role.viewer-too]
parents = ["viewer"]
security = ["vera"]

[role.role.operator-too]
parents = ["operator"]
security = ["otto"]

[sampling.sampling."orders.price"]
every = 1
"""
SOURCE = """
from hansa import Invalid, Service


class Get(Service):
    def handle(self):
        if self.request.params.get("wrong"):
            raise Invalid("no: %s" % self.request.input["card"]["number"])
        price = self.invoke("orders.price", self.request.input)
        return {"price": price, "echo": self.request.input["card"]["number"]}


class Price(Service):
    def handle(self):
        return 1
"""
PAULA = ("paula", "a-long-enough-password-of-paula")
BODY = {"card": {"number": NUMBER, "owner": "<b>Ann</b>"}, "password": "hunter22"}


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    server = start_shared_server(
        CONFIG, workers=1, plugins=["samples", "redaction", "audit", "roles", "xml"]
    )
    server.deploy("orders.py", SOURCE)
    server.api(
        "admin.channel.http.create",
        name="orders",
        url_path="/orders/{customer}",
        service="orders.get",
        format="json",
        security=["paula", "partner"],
        redaction={"paths": ["card.number"], "parameters": ["customer"]},
    )
    server.api("admin.sample.settings", service="orders.get", every=2, errors=True)
    for number in range(4):
        path = f"/orders/c-{NUMBER}?page={number}"
        assert server.post(path, BODY, auth=PAULA).status_code == 200
    path = f"/orders/anna?wrong=1&who={KEY}"
    assert server.post(path, BODY).status_code == 400
    wait_until(lambda: listed(server, service="orders.get")["total"] == 3)
    return server


def listed(server: RunningServer, **conditions: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.api("admin.sample.list", **conditions)
    return found


def as_user(
    server: RunningServer, name: str, service: str, /, **settings: Any
) -> requests.Response:
    auth = (name, f"a-long-enough-password-of-{name}")
    return server.post(f"/hansa/api/{service}", settings, auth=auth)


@pytest.mark.evidence("real_server")
def test_samples_are_kept_and_masked(server: RunningServer):
    error, *others = listed(server, service="orders.get")["items"]
    assert [one["why"] for one in (error, *others)] == ["error", "every", "every"]
    assert (error["outcome"], error["status"], error["by"]) == ("invalid", 400, "partner")
    assert (others[0]["by"], others[0]["definition"]) == ("paula", "paula")
    assert others[0]["channel"] == "http orders"
    shown = server.api("admin.sample.get", id=error["id"])
    assert json.loads(shown["request"]["text"]) == {
        "card": {"number": MASK, "owner": "<b>Ann</b>"},
        "password": MASK,
    }
    assert shown["error"] == f"Invalid: no: {MASK}"
    assert shown["parameters"] == {"customer": MASK, "wrong": "1"}
    assert shown["path"] == f"/orders/{MASK}"
    shown = server.api("admin.sample.get", id=others[0]["id"])
    assert json.loads(shown["answer"]["text"]) == {"price": 1, "echo": MASK}
    assert shown["request"]["headers"]["authorization"] == MASK
    (inner, *_) = listed(server, service="orders.price")["items"]
    assert inner["channel"] == "invoke"
    shown = server.api("admin.sample.get", id=inner["id"])
    assert json.loads(shown["request"]["text"])["card"]["number"] == MASK


def test_failures_are_grouped_by_cause(server: RunningServer):
    found = server.api("admin.sample.failures", service="orders.get")
    (group,) = found["items"]
    assert (group["cause"], group["outcome"], group["status"]) == (
        f"Invalid: no: {MASK}",
        "invalid",
        400,
    )
    assert (group["count"], found["samples"], found["total"]) == (1, 1, 1)
    (sample,) = listed(server, group=group["group"])["items"]
    assert (sample["id"], sample["cid"]) == (group["latest"], group["latest_cid"])
    assert sample["cause"] == group["cause"]
    assert listed(server, group="0" * 12)["total"] == 0
    for conditions in ({"cause": "INVALID: no"}, {"since": sample["at"], "until": sample["at"]}):
        asked = {**conditions, "service": "orders.get"}
        assert server.api("admin.sample.failures", **asked)["total"] == 1, conditions
    for conditions in ({"cause": "elsewhere"}, {"until": 1.0}, {"since": sample["at"] + 1}):
        asked = {**conditions, "service": "orders.get"}
        assert server.api("admin.sample.failures", **asked)["total"] == 0, conditions
    assert as_user(server, "vera", "admin.sample.failures").status_code == 200
    told = hansa(server, "sample", "failures", "orders.get").stdout
    assert group["group"] in told and "Invalid: no" in told
    told = hansa(server, "sample", "list", "--group", group["group"]).stdout
    assert sample["id"] in told


def test_nothing_of_a_secret_is_stored(server: RunningServer):
    with closing(sqlite3.connect(server.dir / "odb.sqlite")) as odb:
        texts = [row[0] for row in odb.execute("select text from journal where name like 'samp%'")]
    assert texts
    for secret in (NUMBER, "hunter22", "anna", KEY, "cGF1bGE6"):
        assert not [text for text in texts if secret in text], secret


def test_who_may_look(server: RunningServer):
    found = listed(server, service="orders.get")["items"][0]
    assert as_user(server, "vera", "admin.sample.list").json()["total"] >= 3
    assert as_user(server, "vera", "admin.sample.get", id=found["id"]).status_code == 403
    assert as_user(server, "vera", "admin.sample.settings").status_code == 403
    assert as_user(server, "vera", "admin.sample.delete", service="x").status_code == 403
    assert as_user(server, "otto", "admin.sample.get", id=found["id"]).status_code == 200
    answer = as_user(server, "otto", "admin.sample.settings", service="orders.price", errors=True)
    assert (answer.status_code, answer.json()["items"][0]["every"]) == (200, 1)
    records = server.api("admin.audit.list", by="otto", service="admin.sample.get")["items"]
    assert [record["names"] for record in records] == [[found["id"]]]
    (changed,) = server.api("admin.audit.list", by="otto", service="sample.settings")["items"]
    assert changed["changes"] == ["define sampling orders.price"]


def test_settings(server: RunningServer):
    everything = server.api("admin.sample.settings")["items"]
    assert [one["service"] for one in everything] == ["orders.get", "orders.price"]
    assert everything[0]["active"] and everything[0]["until"]
    for settings, faulty in (
        ({"service": "admin.service.list", "every": 1}, {"service"}),
        ({"every": 1}, {"service"}),
        ({"service": "orders.get", "until": 1e30}, {"until"}),
    ):
        with pytest.raises(ApiError) as refused:
            server.api("admin.sample.settings", settings)
        assert set(refused.value.problem["errors"]) == faulty
    with pytest.raises(ApiError) as refused:
        server.api("admin.sample.settings", service="orders.got", every=1)
    assert refused.value.status == 404


def test_pages_of_the_web_admin(server: RunningServer):
    browser = Browser(server.url)
    assert browser.log_in(server.password).status_code == 303
    path = "/tests/services/orders.get"
    page = browser.get(f"{path}/samples")
    assert page.status_code == 200 and page.headers["x-admin-calls"] == "3"
    assert "Sampled until" in page.text and "one in so many" in page.text
    assert "No sample fits" in browser.get(f"{path}/slow?why=slow").text
    found = listed(server, service="orders.get", why="every")["items"][0]["id"]
    shown = browser.get(f"/tests/samples/{found}").text
    assert "&lt;b&gt;Ann&lt;/b&gt;" in shown and NUMBER not in shown
    assert "&lt;b&gt;Ann&lt;/b&gt;" in browser.get(f"{path}/invoke?sample={found}").text
    saved = browser.post(f"/tests/samples/{found}", {"action": "download"})
    assert saved.headers["content-disposition"] == f'attachment; filename="sample-{found}.json"'
    browser.get(f"{path}/samples")
    for fields, state in (
        ({"action": "off"}, "Not sampled"),
        ({"action": "on", "every": "2", "errors": "1", "minutes": "5"}, "Sampled until"),
    ):
        assert browser.post(f"{path}/samples", fields).status_code == 303
        assert state in browser.get(f"{path}/samples").text
    (sampling,) = server.api("admin.sample.settings", service="orders.get")["items"]
    assert (sampling["every"], sampling["errors"], sampling["slower_than"]) == (2, True, None)
    assert browser.get("/tests/samples/none").status_code == 404


def test_commands(server: RunningServer):
    shown = hansa(server, "sample", "settings").stdout
    assert "orders.get" in shown
    answer = json.loads(hansa(server, "sample", "list", "orders.get", "--json").stdout)
    found = answer["items"][-1]["id"]
    shown = hansa(server, "sample", "list", "orders.get", "--why", "every", "--limit", "1").stdout
    assert "1 of 2; --offset and --limit show others" in shown
    shown = hansa(server, "sample", "get", found).stdout
    assert "<b>Ann</b>" in shown and NUMBER not in shown
    invoked = json.loads(hansa(server, "sample", "invoke", found).stdout)
    assert invoked == {"price": 1, "echo": MASK}
    assert hansa(server, "sample", "settings", "orders.price", "--off").stdout
    assert "orders.price" not in hansa(server, "sample", "settings").stdout
    assert hansa(server, "sample", "delete", found).stdout == "deleted 1\n"
    assert hansa(server, "sample", "delete", "--service", "orders.get").returncode == 0
    wait_until(lambda: listed(server, service="orders.get")["total"] == 0)
    gone = hansa(server, "sample", "get", found, check=False)
    assert gone.returncode and "there is no sample" in gone.stderr
