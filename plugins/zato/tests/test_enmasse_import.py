"""A file is imported as a plan first, and in one change: what the server says is told of its objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hansa_zato.command.grid import problems
from hansa_zato.enmasse import importing
from hansa_zato.enmasse.findings import CODES, Finding
from hansa_zato.enmasse.importing import ServerRefused, Wishes, apply, plan

from plugins.zato.tests.enmasse_files import VARIABLES, of_2_0, write_json, write_yaml

NO_SERVICE = {"channel.http.rates-0.service": "there is no service rates.get-rate"}


class Recorded:
    """An admin API that answers from a list of refusals, then with an empty plan."""

    def __init__(self, *refusals: dict[str, str], current: dict[str, Any] | None = None) -> None:
        self.refusals = list(refusals)
        self.current = current or {}
        self.calls: list[tuple[str, Any]] = []

    def call(self, service: str, data: Mapping[str, object] | None = None) -> dict[str, Any]:
        self.calls.append((service, data))
        if service == "admin.config.export":
            return self.current
        if self.refusals:
            raise ServerRefused(self.refusals.pop(0))
        return {"changes": [{"action": "create"}], "unchanged": 0}

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.calls[-1][1]["config"]
        return config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_json(tmp_path / "file.json", of_2_0())


def test_faults_of_the_server_are_told_by_object_and_line(file: Path):
    api = Recorded(
        {
            "channel.http.rates-1.service": "there is no service rates.get-rate",
            "channel.http.rates-1.security": "there is no security partner",
            "security.basic.odoo.erp.password": "is too weak",
            "outgoing.sql.crm": "there is no type sql",
            "": "is not possible",
        }
    )
    found = plan(file, api, Wishes(VARIABLES))
    errors = [one for one in found.findings if one.severity == "error"]
    assert {(one.code, one.name, one.key) for one in errors} == {
        ("E12", "rates-1", "service"),
        ("E05", "rates-1", "security"),
        ("E13", "erp", "password"),
        ("E13", "crm", ""),
        ("E13", "", ""),
    }
    assert all(one.line for one in errors if one.name)
    assert found.has_errors
    assert not found.changes


def test_services_may_take_a_while(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importing, "PAUSE", 0)
    api = Recorded(NO_SERVICE, NO_SERVICE)
    assert not plan(file, api, Wishes(VARIABLES, wait=60)).has_errors
    api = Recorded(NO_SERVICE, NO_SERVICE)
    assert plan(file, api, Wishes(VARIABLES)).has_errors
    assert len(api.calls) == 2


def test_what_zato_has_no_word_for_stays(file: Path):
    there = {
        "channel": {
            "http": {
                "rates-0": {
                    "service": "old",
                    "url_path": "/old",
                    "security": "old",
                    "limits": {"rate": "5/s"},
                }
            }
        }
    }
    api = Recorded(current=there)
    plan(file, api, Wishes(VARIABLES))
    assert api.config()["channel"]["http"]["rates-0"] == {
        "active": True,
        "format": "json",
        "limits": {"rate": "5/s"},
        "merge_url_params_req": True,
        "method": "GET",
        "service": "rates.get-rate",
        "url_params_pri": "path-over-query",
        "url_path": "/rates/0/{day}",
    }


def test_topics_are_the_definitions_of_the_server(tmp_path: Path):
    file = write_yaml(
        tmp_path / "file.yml",
        {"security": [], "pubsub_topic": [{"name": one, "max_depth": 5} for one in "abc"]},
    )
    there = {
        "topic": {"topic": {"first": {"topic": "a"}, "c": {"topic": "b"}, "x": {"topic": "y"}}}
    }
    api = Recorded(current=there)
    found = plan(file, api, Wishes({}))
    topics = {name: one["topic"] for name, one in api.config()["topic"]["topic"].items()}
    assert topics == {"first": "a", "b": "b", "c": "c"}  # the server says that `b` is there twice
    assert len(found.translation.definitions) == 3


def test_only_some_objects_are_imported(file: Path):
    api = Recorded()
    wishes = Wishes(
        sections=frozenset({"channel_plain_http", "scheduler"}), names=frozenset({"once"})
    )
    found = plan(file, api, wishes)
    assert list(found.translation.definitions) == [("channel", "schedule", "once")]


def test_keys_may_be_left_out(file: Path):
    every = set(of_2_0())
    found = plan(file, Recorded(), Wishes(without=frozenset(every - {"channel_soap"})))
    assert [key[2] for key in found.translation.definitions] == ["rates-soap"]


def test_all_changes_are_one_call(file: Path):
    api = Recorded()
    found = plan(file, api, Wishes(VARIABLES))
    asked = api.config()
    apply(found, api)
    assert [service for service, _ in api.calls] == [
        "admin.config.export",
        "admin.config.plan",
        "admin.config.apply",
    ]
    assert api.config() == asked


def test_problems_are_a_table():
    findings = [
        Finding("W01", "differs in url_path", "channel_plain_http", "a", "", "file.json", 7),
        Finding("E12", "there is no service b", "scheduler", "c", "service"),
    ]
    lines = problems(findings, "15,60").splitlines()
    assert lines[0] == "1 warnings and 1 errors found:"
    assert len({len(line) for line in lines[1:]}) == 1
    assert [word in "\n".join(lines) for word in ("warn0001/W01", "err0001/E12", "file.json:7")]
    assert set(CODES) >= {
        "W01",
        "W02",
        *(f"E{number:02}" for number in (1, 2, 3, 4, 5, 8, 9, 10, 12, 13)),
    }
