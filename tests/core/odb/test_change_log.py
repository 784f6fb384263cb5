"""The change log: what is asked for is found, how things were at a revision is told, and what is
removed for its age changes neither; on each database.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa import ChangeFilter, Key, LoggedChange, NotFound, current_service
from hansa.odb import tables
from hansa.odb.change_log import OdbChangeLog
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.keys import Keys
from hansa.odb.migrations.schema import create_schema
from hansa.odb.secret_marks import marked
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from hypothesis import given, settings, strategies as st

SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
STATES = {"define", "delete", "deploy", "rollback"}
SUBJECTS: list[tuple[Key, list[str]]] = [
    (("channel", "http", "a"), ["define", "delete"]),
    (("channel", "http", "A"), ["define", "delete"]),
    (("outgoing", "http", "a"), ["define"]),
    (("service", "package", "rates.py"), ["deploy", "rollback", "delete"]),
    (("plugin", "", "amqp"), ["block", "unblock", "reload"]),
    (("server", "", "server1"), ["restart"]),
]


@pytest.fixture(params=["sqlite", *SERVERS])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'odb'}"
    else:
        make: Callable[..., Any] = request.getfixturevalue("real_server")
        url = make(SERVERS[request.param]).database()
    engine = open_engine(url)
    create_schema(engine)
    yield Database(engine)
    engine.dispose()


Choice = tuple[int, int, bool]
"""Which subject, which of its actions, and whether it is of the same revision as the one before."""


def lines_of(choices: list[Choice]) -> list[LoggedChange]:
    """Return lines of a change log; revision 7 was made at second 7."""
    found: dict[tuple[int, Key], LoggedChange] = {}
    revision = 0
    for subject, action, same in choices:
        revision += 0 if same and revision else 1
        key, actions = SUBJECTS[subject % len(SUBJECTS)]
        made = actions[action % len(actions)]
        data = {"version": revision} if made in STATES and made != "delete" else None
        by = ("ada", "pickup", "")[action % 3]
        line = LoggedChange(revision, key, made, data, by, f"admin.{made}", float(revision))
        found[revision, key] = line
    return list(found.values())


def put(database: Database, lines: list[LoggedChange]) -> None:
    """Have these be the only lines."""
    newest = max((line.revision for line in lines), default=0)
    with database.engine.begin() as connection:
        connection.execute(tables.change.delete())
        connection.execute(tables.cluster.update().values(revision=newest, history_from=None))
        for line in lines:
            kind, type, name = line.key
            row: dict[str, object] = {"kind": kind, "type": type, "name": name}
            row |= {"revision": line.revision, "action": line.action, "by": line.by}
            row["service"] = line.service or None
            text = None if line.data is None else json.dumps(line.data)
            connection.execute(tables.change.insert().values(**row, data=text, at=line.at))


def state(lines: list[LoggedChange], revision: int) -> dict[Key, LoggedChange]:
    """Return how things were at a revision, by looking at all lines in order."""
    found: dict[Key, LoggedChange] = {}
    for line in sorted(lines, key=lambda line: line.revision):
        if line.revision <= revision and line.action in STATES:
            found[line.key] = line
    return found


def check(database: Database, choices: list[Choice], horizon: int, portion: int) -> None:
    """Look everything up, remove what is older than a horizon, and look it up again."""
    lines = lines_of(choices)
    put(database, lines)
    log = OdbChangeLog(database)
    newest = max(line.revision for line in lines)
    for revision in range(newest + 1):
        assert log.state_at(revision) == state(lines, revision)
    blocked = database.blocked_plugins()
    removed = list(log.prune(horizon + 0.5, portion=portion))
    assert all(0 < number <= portion for number in removed)
    first = log.first()
    assert first == min(horizon, newest)
    assert database.blocked_plugins() == blocked
    for revision in range(newest + 1):
        if revision < first:
            with pytest.raises(NotFound):
                log.state_at(revision)
        else:
            assert log.state_at(revision) == state(lines, revision)
    left = log.lines(range(newest + 1))
    assert len(left) == len(lines) - sum(removed)
    assert {line.key for line in left} == {line.key for line in lines}
    assert [line for line in left if line.revision > first] == in_order(lines, first)
    assert list(log.prune(horizon + 0.5)) == [], "nothing is left to remove"


def in_order(lines: list[LoggedChange], after: int) -> list[LoggedChange]:
    later = [line for line in lines if line.revision > after]
    return sorted(later, key=lambda line: (line.revision, line.key))


CHOICES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), min_size=1, max_size=30
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('log') / 'odb'}")
    create_schema(engine)
    yield Database(engine)
    engine.dispose()


@given(choices=CHOICES, horizon=st.integers(0, 31), portion=st.integers(1, 5))
@settings(deadline=None)
def test_what_was_can_be_told_after_old_lines_are_gone(
    shared: Database, choices: list[Choice], horizon: int, portion: int
) -> None:
    check(shared, choices, horizon, portion)


def test_it_is_so_on_each_database(database: Database) -> None:
    chance = random.Random(5)
    for horizon in (0, 9, 40):
        choices = [
            (chance.randrange(6), chance.randrange(3), chance.random() < 0.3) for _ in range(40)
        ]
        check(database, choices, horizon, portion=3)


def test_revisions_are_found_by_what_was_changed_by_whom_and_when(database: Database) -> None:
    log = OdbChangeLog(database)
    token = current_service.set("admin.config.apply")
    with database.transaction("ada") as transaction:
        for name in ("b", "a"):
            transaction.log(("channel", "http", name), "define", {"name": name})
    current_service.reset(token)
    with database.transaction("pickup") as transaction:
        transaction.log(("service", "package", "a"), "deploy", {"version": 1, "sha256": ""})
    first, second = log.lines([1, 2])[0], log.lines([2])[0]
    assert (first.key, first.data) == (("channel", "http", "a"), {"name": "a"})
    assert (first.by, first.service) == ("ada", "admin.config.apply")
    assert (second.by, second.service) == ("pickup", "")
    for asked, expected in (
        (ChangeFilter(), [2, 1]),
        (ChangeFilter(name="a"), [2, 1]),
        (ChangeFilter(kind="channel", type="http", name="a"), [1]),
        (ChangeFilter(name="A"), []),
        (ChangeFilter(by="pickup"), [2]),
        (ChangeFilter(service="admin.config.apply"), [1]),
        (ChangeFilter(since=first.at, until=second.at), [2, 1]),
        (ChangeFilter(since=second.at + 1), []),
    ):
        assert log.revisions(asked) == expected
        assert log.count(asked) == len(expected)
    assert log.revisions(ChangeFilter(), offset=1, limit=1) == [1]
    assert [line.revision for line in log.after(1, {("service", "package", "a")})] == [2]
    assert log.after(0, {("channel", "http", "b")}) == [log.lines([1])[1]]


def test_marks_are_equal_for_equal_secrets() -> None:
    keys = Keys("A" * 43 + "=")
    one, again, other = (keys.encrypt(text) for text in ("word", "word", "other"))
    assert one != again
    assert marked({"a": [one]}, keys) == marked({"a": [again]}, keys)
    assert marked({"a": [one]}, keys) != marked({"a": [other]}, keys)
    assert "word" not in json.dumps(marked(one, keys))
    unreadable = {"$encrypted": "gAAAA"}
    assert marked(unreadable, keys) == unreadable
