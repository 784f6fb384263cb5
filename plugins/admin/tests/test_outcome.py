"""What becomes of a change: answers say how a definition does in each worker, and ping asks the
settings of now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Applied, ObjectState, WorkerReport
from hansa_admin.outcome import Outcome

if TYPE_CHECKING:
    import pytest

    from plugins.admin.tests.conftest import Server

SQLITE = {"name": "db", "engine": "sqlite", "database": "db.sqlite"}
JOB = {"name": "hourly", "job_type": "interval", "hours": 1, "service": "rates.plain"}


def test_what_runs_is_said_to_run_in_each_worker(server: Server) -> None:
    made = server.call("admin.outgoing.sql.create", SQLITE)
    assert made["state"] == "running"
    assert {state["state"] for state in made["states"].values()} == {"running"}
    assert made["states"].keys() == set(made["applied"])
    off = server.call("admin.outgoing.sql.edit", {"name": "db", "active": False})
    assert off["state"] == "inactive"
    assert "state" not in server.call("admin.outgoing.sql.delete", {"name": "db"})


def test_what_runs_once_in_the_cluster_is_waited_for(server: Server) -> None:
    assert server.call("admin.channel.schedule.create", JOB)["state"] == "running"


def test_what_does_not_run_is_said_with_the_reason(server: Server) -> None:
    made = server.call("admin.outgoing.sql.create", SQLITE | {"engine": "nosuch"})
    assert made["state"] == "retrying"
    assert all("nosuch" in state["why"] for state in made["states"].values())
    mended = server.call("admin.outgoing.sql.edit", {"name": "db", "engine": "sqlite"})
    assert mended["state"] == "running"


def test_ping_asks_the_definition_as_it_is_now(server: Server) -> None:
    server.call("admin.outgoing.sql.create", SQLITE)
    assert server.api("admin.outgoing.sql.ping", {"name": "db"}).status == 200
    # the connection of before serves on, and is not what is asked
    broken = server.call("admin.outgoing.sql.edit", {"name": "db", "engine": "nosuch"})
    assert broken["state"] == "retrying"
    refused = server.api("admin.outgoing.sql.ping", {"name": "db"})
    assert refused.status == 503
    assert "nosuch" in refused.json["detail"]
    server.call("admin.outgoing.sql.edit", {"name": "db", "active": False})
    assert "inactive" in server.api("admin.outgoing.sql.ping", {"name": "db"}).json["detail"]


def test_apply_says_what_does_not_run(server: Server) -> None:
    good = {"engine": "sqlite", "database": "db.sqlite"}
    config = {"outgoing": {"sql": {"good": good, "bad": good | {"engine": "nosuch"}}}}
    done = server.call("admin.config.apply", {"config": config})
    (failed,) = done["not_running"]
    assert (failed["kind"], failed["type"], failed["name"]) == ("outgoing", "sql", "bad")
    assert failed["state"] == "retrying"
    assert "nosuch" in next(iter(failed["states"].values()))["why"]
    assert server.call("admin.config.apply", {"config": config})["not_running"] == []


PICKY = """import os

from hansa import Service

if "HANSA_LISTEN_HTTP" in os.environ:
    raise RuntimeError("not in a worker")


class Picky(Service):
    def handle(self):
        return {}
"""


def test_what_workers_cannot_load_is_said(server: Server) -> None:
    # the trial, which is no worker, imports it
    done = server.call("admin.service.deploy", {"file": "picky.py", "source": PICKY})
    (failed,) = done["not_running"]
    assert (failed["kind"], failed["type"], failed["name"]) == ("service", "package", "picky.py")
    for state in failed["states"].values():
        assert state["state"] == "failed"
        assert "not in a worker" in state["why"]
    mended = PICKY.replace("raise", "assert")
    applied = server.call("admin.config.apply", {"config": {"services": {"picky.py": mended}}})
    assert applied["not_running"] == []
    server.call("admin.service.delete", {"name": "picky.py"})


class Reports:
    """Stands for the server as `Outcome` sees it: what workers report, one look after the other."""

    id = "one/0.1"

    def __init__(self, placement: str, *looks: dict[str, WorkerReport]) -> None:
        self.cls = self.cluster = self.objects = self.registry = self
        self.placement = placement
        self.looks = list(looks)
        self.asked = 0

    def reports(self) -> dict[str, WorkerReport]:
        self.asked += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def state(self, *key: str) -> None:
        return None

    def type(self, *key: str) -> Reports:
        return self


def report(worker: str, revision: int, state: str = "") -> WorkerReport:
    states = {"channel amqp in": ObjectState(state)} if state else {}
    return WorkerReport(worker, worker.partition("/")[0], revision, 0.0, states)


def outcome(server: Reports, pending: list[str]) -> dict[str, str]:
    waited: Outcome = Outcome(server)  # type: ignore[arg-type]  # as much as it uses of a server
    found = waited.of(("channel", "amqp", "in"), Applied(7, [], pending))
    return {"": found["state"]} | {name: one.state for name, one in found["states"].items()}


def test_workers_are_waited_for_until_their_state_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa_admin.outcome.LIMIT", 0.1)
    starting = {"one/0.1": report("one/0.1", 7), "two/0.1": report("two/0.1", 7, "starting")}
    running = starting | {"two/0.1": report("two/0.1", 7)}
    told = outcome(Reports("worker", starting, starting, running), [])
    assert told == {"": "running", "one/0.1": "running", "two/0.1": "running"}
    assert outcome(Reports("worker", starting), [])["two/0.1"] == "starting"
    late = starting | {"two/0.1": report("two/0.1", 6)}
    assert outcome(Reports("worker", late), ["two/0.1"])[""] == "pending"


def test_what_runs_once_runs_in_one_worker_of_its_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa_admin.outcome.LIMIT", 0.1)
    one = {"one/0.1": report("one/0.1", 7), "one/1.1": report("one/1.1", 7, "elsewhere")}
    two = {name: report(name, 7, "elsewhere") for name in ("two/0.1", "two/1.1")}
    assert outcome(Reports("cluster", two, one | two), [])[""] == "running"
    assert outcome(Reports("cluster", two), [])[""] == "unplaced"
    told = outcome(Reports("server", one | two), [])
    assert told == {
        "": "unplaced",
        "one/0.1": "running",
        "one/1.1": "elsewhere",
        "two/0.1": "unplaced",
        "two/1.1": "unplaced",
    }


def test_the_workers_are_asked_once_about_all_that_was_changed() -> None:
    states = {
        "service package a.py": ObjectState("failed"),
        "channel amqp in": ObjectState("failed"),
    }
    one = {"one/0.1": WorkerReport("one/0.1", "one", 7, 0.0, states)}
    server = Reports("worker", one)
    waited: Outcome = Outcome(server)  # type: ignore[arg-type]  # as much as it uses of a server
    keys = [("channel", "amqp", name) for name in ("in", "out", "other")]
    found = waited.failures(Applied(7, [], []), packages=["a.py", "b.py"], definitions=keys)
    assert [each["name"] for each in found] == ["a.py", "in"]
    assert server.asked == 1
