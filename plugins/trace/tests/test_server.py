"""Where a message was, by the admin API and the command line of real servers: one with a Redis, and
two without, which ask each other for their logs through the ODB.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.engine import Valkey

from plugins.redis.tests.support import end, launch
from tests.commands import hansa

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SOURCE = """
from hansa import Service, Unavailable


class Place(Service):
    def handle(self):
        self.log.info("placing %s", self.request.input)
        answer = self.outgoing.http["rates"].get()
        self.server.invoke_async(
            "orders.bill", {"secret": "s3cr3t"}, cid=self.cid, callback=["orders.billed"]
        )
        self.server.invoke_async("orders.fail", None, cid=self.cid, max_attempts=1)
        return {"rate": answer.json()["rate"]}


class Rate(Service):
    def handle(self):
        return {"rate": self.invoke("orders.compute")}


class Compute(Service):
    def handle(self):
        return 7


class Bill(Service):
    def handle(self):
        if self.request.attempt == 1:
            raise Unavailable("the bank sleeps")
        self.log.warning("billed at attempt %s", self.request.attempt)
        return {"billed": True}


class Billed(Service):
    def handle(self):
        self.log.info("told of it")


class Fail(Service):
    def handle(self):
        raise RuntimeError("never works")
"""
CID = "trace-of-an-order"
REDIS = """
[redis]
address = "{address}"

