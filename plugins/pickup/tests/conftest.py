"""A started watcher over real folders, and a facade that is watched."""

from __future__ import annotations

import logging

import pytest
from hansa_devkit.harness.waiting import wait_until
from hansa_pickup.watcher import Watcher

from plugins.pickup.tests.support import Facade


@pytest.fixture
def facade(tmp_path):
    return Facade(tmp_path)


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "pickup"
    found.mkdir(mode=0o700)
    return found


@pytest.fixture
def start(caplog):
    """Starts watchers, waits until they watch, and stops them."""
    caplog.set_level(logging.INFO, "hansa.pickup")
    watchers = []

    def begin(facade: Facade, ready: bool = True) -> Watcher:
        watcher = Watcher(facade.as_server, facade.settings)
        watchers.append(watcher)
        before = caplog.text.count("watching")
        watcher.start()
        if ready:
            wait_until(lambda: caplog.text.count("watching") > before)
        return watcher

    yield begin
    for watcher in watchers:
        watcher.stop()


@pytest.fixture
def lines(caplog):
    """What was logged by the pickup, but for the line that says what is watched."""

    def found(level: str = "") -> list[str]:
        return [
            record.getMessage()
            for record in caplog.records
            if record.name == "hansa.pickup"
            and level in ("", record.levelname)
            and not record.getMessage().startswith("watching")
        ]

    return found
