"""Calls between services: answers as objects, errors as they were raised, and routes that follow
each deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Conflict, Model, Request, Service, Unavailable, Undefined, current_cid
from hansa.cluster.leases import Leases
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.kinds import DefinitionSettings
from hansa.contract.records import DefinitionRecord, Edit
from hansa.contract.registry import RegisteredService
from hansa.plugins.registry import Registry
from hansa.runtime.invoke import Invocations
from hansa.runtime.objects import Objects

from tests.core.stores import Stores


class Pair(Model):
    number: int
    text: str = ""


class Double(Service):
    name = "double"
    Input = Pair
    Output = Pair

    def handle(self) -> Any:
        return Pair(number=self.request.input.number * 2, text=self.cid)


class Outer(Service):
    name = "outer"

    def handle(self) -> Any:
        before = current_cid.get()
        answer = self.invoke("double", {"number": self.request.input})
        assert current_cid.get() == before == self.cid
        return answer


class Fails(Service):
    name = "fails"

    def handle(self) -> Any:
        raise Conflict("as it was")


class RecordingQueue:
    """A queue that only remembers what is put into it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def put(self, *call: Any, **options: Any) -> None:
        self.calls.append((*call, options.get("delay", 0.0)))

    put_many = put

    def start(self) -> None:
        """Nothing is taken."""

    def stop(self, grace: float) -> None:
        """Nothing runs."""

    def status(self) -> dict[str, object]:
        return {}


@pytest.fixture
def registry(plain: type) -> Registry:
    registry = Registry()
    registry.add_types("p", [plain])
    registry.replace_services(
        "x.py", [RegisteredService(cls.name, cls, "x.py", 1) for cls in (Double, Outer, Fails)]
    )
    return registry


@pytest.fixture
def wraps() -> list[Any]:
    """What wraps every route: empty, unless a test adds to it."""
    return []


def preview(edit: Edit) -> DefinitionRecord:
    """What an edit would store: what it says."""
    return DefinitionRecord(*edit.key, edit.data or {})


def read(record: DefinitionRecord) -> DefinitionSettings:
    """There are no definitions here."""
    raise AssertionError(record)


@pytest.fixture
def world(store: Stores, registry: Registry, wraps: list[Any]) -> Iterator[Invocations]:
    server = SimpleNamespace(name="s")
    leases = Leases(OdbBus(store.engine), "w")
    objects = Objects(server, registry, read, preview, leases, lambda: wraps)
    made = Invocations(registry, objects.router)
    server.invoke = made.invoke
    yield made
    objects.stop()


def test_the_answer_is_an_object(world: Invocations):
    assert world.invoke("double", {"number": 2}, cid="K1") == Pair(number=4, text="K1")
    assert world.invoke("double", Pair(number=3)).number == 6


def test_one_cid_goes_through_all_calls(world: Invocations):
    assert world.invoke("outer", 5, cid="K7") == Pair(number=10, text="K7")


def test_errors_come_through(world: Invocations):
    with pytest.raises(Conflict, match="as it was"):
        world.invoke("fails")
    with pytest.raises(Undefined, match="did you mean"):
        world.invoke("doubel")
    assert current_cid.get() == "-"


def test_a_route_is_kept_until_its_service_changes(world: Invocations, registry: Registry):
    first = world.route("double")
    assert world.route("double") is first is not world.route("double", type="other")
    assert world.route("double", config=object()) is not first
    better = type("Double", (Double,), {"handle": lambda self: Pair(number=0)})
    registry.replace_services("x.py", [RegisteredService("double", better, "x.py", 2)])
    assert world.invoke("double", {"number": 2}).number == 0
    registry.replace_services("x.py", [])
    with pytest.raises(Undefined):
        world.invoke("double")


class TestHandle:
    """A request without a channel: a response comes out, whatever happens."""

    def test_an_answer(self, world: Invocations):
        response = world.handle(
            "double", Request(b'{"number": 1}', cid="K1"), format="plain", type="api"
        )
        assert (response.status, response.raw, response.cid) == (
            200,
            b'{"number": 2, "text": "K1"}',
            "K1",
        )

    @pytest.mark.parametrize(
        ("name", "format", "status"),
        [
            ("fails", "", 409),
            ("fails", "plain", 409),
            ("none", "", 404),
            ("none", "plain", 404),
            ("none", "no", 404),
            ("double", "no", 404),
        ],
    )
    def test_errors(self, world: Invocations, name: str, format: str, status: int):
        response = world.handle(name, Request(b"{}", cid="K1"), format=format)
        assert (response.status, response.cid, response.ok) == (status, "K1", False)
        assert (response.content_type == "x/error") == (format == "plain")

    def test_a_wrap_that_fails_to_wrap(self, world: Invocations, wraps: list[Any]):
        wraps.append(lambda **given: 1 / 0)
        response = world.handle("double", Request(b"{}", cid="K1"))
        assert (response.status, response.outcome, response.cid) == (500, "retry", "K1")


class TestAsynchronous:
    def test_without_a_queue_it_is_refused_by_name(self, world: Invocations):
        with pytest.raises(Unavailable, match="hansa-redis"):
            world.invoke_async("double")

    def test_what_is_queued(self, world: Invocations):
        queue = RecordingQueue()
        world.queue = queue
        cid = world.invoke_async("double", {"number": 1}, delay=5)
        assert world.invoke_async("double", cid="K2") == "K2"
        assert queue.calls == [
            ("double", {"number": 1}, cid, 5),
            ("double", None, "K2", 0.0),
        ]
        assert world.invoke_async_many("double", [1, 2], cid="K3") == "K3"
        assert queue.calls[2:] == [("double", [1, 2], "K3", 0.0)]
        assert world.invoke_async("double", cid="\ud800") == queue.calls.pop()[2] == "?"
        with pytest.raises(Undefined):
            world.invoke_async("none")
        with pytest.raises(Undefined):
            world.invoke_async_many("none", [1])
        assert len(queue.calls) == 3
