"""Journals: numbers without gaps, whoever writes at the same time, and each record composed with
the one before it known; and so those in memory, with which plugins are tested.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hansa import Journal, JournalRecord
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.journal import OdbJournal
from hansa.odb.migrations.schema import create_schema
from hansa_devkit import LocalServer
from hansa_devkit.servers_sql import MariaDB, PostgreSQL

SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}


def after(number: int, last: JournalRecord | None) -> str:
    return f"{number} after {last.text.split()[0] if last else 'nothing'}"


Journals = Callable[[str], Journal]
"""Returns the journal of a name."""


@pytest.fixture(params=["local", "sqlite", *SERVERS])
def journals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journals]:
    if request.param == "local":
        with closing(LocalServer()) as server:
            yield server.journal
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'odb'}"
    else:
        make: Callable[..., Any] = request.getfixturevalue("real_server")
        url = make(SERVERS[request.param]).database()
    engine = open_engine(url)
    create_schema(engine)
    database = Database(engine)
    yield partial(OdbJournal, database)
    assert database.revision() == 0, "a record is no change"
    engine.dispose()


def test_writers_stand_in_one_line(journals: Journals):
    def write() -> None:
        journal = journals("audit")
        for _ in range(10):
            journal.append(after)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    journal = journals("audit")
    records = journal.read()
    assert [record.number for record in records] == list(range(1, 41))
    assert records[0].text == "1 after nothing"
    assert [record.text for record in records[1:]] == [f"{n} after {n - 1}" for n in range(2, 41)]


def test_pages_names_and_what_is_dropped(journals: Journals):
    journal = journals("audit")
    journals("Audit").append(lambda number, last: "\N{OLD ITALIC LETTER A}" * 70_000)
    for _ in range(6):
        journal.append(after)
    assert [record.number for record in journal.read(after=2, limit=3)] == [3, 4, 5]
    assert [record.number for record in journal.read_back(limit=2)] == [6, 5]
    assert [record.number for record in journal.read_back(before=3)] == [2, 1]
    assert journal.append(after, drop_through=4).text == "7 after 6"
    assert [record.number for record in journal.read()] == [5, 6, 7]
    journal.append(after, drop_through=100)
    assert journal.read() == [JournalRecord(8, "8 after 7")], "what is added stays"
    (other,) = journals("Audit").read()
    assert len(other.text) == 70_000
