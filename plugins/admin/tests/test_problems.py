"""What is wrong in the cluster, and what people note about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hansa import InstalledPlugin
from hansa_admin.cluster import ClusterObject, ClusterServer, ClusterWorker
from hansa_admin.problem_services import MOST_NOTES, Note, Notes
from hansa_admin.problems import (
    Problem,
    problems_of_objects,
    problems_of_plugins,
    problems_of_queue,
    problems_of_servers,
    problems_of_workers,
)
from hansa_devkit.local.journal import LocalJournal

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server


def test_what_does_not_run_is_a_problem_until_it_runs(server: Server) -> None:
    assert server.call("admin.problem.list")["items"] == []
    gone = {"name": "gone", "engine": "postgresql", "database": "none", "port": 1}
    assert server.call("admin.outgoing.sql.create", gone)["state"] == "retrying"
    (problem,) = server.call("admin.problem.list")["items"]
    shown = (problem["severity"], problem["kind"], problem["type"], problem["name"])
    assert shown == ("error", "outgoing", "sql", "gone")
    assert problem["text"].startswith("retrying: ") and problem["since"] > 0
    assert problem["note"] is None
    noted = server.call("admin.problem.note", {"id": problem["id"], "text": "Ada looks at it"})
    assert (noted["by"], noted["text"]) == ("admin", "Ada looks at it")
    (problem,) = server.call("admin.problem.list")["items"]
    assert problem["note"] == noted
    server.call("admin.problem.note", {"id": problem["id"], "text": ""})
    (problem,) = server.call("admin.problem.list")["items"]
    assert problem["note"] is None
    server.call("admin.outgoing.sql.delete", {"name": "gone"})
    assert server.call("admin.problem.list")["items"] == []


def object_in(state: str, why: str = "", since: float = 1.0) -> ClusterObject:
    return ClusterObject(
        kind="outgoing",
        type="http",
        name="a",
        state=state,
        why=why,
        since=since,
        workers=["s/0.1", "s/1.1"],
    )


@pytest.mark.parametrize(
    ("one", "severity", "text"),
    [
        (object_in("retrying", "refused"), "error", "retrying: refused"),
        (object_in("quarantined"), "error", "quarantined"),
        (
            object_in("running", "the certificate x expires on 2026-12-24, in 24 days"),
            "warning",
            "the certificate x expires on 2026-12-24, in 24 days",
        ),
        (object_in("starting", "it has started for 40 s"), "error", None),
    ],
)
def test_problems_of_objects(one: ClusterObject, severity: str, text: str | None) -> None:
    (problem,) = problems_of_objects([one])
    assert (problem.severity, problem.count) == (severity, 2)
    assert text in (None, problem.text)


def test_what_starts_at_this_moment_is_no_problem() -> None:
    assert not list(problems_of_objects([object_in("starting", since=4e9)]))


def test_problems_of_servers_workers_and_plugins() -> None:
    states = (("ready", 2), ("silent", 0), ("starting", 1))
    servers = [
        ClusterServer(
            name=state,
            state=state,
            host="",
            pid=0,
            incarnation=1,
            workers=workers,
            wanted=2,
            revision=5,
            seconds=60.0,
        )
        for state, workers in states
    ]
    found = [(one.severity, one.name) for one in problems_of_servers(servers)]
    assert found == [("error", "silent"), ("warning", "starting")]
    lags = ((0, 60.0), (3, 1.0), (3, 60.0))
    workers = [
        ClusterWorker(
            name=f"s/{behind}.{seconds}", server="s", revision=1, behind=behind, seconds=seconds
        )
        for behind, seconds in lags
    ]
    assert [one.name for one in problems_of_workers(workers)] == ["s/3.60.0"]
    plugins = [
        InstalledPlugin(status, "d", "1", status, "why")
        for status in ("loaded", "blocked", "failed", "quarantined")
    ]
    assert [one.name for one in problems_of_plugins(plugins)] == ["failed", "quarantined"]


def test_problems_of_the_queue() -> None:
    assert not list(problems_of_queue({"waiting": 3, "failed": 0}))
    (failed,) = problems_of_queue({"waiting": 3, "failed": 7})
    assert (failed.name, failed.count) == ("failed", 7)
    (away,) = problems_of_queue({"error": "refused"})
    assert (away.name, away.text) == ("queue", "refused")


def test_a_problem_is_noted_as_long_as_it_is_about_the_same() -> None:
    first = Problem("error", "refused", "outgoing", "http", "a", 1.0)
    later = Problem("warning", "slow", "outgoing", "http", "a", 2.0, 3)
    other = Problem("error", "refused", "outgoing", "httpa")
    assert first.id == later.id != other.id


def test_the_newest_notes_are_kept() -> None:
    journal = LocalJournal()
    notes = Notes(journal)
    for number in range(MOST_NOTES + 20):
        notes.add(Note(id=str(number % 3), text=f"note {number}", by="ada", at=1.0))
    assert len(journal.records) <= MOST_NOTES + 1
    assert notes.newest()["0"].text == f"note {MOST_NOTES + 17}"
