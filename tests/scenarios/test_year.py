"""A cluster that is changed, deployed to and watched all through a year: no table of its operational
database (ODB) grows beyond what is kept for a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa import Applied, Edit, Journal
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.records import Reference
from hansa.definitions.definitions import Definitions
from hansa.definitions.edit import CheckedEdit
from hansa.deployment.packages import Packages
from hansa.odb import tables
from hansa.odb.change_log import OdbChangeLog
from hansa.odb.journal import OdbJournal
from hansa.odb.keys import Keys
from hansa.plugins.registry import Registry
from hansa_audit.early import AuditSection
from hansa_audit.record import Entry
from hansa_audit.trail import AuditTrail
from hansa_devkit import LocalServer
from hansa_history import retention
from hansa_history.early import HistorySection
from hansa_history.retention import DAY, Retention
from hansa_stats.odb_store import OdbStore as Statistics
from hansa_stats.slots import HOUR, MINUTE, slot_at
from hansa_stats.store import Batch as Counted
from hansa_stats.tally import Table, Tally
from hansa_trace.hop import Batch as Steps
from hansa_trace.odb_store import OdbStore as Trace
from sqlalchemy import func, select

from tests.core.stores import Stores

BEGIN = 1_795_305_600.0
KEPT_DAYS = 30.0
STEP = 6.1 * DAY
"""Seconds between two steps: after ten of them the statistics of hours are written over."""
LAST = 60
"""The number of the last step of a year."""
SETTLED = 35
"""The step from which on as much goes as comes: all that is kept for days has been there once."""


class Clock:
    """The time of the simulated cluster."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


class AgingCluster:
    """A cluster in SQLite, whose parts are those of a server, six days at a time."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self.stores = stores
        self.clock = clock
        self.bus = OdbBus(stores.engine)
        self.server = LocalServer(
            bus=self.bus,
            packages=self._packages(),
            change_log=OdbChangeLog(stores.database),
            journal=self.journal,
            sections={"audit": AuditSection(retention_days=KEPT_DAYS)},
        )
        section = HistorySection(retention_days=KEPT_DAYS, source_versions=5)
        self.retention = Retention(self.server, section, clock=clock)
        self.audit = AuditTrail(self.server)
        self.trace = Trace(self.journal("trace"), DAY, 1000, clock)
        self.statistics = Statistics(self.journal)

    def _packages(self) -> Packages:
        def announce(revision: int, *, wait: bool = True) -> Applied:
            return Applied(revision, [], [])

        keys = Keys("A" * 43 + "=")
        registry = Registry()
        definitions = Definitions(
            self.stores.definitions, registry, keys, announce, lambda *_: None
        )
        return Packages(self.stores.packages, registry, announce, definitions)

    def journal(self, name: str) -> Journal:
        return OdbJournal(self.stores.database, name)

    def live(self, step: int) -> None:
        """Do what is done in six days."""
        self._change(step)
        self._deploy(step)
        self._watch(step)
        self.retention.prune()
        self.clock.now += STEP

    def _change(self, step: int) -> None:
        """Edit a definition, and create one that is deleted at the next step."""
        user = ("security", "basic", "partner")
        path = ("channel", "http", f"path{step % 7}")
        gone = ("channel", "http", f"path{(step - 1) % 7}")
        refers = frozenset({Reference("security", *user)})
        made = [
            CheckedEdit(Edit(user, {"day": step}, declared=f"{step:064}")),
            CheckedEdit(Edit(path, {"day": step}), refers, (f"the path /{step % 7}",)),
        ]
        if step:
            made.append(CheckedEdit(Edit(gone)))
        self.stores.definitions.change(made, lambda *_: False, by="ada")
        self.stores.database.log_action("server", "server1", "restart")

    def _deploy(self, step: int) -> None:
        """Deploy two new versions, and go back to the one before."""
        sources = [f"# {step} morning", f"# {step} evening", f"# {step} morning"]
        for source in sources:
            file = "rates.py"
            self.stores.packages.deploy({file: source}, {file: {"Rates": "rates"}}, by="ada")

    def _watch(self, step: int) -> None:
        """Note what workers, of which each step has others, leave behind.

        The statistics of days are left out: they are kept for five years, one row each.
        """
        worker = f"server1/0.{step}"
        self.stores.reports.report(worker, "server1", step)
        self.stores.reports.forget(f"server1/0.{step - 1}")
        self.bus.acquire("channel scheduler nightly", worker, 60.0)
        self.bus.post(f"mail {worker}", b"never collected", 60.0)
        self.audit._prune_at = 0.0  # it looks once an hour of the machine
        self.audit.note(Entry(by="ada", service="admin.channel.http.edit"))
        self.trace.add(Steps(f"{step}", worker, self.clock.now, [], []))
        counted: Table = {("service", "rates"): Tally()}
        self.statistics.add(Counted(slot_at(MINUTE, self.clock.now), worker, 1, counted))
        self.statistics.put(slot_at(HOUR, self.clock.now), counted)

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has."""
        with self.stores.engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables.metadata.sorted_tables
            }


@pytest.fixture
def aging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgingCluster]:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    monkeypatch.setattr(retention, "PAUSE", 0.0)
    stores = Stores.new(tmp_path / "odb.sqlite")
    yield AgingCluster(stores, clock)
    stores.engine.dispose()


def test_no_table_grows_for_ever(aging: AgingCluster):
    rows: dict[int, dict[str, int]] = {}
    for step in range(LAST + 1):
        aging.live(step)
        if step in (SETTLED, LAST):
            rows[step] = aging.rows()
    assert [name for name, number in rows[LAST].items() if not number] == [], "each is written to"
    grown = {
        name: (rows[SETTLED][name], number)
        for name, number in rows[LAST].items()
        if number > rows[SETTLED][name] + 5
    }
    assert grown == {}
    assert rows[LAST]["package"] < 20, "two versions each time, five times in thirty days"
    assert aging.server.packages.serving() == {"rates.py": 2 * LAST + 1}
    # whatever the history still reaches, it has the source of
    history = aging.server.change_log
    for revision in range(history.first(), aging.stores.database.revision() + 1):
        for line in history.lines([revision]):
            if line.key[:2] == ("service", "package") and line.data is not None:
                assert aging.server.packages.get(line.key[2], int(line.data["version"]))
