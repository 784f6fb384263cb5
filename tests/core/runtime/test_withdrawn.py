"""Objects learn at once that they serve no more, and live on while inactive if their type says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hansa import Definition, Model, Outgoing, Request, Service

from tests.core.runtime.test_objects import Probe, World
from tests.core.stores import Stores


class Noted:
    """Writes down what happens to it."""

    journal: ClassVar[list[str]] = []

    def start(self: Any) -> None:
        self.journal.append(f"start {'active' if self.config.active else 'inactive'}")

    def withdrawn(self: Any) -> None:
        self.journal.append("withdrawn")
        raise RuntimeError("what it raises is logged")

    def stop(self: Any) -> None:
        self.journal.append("stop")


class Settings(Model):
    pass


class Living(Noted, Definition[Settings]):
    kind = type = "living"
    lives_inactive = True


class Resting(Noted, Outgoing[Settings]):
    type = "resting"


@pytest.fixture
def world(store: Stores, plain: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(Noted, "journal", [])
    monkeypatch.setattr(Probe, "journal", [], raising=False)
    monkeypatch.setattr(Probe, "plan", {}, raising=False)
    monkeypatch.setattr(Probe, "stopping", staticmethod(lambda self: None), raising=False)
    made = World(store, plain)
    made.registry.add_types("q", [Living, Resting])
    yield made
    made.end()


def test_one_that_lives_inactive(world: World):
    world.apply("living", "living", "a", active=False)
    assert Noted.journal == ["start inactive"]
    assert world.state("living living a") == ("inactive", "")
    assert world.objects.get("living", "living", "a").name == "a"
    world.apply("living", "living", "a", active=True)
    assert Noted.journal[:3] == ["start inactive", "start active", "withdrawn"]
    assert world.state("living living a") == ("running", "")


def test_any_other_has_no_object(world: World):
    world.apply("outgoing", "resting", "a", active=False)
    assert Noted.journal == []
    assert world.state("outgoing resting a") == ("inactive", "")


def test_withdrawal_does_not_wait_for_requests(world: World):
    holding = threading.Event()
    let_go = threading.Event()

    def hold(service: Service) -> None:
        holding.set()
        let_go.wait(10)

    world.deploy(hold=hold)
    row = world.apply("living", "living", "a")
    world.apply("channel", "probe", "c", service="hold")
    thread = threading.Thread(target=world.channel("c").dispatch, args=(Request(),))
    thread.start()
    assert holding.wait(5)
    world.objects.apply([], [row.key])
    assert Noted.journal == ["start active", "withdrawn"], "it stops after the request"
    let_go.set()
    thread.join(5)
