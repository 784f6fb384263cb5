"""What is recorded of calls, of refused attempts and of stored changes: names, never values."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hansa import (
    Binding,
    Forbidden,
    Journal,
    Refused,
    Request,
    Response,
    Service,
    StoredChange,
    Unavailable,
)
from hansa.runtime.routes import compile_route
from hansa_admin.administration import Administration, Identity
from hansa_audit import plugin
from hansa_audit.early import AuditSection
from hansa_audit.naming import names_in, settings_in
from hansa_audit.plugin import Auditing
from hansa_audit.record import Entry
from hansa_audit.recording import MOST_HELD, Refusals
from hansa_audit.trail import JOURNAL
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_security.verification import Principal

Handle = Callable[[Service], Any]


class Log:
    """A server with an audit log, and routes to admin services."""

    def __init__(self, **section: Any) -> None:
        self.server = LocalServer(sections={"audit": AuditSection(**section)})
        self.auditing = self.server.resource(Auditing)

    def route(self, handle: Handle, name: str = "admin.thing.do", **attributes: Any) -> Any:
        service = type("Made", (Service,), {"name": name, "handle": handle, **attributes})
        binding = Binding(name, self.server, None, "door", "http")

        def authenticate(request: Request) -> object:
            return Principal("ann", "staff")

        def wrap(channel: Any, service: type[Service], call: Any) -> Any:
            return plugin.hansa_wrap(service, call)

        witness = plugin.hansa_refused(service)
        assert witness is not None
        return compile_route(
            binding,
            service,
            authenticators=[authenticate],
            wraps=[wrap],
            witnesses=[witness],
        )

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(record.text) for record in self.server.journal(JOURNAL).read()]


def ask(**data: Any) -> Request:
    return Request(json.dumps(data).encode(), peer="192.0.2.1", cid="K1")


def test_who_when_what_and_from_where():
    log = Log()
    change = StoredChange(7, "ann", ((("channel", "http", "orders"), "define"),))

    def handle(service: Service) -> None:
        plugin.hansa_stored(log.server, change)

    route = log.route(handle, "admin.channel.http.edit")
    limits = {"rate": "5/m"}
    assert route(ask(name="orders", password="s3cret", limits=limits)).status == 200
    (record,) = log.records
    assert record.pop("at") > 1.7e9
    assert record == {
        "number": 1,
        "server": "local",
        "by": "ann",
        "definition": "staff",
        "address": "192.0.2.1",
        "channel": "http door",
        "service": "admin.channel.http.edit",
        "names": ["orders"],
        "settings": ["limits.rate", "password"],
        "changes": ["define channel http orders"],
        "outcome": "ok",
        "revision": 7,
        "cid": "K1",
        "count": 1,
        "previous": "",
    }
    assert "s3cret" not in json.dumps(log.records)


@pytest.mark.parametrize(
    ("given", "names", "settings"),
    [
        ({"name": "a", "more": ["b", "c"]}, ["a", "b", "c"], []),
        ({"file": "x.py", "source": "print('secret')"}, ["x.py"], ["source"]),
        ({"files": {"x/a.py": "secret", "x/b.py": ""}}, ["x/a.py", "x/b.py"], []),
        ({"file": "x.py", "version": 3}, ["x.py", "version 3"], []),
        ({"name": "svc", "payload": {"card": "4111"}}, ["svc"], ["payload.card"]),
        (
            {"config": {"channel": {"http": {"c": {"url_path": "/"}}}, "odd": 3}, "prune": True},
            ["channel http c"],
            ["prune"],
        ),
        ({"name": {"not": "a name"}, "ids": [1, None, {"a": "b"}]}, ["not", "1"], []),
    ],
)
def test_names_and_never_values(given: dict[str, Any], names: list[str], settings: list[str]):
    assert names_in(given) == names
    assert settings_in(given) == settings


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff", b"[" * 5000])
def test_what_cannot_be_read_is_recorded_without_names(raw: bytes):
    log = Log()
    log.route(lambda service: None)(Request(raw))
    (record,) = log.records
    assert (record["names"], record["settings"], record["outcome"]) == ([], [], "ok")


def test_the_account_and_the_roles_of_a_caller_are_recorded_if_it_has_some():
    log = Log()
    administration = log.server.resource(Administration)
    administration.identify = lambda principal: Identity("ops", ("developer", "viewer"))
    log.route(lambda service: None)(ask(name="orders"))
    (record,) = log.records
    assert (record["account"], record["roles"]) == ("ops", ["developer", "viewer"])


def test_long_and_odd_names_are_kept_within_bounds():
    log = Log()
    names = {"name": "x" * 5000, "more": ["\ud800"] * 3000}
    log.route(lambda service: None)(Request(params=names))
    (record,) = log.records
    assert record["names"][0] == "x" * 200
    assert (record["names"][1], len(record["names"])) == ("?", 1001)
    assert record["names"][-1] == "and 2001 more"


def test_what_fails_and_what_is_refused_has_its_code():
    log = Log()

    def fail(service: Service) -> None:
        raise service.request.params["error"]

    route = log.route(fail)
    viewing = log.route(fail, right="view")
    route(Request(params={"error": Unavailable("secret detail")}))
    route(Request(params={"error": ZeroDivisionError("secret detail")}))
    viewing(Request(params={"error": Unavailable("not recorded")}))
    viewing(Request(params={"error": Forbidden("secret detail"), "name": "orders"}))
    route(Request(params={"error": Forbidden("secret detail")}))
    outcomes = [(record["outcome"], record["names"]) for record in log.records]
    assert outcomes == [
        ("unavailable", []),
        ("unexpected", []),
        ("forbidden", ["orders"]),
        ("forbidden", []),
    ]
    assert "secret" not in json.dumps(log.records)


@pytest.mark.parametrize(
    ("section", "recorded"),
    [
        ({}, ["payloads", "operate"]),
        ({"payload_reads": False}, ["operate"]),
        ({"reads": True}, ["view", "payloads", "operate"]),
    ],
)
def test_reads_are_recorded_as_the_settings_say(section: dict[str, bool], recorded: list[str]):
    log = Log(**section)
    for right in ("view", "payloads", "operate"):
        log.route(lambda service: None, f"admin.x.{right}", right=right)(Request())
    assert [record["service"] for record in log.records] == [f"admin.x.{one}" for one in recorded]


def test_gateways_and_services_that_administer_nothing_are_not_wrapped():
    gateway = type("Gateway", (Service,), {"name": "admin.api", "right": None})
    other = type("Other", (Service,), {"name": "orders.get"})
    assert plugin.hansa_wrap(gateway, lambda request: Response()) is None
    assert plugin.hansa_wrap(other, lambda request: Response()) is None


def test_a_change_by_another_way_is_a_record_of_its_own():
    log = Log()
    change = StoredChange(3, "pickup", ((("service", "package", "rates.py"), "deploy"),))
    plugin.hansa_stored(log.server, change)
    (record,) = log.records
    assert (record["by"], record["service"], record["revision"]) == ("pickup", "", 3)
    assert record["changes"] == ["deploy service package rates.py"]


class Broken:
    """A journal without its ODB."""

    def append(self, *arguments: Any, **options: Any) -> Any:
        raise Unavailable("the ODB does not answer at the moment")


def broken(log: Log) -> Log:
    journal: Any = Broken()
    log.auditing.trail.journal = journal
    return log


def test_what_cannot_be_recorded_is_done_and_logged(caplog: pytest.LogCaptureFixture):
    done: list[str] = []
    log = broken(Log())
    with caplog.at_level(logging.ERROR):
        response = log.route(lambda service: done.append("done"))(ask(name="orders"))
    assert (response.status, done) == (200, ["done"])
    assert "not in the audit log" in caplog.text
    assert '"names":["orders"]' in caplog.text


def test_where_records_are_required_nothing_is_done_without_one():
    done: list[str] = []
    log = Log(required=True)
    route = log.route(lambda service: done.append("done"))
    assert route(ask(name="orders")).status == 200
    assert [record["outcome"] for record in log.records] == ["begun", "ok"]
    kept: Journal = log.auditing.trail.journal
    broken(log)
    assert route(ask(name="orders")).status == 503
    assert done == ["done"]
    log.auditing.trail.journal = kept
    assert len(log.records) == 2


class Unreadable:
    """A journal that is written to and cannot be read."""

    def __init__(self, journal: Journal) -> None:
        self.append = journal.append

    def read(self, **options: Any) -> Any:
        raise Unavailable("the ODB does not answer at the moment")


@pytest.mark.parametrize("required", [True, False])
def test_what_was_recorded_is_not_refused_if_old_records_cannot_be_dropped(
    caplog: pytest.LogCaptureFixture, required: bool
):
    log = Log(required=required)
    journal: Any = Unreadable(log.auditing.trail.journal)
    log.auditing.trail.journal = journal
    assert log.route(lambda service: None)(ask(name="orders")).status == 200
    assert log.records[-1]["outcome"] == "ok"
    assert "old records of the audit log are kept" in caplog.text
    assert "not in the audit log" not in caplog.text


def test_refused_attempts_of_one_address_are_one_record_a_minute():
    now = [0.0]
    noted: list[Entry] = []
    refusals = Refusals(noted.append, clock=lambda: now[0])
    service = type("Door", (Service,), {"name": "admin.api"})

    def refuse(address: str, error: Any = None) -> None:
        request = Request(peer=address, extra={"path_params": {"service": "admin.x.y"}})
        refusals.tell(service, request, error or Refused("who?"))

    for _ in range(5):
        refuse("192.0.2.1")
    refuse("192.0.2.1", Forbidden("no"))
    refuse("192.0.2.2")
    found = [(one.address, one.outcome, one.service, one.count) for one in noted]
    assert found == [
        ("192.0.2.1", "unauthorized", "admin.x.y", 1),
        ("192.0.2.1", "forbidden", "admin.x.y", 1),
        ("192.0.2.2", "unauthorized", "admin.x.y", 1),
    ]
    noted.clear()
    now[0] = 61.0
    refuse("192.0.2.1")
    assert [(one.address, one.count) for one in noted] == [("192.0.2.1", 4), ("192.0.2.1", 1)]
    noted.clear()
    for number in range(MOST_HELD + 50):
        refuse(f"198.51.100.{number}")
    assert len(noted) == MOST_HELD - 1
    noted.clear()
    refusals.flush()
    assert [(one.address, one.count) for one in noted] == [("", 51)]


def test_counted_attempts_are_recorded_also_if_nobody_is_refused_later(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("hansa_audit.recording.WINDOW", 0.05)
    now = [0.0]
    noted: list[Entry] = []
    refusals = Refusals(noted.append, clock=lambda: now[0])
    service = type("Door", (Service,), {"name": "admin.api"})
    for _ in range(3):
        refusals.tell(service, Request(peer="192.0.2.1"), Refused("who?"))
    now[0] = 1.0
    wait_until(lambda: len(noted) == 2)
    assert [one.count for one in noted] == [1, 2]
