"""A message through HTTP, an asynchronous call and its callback, on both servers: its trace has every
step and the lines of both logs; of what a server that does not answer has, it is said that it is
missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until

from tests.cluster.running import RunningCluster

SOURCE = """
from hansa import Service


class Begin(Service):
    def handle(self):
        self.log.info("began on %s", self.server.name)
        self.server.invoke_async("traced.work", None, cid=self.cid, callback=["traced.back"])
        return {"server": self.server.name}


class Work(Service):
    def handle(self):
        self.log.info("worked on %s", self.server.name)
        return {"server": self.server.name}


class Back(Service):
    def handle(self):
        self.log.info("back on %s", self.server.name)
"""
MESSAGES = 60
STEPS = {"http traced", "traced.work", "traced.back"}


@pytest.fixture
def traced(cluster: RunningCluster) -> Iterator[RunningCluster]:
    cluster.must("admin.service.deploy", file="traced.py", source=SOURCE)
    cluster.must(
        "admin.channel.http.create",
        name="traced",
        url_path="/traced",
        service="traced.begin",
        format="json",
    )
    yield cluster
    cluster.must("admin.channel.http.delete", name="traced")


def trace(cluster: RunningCluster, cid: str) -> dict[str, Any]:
    done = cluster.run("trace", cid, "--json", "--dir", cluster.path)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def places(cluster: RunningCluster, cid: str) -> dict[str, str]:
    """The servers of the steps of a message, once all are there."""
    answer = cluster.must("admin.message.trace", cid=cid)
    return {step["name"] or step["service"]: step["server"] for step in answer["items"]}


def test_a_message_across_servers(traced: RunningCluster):
    for number in range(MESSAGES):
        headers = {"X-Hansa-CID": f"traced-{number}"}
        assert traced.ask("/traced", {}, headers=headers).status_code == 200
    traced.settled()
    cid = ""
    for number in range(MESSAGES):
        cid = f"traced-{number}"
        wait_until(lambda cid=cid: set(places(traced, cid)) == STEPS, 10)
        found = places(traced, cid)
        if found["traced.work"] != found["http traced"] != found["traced.back"]:
            break
    else:
        pytest.fail("no message went to both servers")

    answer = trace(traced, cid)
    steps = answer["items"]
    assert [(step["name"] or step["service"], step["depth"]) for step in steps] == [
        ("http traced", 0),
        ("traced.work", 1),
        ("traced.back", 2),
    ]
    assert answer["servers"] == ["server1", "server2"]
    assert answer["missing"] == []
    began, worked, back = (step["server"] for step in steps)
    said = {
        (line["server"], line["message"]) for line in answer["lines"] if line["log"] == "server"
    }
    assert said >= {
        (began, f"began on {began}"),
        (worked, f"worked on {worked}"),
        (back, f"back on {back}"),
    }

    # one that is held up answers nobody
    held = traced.workers("server2")
    for worker in held:
        worker.suspend()
    try:
        began_at = time.monotonic()
        answered = lines(traced, cid)
        took = time.monotonic() - began_at
    finally:
        for worker in held:
            worker.resume()
    assert answered["missing"] == ["server2 did not answer within 2 s: its lines are missing"]
    assert {line["server"] for line in answered["items"]} == {"server1"}
    assert took < 4

    traced.run("stop", traced.path / "server2")
    try:
        answer = trace(traced, cid)
        assert answer["missing"] == ["server2 does not run: its lines are missing"]
        # its steps are the cluster's
        assert [step["server"] for step in answer["items"]] == [began, worked, back]
        shown = traced.run("trace", cid, "--dir", traced.path).stdout
        assert "server2 does not run: its lines are missing" in shown
    finally:
        traced.run("start", traced.path / "server2")
    wait_until(lambda: not trace(traced, cid)["missing"], 30)


def lines(cluster: RunningCluster, cid: str) -> dict[str, Any]:
    """The lines of the logs, asked for at server1 itself."""
    answer = requests.post(
        f"http://127.0.0.1:{cluster.base + 10}/hansa/api/admin.log.read",
        json={"cid": [cid]},
        auth=("admin", cluster.password),
        timeout=30,
    )
    found: dict[str, Any] = answer.json()
    return found
