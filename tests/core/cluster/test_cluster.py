"""Announcing a change: who has applied it, who has not yet, and for whom nobody waits."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hansa.cluster import cluster as module
from hansa.cluster.cluster import Cluster
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.records import Applied
from hansa.odb.key_file import KeyFile
from hansa.odb.keys import Keys

from tests.core.stores import Stores


class Bus(OdbBus):
    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.nudges: list[int] = []

    def nudge(self, revision: int) -> None:
        self.nudges.append(revision)


@pytest.fixture
def bus(store: Stores, monkeypatch: pytest.MonkeyPatch) -> Bus:
    monkeypatch.setattr(module, "APPLY_WAIT", 0.3)
    return Bus(store.engine)


def test_workers_that_have_it_and_those_that_do_not_yet(store: Stores, bus: Bus):
    store.reports.report("s/0", "s", 0)
    store.reports.report("s/1", "s", 5)
    cluster = Cluster("hansa", store.database, Keys(KeyFile.new_key()), bus, lambda: None)
    began = time.monotonic()
    assert cluster.announce(1) == Applied(1, ["s/1"], ["s/0"])
    assert 0.3 <= time.monotonic() - began < 5
    assert bus.nudges == [1]


def test_it_is_waited_for(store: Stores, bus: Bus, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "APPLY_WAIT", 20)
    store.reports.report("s/0", "s", 0)
    wake = threading.Timer(0.2, lambda: store.reports.report("s/0", "s", 1)).start
    cluster = Cluster("hansa", store.database, Keys(KeyFile.new_key()), bus, wake)
    began = time.monotonic()
    assert cluster.announce(1).applied == ["s/0"]
    assert time.monotonic() - began < 10


def test_the_silent_are_not_waited_for(store: Stores, bus: Bus, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SILENT", 0.05)
    store.reports.report("dead", "s", 0)
    time.sleep(0.1)
    cluster = Cluster("hansa", store.database, Keys(KeyFile.new_key()), bus, lambda: None)
    assert cluster.announce(1) == Applied(1, [], [])
