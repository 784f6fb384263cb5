"""Calls of NAME@TARGET and of single processes: who is called, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa import Forbidden, Unavailable
from hansa_zato.dialect.exceptions import ServiceMissingException, TimeoutException, ZatoException
from hansa_zato.dialect.targets import TargetCall, TargetSpread
from hansa_zato.section import ZatoSection
from zato.server.service import Service

from plugins.zato.tests.facade import Facade

THERE = "server2/0.1"


class Where(Service):
    """Says where it is, and what it was given."""

    name = "places.where"
    called: list[str] = []

    def handle(self) -> None:
        Where.called.append(self.server.name)
        self.response.payload = {"server": self.server.name, "given": self.request.payload}


class Fails(Service):
    name = "places.fails"

    def handle(self) -> None:
        raise ZatoException(self.cid, "broken")


class Seen(Service):
    """Notes what callbacks get."""

    name = "places.seen"
    payloads: list[Any] = []

    def handle(self) -> None:
        Seen.payloads.append((self.request.payload["server"], self.in_reply_to))


@pytest.fixture
def both(server: Facade, tmp_path: Path) -> Facade:
    """A server, with another one in its cluster that takes the labels `eu-*`."""
    other = Facade(tmp_path, section=ZatoSection(invoke_targets=["eu-*"]))
    other.name, other.id = "server2", THERE
    server.others["server2"] = other
    server.cluster.names.append(THERE)
    for each in (server, other):
        each.add(Where, Fails, Seen)
    Where.called.clear()
    Seen.payloads.clear()
    return server


def asked(server: Facade, action: Callable[[Any], Any]) -> Any:
    """What a service gets that does this."""
    found: list[Any] = []

    def handle(self: Any) -> None:
        try:
            found.append(action(self))
        except Exception as error:
            found.append(error)

    server.call(type("Asks", (Service,), {"handle": handle}), b"{}")
    return found[0]


def test_a_server_by_its_name(both: Facade) -> None:
    found = asked(both, lambda self: self.invoke("places.where@server2", {"a": 1}))
    assert found == {"server": "server2", "given": {"a": 1}}
    found = asked(both, lambda self: self.invoke(Where, a=1, target="server2", as_bunch=True))
    assert (found.server, found.given.a) == ("server2", 1)
    asked(both, lambda self: self.invoke("places.where@server1", ""))
    assert Where.called == ["server2", "server2", "server1"]


def test_a_label_reaches_each_server_that_has_it_once(both: Facade) -> None:
    assert asked(both, lambda self: self.invoke("places.where@eu-1"))["server"] == "server2"
    assert Where.called == ["server2"]
    both._section = ZatoSection(invoke_targets=["eu-1", "us"])
    assert asked(both, lambda self: self.invoke("places.where@eu-1"))["server"] == "server1"
    assert sorted(Where.called) == ["server1", "server2", "server2"]


def test_what_cannot_be_called_says_why(both: Facade) -> None:
    error = asked(both, lambda self: self.invoke("places.where@moon"))
    assert isinstance(error, ZatoException) and "`invoke_targets` of `[zato]`" in str(error)
    assert isinstance(asked(both, lambda self: self.invoke("places.where@")), ZatoException)
    missing = asked(both, lambda self: self.invoke("places.nope@server2"))
    assert isinstance(missing, ServiceMissingException)
    both.silent.add(THERE)
    late = asked(both, lambda self: self.invoke("places.where@server2", timeout=2))
    assert isinstance(late, TimeoutException) and "within 2 s" in str(late)
    silent: Callable[[Any], Any] = lambda self: self.invoke(  # noqa: E731 - it stands for a service
        "places.where@server2", timeout=2, raise_timeout=False
    )
    assert asked(both, silent) is None
    assert Where.called == []


def test_its_errors_come_through(both: Facade) -> None:
    with pytest.raises(ZatoException):
        both.invoke("places.fails")
    both.silent.clear()
    both.others["server2"].add(
        type(
            "Fails",
            (Service,),
            {"name": "places.fails", "handle": lambda self: self.invoke("places.nope")},
        )
    )
    assert isinstance(asked(both, lambda self: self.invoke("places.fails@server2")), Exception)


def test_an_asynchronous_call_reaches_each_once_and_callbacks_get_each_answer(both: Facade) -> None:
    both._section = ZatoSection(invoke_targets=["eu-*"])
    cid = asked(both, lambda self: self.invoke_async("places.where@eu-1", "x", callback=Seen))
    assert Where.called == []
    both.work()
    assert sorted(Where.called) == ["server1", "server2"]
    assert sorted(Seen.payloads) == [("server1", cid), ("server2", cid)]
    asked(both, lambda self: self.invoke_async(Where, "x", target="server2"))
    both.silent.add(THERE)
    (done,) = both.work()
    assert isinstance(done.error, Unavailable) and "places.where@server2" in done.error.detail


def test_each_process_of_the_server(both: Facade) -> None:
    both.silent.add("server1/0.0")
    found = asked(both, lambda self: self.server.invoke_all_pids("places.where", {"a": 1}))
    data = {"server": "server1", "given": {"a": 1}}
    assert found[os.getpid()] == {"is_ok": True, "pid_data": data, "error_info": None}
    silent = found["server1/0.0"]
    assert (silent["is_ok"], silent["pid_data"]) == (False, None)
    assert "did not answer" in silent["error_info"]


def test_one_process_of_the_server(both: Facade, monkeypatch: pytest.MonkeyPatch) -> None:
    call: Callable[[Any], Any] = lambda self: self.server.invoke(  # noqa: E731 - as above
        "places.where", "x", pid=os.getpid()
    )
    assert asked(both, call)["server"] == "server1"
    error = asked(both, lambda self: self.server.invoke("places.where", "x", pid=1))
    assert isinstance(error, ServiceMissingException)
    assert Where.called == ["server1"]


def test_callers_from_outside_have_no_way_to_these_services(both: Facade) -> None:
    for cls in (TargetCall, TargetSpread):
        assert cls.is_administrative()
        with pytest.raises(Forbidden):
            both.invoke(cls.name, {"service": "places.where", "target": "server1"})
    assert Where.called == []
