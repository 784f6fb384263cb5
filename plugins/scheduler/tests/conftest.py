"""Fixtures: a clock, a runner, and records in files or in a real Valkey."""

from __future__ import annotations

import pytest
from hansa_scheduler.ledger import Ledger

from plugins.scheduler.tests.support import Driven, Facade, QuickValkey, SetClock, client_of


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def facade(tmp_path):
    return Facade(tmp_path / "server")


@pytest.fixture
def runner(facade, clock):
    return Driven(Ledger(facade.as_server), clock)


@pytest.fixture(scope="session")
def valkey(real_server):
    """A client of a real Valkey."""
    client = client_of(real_server(QuickValkey))
    yield client
    client.close()


@pytest.fixture(params=["files", "valkey"])
def shared(request, tmp_path):
    """A facade whose records are in files, or in Valkey."""
    if request.param == "files":
        return Facade(tmp_path / "server")
    client = request.getfixturevalue("valkey")
    client.flushall()
    return Facade(tmp_path / "server", client)
