"""A server's name: held by all workers of one run, refused to another server, and free again when
its holder is gone.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid
from hansa.cluster import membership
from hansa.cluster.membership import Holder, Membership, name_lease
from hansa.cluster.odb_bus import OdbBus
from hansa.odb.engine import open_engine
from hansa.odb.migrations.schema import create_schema
from hansa_devkit.harness.waiting import wait_until
from hypothesis import given, strategies as st

KEY = name_lease("server1")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OdbBus:
    monkeypatch.setattr(membership, "TTL", 1.0)
    monkeypatch.setattr(membership, "RENEWAL", 0.2)
    engine = open_engine(f"sqlite:///{tmp_path / 'odb.sqlite'}")
    create_schema(engine)
    return OdbBus(engine)


def member_of(
    bus: Any, folder: Path, index: int = 0, generation: int = 1, workers: int = 2
) -> Membership:
    """The membership of a worker of `server1`."""
    server: Any = SimpleNamespace(
        name="server1",
        id=f"server1/{index}.{generation}",
        worker=index,
        dir=folder,
        bus=bus,
        cluster=SimpleNamespace(name="hansa"),
        closing=False,
    )
    return Membership(server, workers)


def holder(bus: OdbBus) -> Holder | None:
    found = bus.leases([KEY]).get(KEY)
    return Holder.read(found.holder) if found else None


def of_another_run(member: Membership, **more: Any) -> str:
    """The holder that another supervisor would be."""
    return str(Holder(**{**vars(member.own), "pid": 1, "start": 1, **more}))


def test_all_workers_of_a_run_hold_it_and_it_outlives_its_time(bus: OdbBus, tmp_path: Path) -> None:
    members = [member_of(bus, tmp_path, index) for index in range(2)]
    # what is replaced may have read another number of workers from the file since
    members.append(member_of(bus, tmp_path, 1, generation=3, workers=5))
    for member in members:
        member.start()
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        assert holder(bus) == members[0].own
        assert bus.leases([KEY])[KEY].token == 1
        time.sleep(0.05)
    for member in members:
        vars(member.server)["closing"] = True
    for member in reversed(members):
        member.stop()
    assert holder(bus) is None


def test_another_server_of_the_name_is_refused_soon(bus: OdbBus, tmp_path: Path) -> None:
    first = member_of(bus, tmp_path / "a")
    first.start()
    began = time.monotonic()
    with pytest.raises(Invalid) as refused:
        member_of(bus, tmp_path / "b").start()
    assert time.monotonic() - began < 1
    told = refused.value.errors["server.name"]
    assert told.startswith("a server named server1 runs in the cluster hansa already on ")
    assert f"(process {first.own.pid}): each needs its own name" in told
    assert holder(bus) == first.own
    first.stop()


def test_one_that_was_killed_is_waited_for(bus: OdbBus, tmp_path: Path) -> None:
    second = member_of(bus, tmp_path / "b")
    assert bus.acquire(KEY, of_another_run(second, place="elsewhere"), 1.0) == 1
    began = time.monotonic()
    second.start()
    assert 0.5 < time.monotonic() - began < 2
    assert bus.leases([KEY])[KEY].token == 2
    second.stop()


def test_an_earlier_run_in_the_same_folder_is_over(bus: OdbBus, tmp_path: Path) -> None:
    second = member_of(bus, tmp_path)
    assert bus.acquire(KEY, of_another_run(second), 60.0) == 1
    began = time.monotonic()
    second.start()
    assert time.monotonic() - began < 0.5
    lease = bus.leases([KEY])[KEY]
    assert (lease.holder, lease.token) == (str(second.own), 2)
    second.stop()


def test_each_run_of_one_process_is_another_incarnation(bus: OdbBus, tmp_path: Path) -> None:
    for incarnation in (1, 2, 3):  # not given back, as if the workers had been killed
        member = member_of(bus, tmp_path)
        member.start()
        member.stop()
        other = member_of(bus, tmp_path, 1)
        other.start()
        other.stop()
        assert bus.leases([KEY])[KEY].token == incarnation


class Down:
    """A bus whose Redis is down until it is not."""

    def __init__(self, bus: OdbBus) -> None:
        self.inner, self.up = bus, threading.Event()

    def __getattr__(self, name: str) -> Any:
        if not self.up.is_set():
            raise ConnectionError("nobody there")
        return getattr(self.inner, name)


def test_a_server_starts_without_what_carries_leases(
    bus: OdbBus, tmp_path: Path, caplog: Any
) -> None:
    down = Down(bus)
    member = member_of(down, tmp_path)
    began = time.monotonic()
    member.start()
    assert time.monotonic() - began < 1
    assert "cannot be found out at the moment: nobody there" in caplog.text
    down.up.set()
    wait_until(lambda: holder(bus) == member.own, 5)
    member.stop()


@given(
    host=st.from_regex(r"[A-Za-z0-9.-]{1,64}", fullmatch=True),
    numbers=st.tuples(*[st.integers(0, 2**40)] * 3),
    place=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
)
def test_a_holder_is_read_as_it_was_written(
    host: str, numbers: tuple[int, int, int], place: str
) -> None:
    pid, start, workers = numbers
    made = Holder(host, pid, start, place, workers)
    assert Holder.read(str(made)) == made
    assert len(str(made)) <= 200


@pytest.mark.parametrize("text", ["", "server1/0.1", "a b c d e", "one two 3 4"])
def test_what_is_no_holder(text: str) -> None:
    assert Holder.read(text) is None