[queue]
first_delay = 0.05
"""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("v"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer], valkey: str) -> RunningServer:
    plugins = ["trace", "queue", "redis", "roles"]
    server = start_shared_server(REDIS.format(address=valkey), workers=1, plugins=plugins)
    server.deploy("orders.py", SOURCE)
    for name in ("place", "rate"):
        server.api(
            "admin.channel.http.create",
            name=name,
            url_path=f"/{name}",
            service=f"orders.{name}",
            format="json",
        )
    server.api("admin.outgoing.http.create", name="rates", address=f"{server.url}/rate")
    headers = {
        "X-Hansa-CID": CID,
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "tracestate": "vendor=1",
    }
    assert server.post("/place", {"order": 1}, headers=headers).json() == {"rate": 7}
    wait_until(lambda: len(trace(server)["items"]) == 8 and trace(server)["failed"])
    return server


def trace(server: RunningServer, cid: str = CID) -> dict[str, Any]:
    answer: dict[str, Any] = server.api("admin.message.trace", cid=cid)
    return answer


def test_all_steps_of_a_message(server: RunningServer):
    answer = trace(server)
    steps = answer["items"]
    shown = {
        (step["kind"], step["name"] or step["service"], step["attempt"], step["outcome"])
        for step in steps
    }
    assert shown == {
        ("channel", "http place", 1, "ok"),
        ("outgoing", "http rates", 1, "ok"),
        ("channel", "http rate", 1, "ok"),
        ("invoke", "orders.compute", 1, "ok"),
        ("async", "orders.bill", 1, "unavailable"),
        ("async", "orders.bill", 2, "ok"),
        ("async", "orders.billed", 1, "ok"),
        ("async", "orders.fail", 1, "unexpected"),
    }
    depths = {(step["name"] or step["service"], step["attempt"]): step["depth"] for step in steps}
    assert depths == {
        ("http place", 1): 0,
        ("http rates", 1): 1,
        ("http rate", 1): 1,
        ("orders.compute", 1): 2,
        ("orders.bill", 1): 1,
        ("orders.bill", 2): 1,
        ("orders.billed", 1): 2,
        ("orders.fail", 1): 1,
    }
    assert {step["cid"] for step in steps} == {CID}
    assert {step["trace"] for step in steps} == {TRACE} == set(answer["traces"])
    assert steps[0]["parent"] == SPAN
    (callback,) = (step for step in steps if step["service"] == "orders.billed")
    assert (callback["in_reply_to"], callback["parent_cid"]) == (CID, CID)
    (failed,) = answer["failed"]
    assert (failed["service"], failed["cause"]) == ("orders.fail", "RuntimeError: never works")
    assert answer["waiting"] == answer["missing"] == answer["related"] == []
    assert answer["servers"] == ["server1"]
    assert "s3cr3t" not in json.dumps(answer)


def test_it_is_found_by_its_trace(server: RunningServer):
    assert trace(server, TRACE)["items"] == trace(server)["items"]
    assert trace(server, TRACE)["failed"] == trace(server)["failed"]
    nothing = trace(server, "nobody")
    assert (nothing["items"], nothing["failed"]) == ([], [])
    assert nothing["reaches"] is not None


def test_the_command_shows_one_time_line(server: RunningServer):
    shown = hansa(server, "trace", CID).stdout
    lines = shown.splitlines()
    steps = [
        "channel http place -> orders.place",
        "outgoing http rates",
        "async orders.bill, attempt 1",
        "async orders.bill, attempt 2",
        "callback orders.billed, attempt 1",
    ]

    def place(text: str) -> int:
        return next(number for number, line in enumerate(lines) if text in line)

    places = [place(text) for text in steps]
    assert places == sorted(places), shown
    assert places[0] < place("placing {'order': 1}") < places[2]
    assert places[3] < place("billed at attempt 2")
    assert "failed message" in shown
    assert "ERROR hansa.route: unexpected RuntimeError: never works" in shown
    assert "Traceback" not in shown
    assert f"8 steps on server1; trace {TRACE}" in shown
    answer = json.loads(hansa(server, "trace", CID, "--json").stdout)
    assert len(answer["items"]) == 8
    assert any("placing" in line["message"] for line in answer["lines"])
    assert "placing" not in hansa(server, "trace", CID, "--no-log").stdout
    assert "no steps are kept of it" in hansa(server, "trace", "nobody").stdout


def test_lines_of_the_logs(server: RunningServer):
    found = server.api("admin.log.read", cid=[CID], logger="hansa.service.orders.bill")
    assert [line["message"] for line in found["items"]] == ["billed at attempt 2"]
    (line,) = found["items"]
    assert (line["server"], line["level"], line["cid"]) == ("server1", "WARNING", CID)
    found = server.api("admin.log.read", cid=[CID], logger="access")
    assert sorted(line["message"].split(" in ")[0] for line in found["items"]) == [
        "GET /rate 200",
        "POST /place 200",
    ]
    shown = hansa(server, "log", "search", "--cid", CID, "--text", "TOLD of").stdout
    assert shown.splitlines()[0].endswith(f"{CID} - told of it")
    assert "RuntimeError" in hansa(server, "log", "groups", "--level", "ERROR").stdout
    assert "told of it" in hansa(server, "log", "tail", "--once", "--limit", "1000").stdout


def test_following(server: RunningServer):
    first = server.api("admin.log.read", text="placing", limit=1)
    assert [line["message"] for line in first["items"]] == ["placing {'order': 1}"]
    server.post("/place", {"order": 2}, headers={"X-Hansa-CID": "second"})
    wait_until(
        lambda: (
            [
                line["cid"]
                for line in server.api("admin.log.read", text="placing", cursor=first["cursor"])[
                    "items"
                ]
            ]
            == ["second"]
        )
    )


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"cursor": "../../etc/passwd"}, "cursor"),
        ({"since": 2, "until": 1}, "since"),
        ({"cid": [""]}, "cid"),
        ({"level": "LOUD"}, "level"),
        ({"limit": 10**6}, "limit"),
    ],
)
def test_what_cannot_be_asked(server: RunningServer, settings: dict[str, Any], name: str):
    with pytest.raises(ApiError) as refused:
        server.api("admin.log.read", settings)
    assert (refused.value.status, list(refused.value.problem["errors"])) == (400, [name])


def test_roles(server: RunningServer):
    password = "a-long-enough-password-of-vera"
    server.api("admin.security.basic.create", name="vera", username="vera", password=password)
    server.api("admin.account.create", name="vera", credentials=["vera"], roles=["viewer"])

    def ask(service: str, **settings: Any) -> int:
        address = f"/hansa/api/{service}"
        return server.post(address, settings, auth=("vera", password)).status_code

    assert ask("admin.message.trace", cid=CID) == 200
    for service in ("admin.log.read", "admin.log.groups"):
        assert ask(service) == 403


@pytest.mark.proof
def test_two_servers_ask_each_other(start_server: Callable[..., RunningServer]):
    plugins = ["trace"]
    one = start_server(workers=1, plugins=plugins)
    folder = one.folder / "var"
    shared = (
        f'[server]\nname = "server2"\nsecret_key = {{ "$file" = "{folder / "secret.key"}" }}\n'
        f'[odb]\nurl = "sqlite:///{folder / "odb.sqlite"}"\n'
    )
    two = start_server(shared, workers=1, plugins=plugins, start=False)
    two.password = one.password
    two.start()

    def read(server: RunningServer, **settings: Any) -> dict[str, Any]:
        answer: dict[str, Any] = server.api("admin.log.read", settings)
        return answer

    def both(server: RunningServer) -> bool:
        return {line["server"] for line in read(server, limit=1000)["items"]} == {
            "server1",
            "server2",
        }

    wait_until(lambda: both(one) and both(two))
    assert read(one)["missing"] == []
    only = read(one, servers=["server2"], limit=1000)["items"]
    assert {line["server"] for line in only} == {"server2"}
    (worker,) = two.workers()
    worker.suspend()
    began = time.monotonic()
    assert read(one)["missing"] == ["server2 did not answer within 2 s: its lines are missing"]
    assert time.monotonic() - began < 4
    worker.resume()
    two.stop()
    wait_until(lambda: read(one)["missing"] == ["server2 does not run: its lines are missing"], 20)
    assert {line["server"] for line in read(one)["items"]} == {"server1"}
