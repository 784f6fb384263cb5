"""Startup services: which worker calls which, with what, and what becomes of those that fail."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hansa_zato.section import ZatoSection
from hansa_zato.startup import call_startup_services
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


def called(server: Facade) -> list[tuple[str, str, str]]:
    """What is called in a worker: names, channels and payloads."""
    found: list[tuple[str, str, str]] = []

    def handle(self: Any) -> None:
        found.append((self.name, self.channel, self.request.payload))
        assert self.request.payload != "fail"

    for name in ("first", "any"):
        server.add(type(name, (Service,), {"name": f"startup.{name}", "handle": handle}))
    thread = call_startup_services(server.as_server)
    if thread is not None:
        thread.join(30)
        assert not thread.is_alive()
    return found


def test_which_worker_calls_which(server: Facade, tmp_path: Path) -> None:
    assert called(server) == []
    (tmp_path / "first.txt").write_text("Grüße")
    server._section = ZatoSection(
        startup_services_first_worker={"startup.first": "file://first.txt"},
        startup_services_any_worker={"startup.any": "a b"},
    )
    of_all = ("startup.any", "startup-service", "a b")
    assert called(server) == [of_all, ("startup.first", "startup-service", "Grüße")]
    server.worker = 1
    assert called(server) == [of_all]


def test_one_that_fails_keeps_no_other(server: Facade, caplog: pytest.LogCaptureFixture) -> None:
    server._section = ZatoSection(
        startup_services_any_worker={
            "startup.nope": "",
            "startup.first": "file://nope.txt",
            "startup.any": "fail",
        }
    )
    with caplog.at_level(logging.ERROR, "hansa.zato.startup"):
        assert [name for name, _, _ in called(server)] == ["startup.any"]
    told = [record.getMessage() for record in caplog.records if "startup" in record.name]
    assert len(told) == 3 and "nope.txt" in told[1]
