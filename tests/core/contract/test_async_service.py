"""Services of the form `async def handle`: what they await, and how both kinds call each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hansa import (
    Invalid,
    Model,
    NotFound,
    Request,
    Service,
    TimedOut,
    Undefined,
    current_cid,
    deadline,
    event_loop,
    time_left,
)
from hansa_devkit import LocalServer, run_service
from hansa_devkit.harness.waiting import wait_until


class Amount(Model):
    number: int


class Doubled(Service):
    """On the loop, with a declared input."""

    Input = Amount

    async def handle(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"number": self.request.input.number * 2, "cid": current_cid.get()}


class Sum(Service):
    """In a thread, and calls one on the loop."""

    def handle(self) -> int:
        doubled = self.invoke("doubled", {"number": self.request.input})
        assert not event_loop.is_current
        return doubled["number"] + 1


class Both(Service):
    """On the loop, and calls both kinds."""

    async def handle(self) -> list[Any]:
        calls = [self.invoke("sum", 1), self.invoke("doubled", {"number": 5})]
        return [*await asyncio.gather(*calls, self.invoke("sum", 2))]


class Peer:
    """An outgoing connection: what it does takes a thread."""

    name = "peer"

    def __init__(self) -> None:
        self.open = 0
        self.threads: set[int] = set()

    def add(self, number: int, *, more: int = 1) -> int:
        self.threads.add(threading.get_ident())
        return number + more

    def fail(self) -> None:
        raise Invalid("not so")

    def rows(self) -> Iterator[int]:
        yield from range(3)

    @contextmanager
    def transaction(self) -> Iterator[Peer]:
        self.open += 1
        with deadline(100):
            yield self
        self.open -= 1


SERVICES = {"doubled": Doubled, "sum": Sum, "both": Both}


def test_one_is_known_by_its_form():
    class Inherits(Doubled):
        pass

    class Plain(Doubled):
        def handle(self) -> None:  # type: ignore[override]  # the other form
            pass

    assert Doubled.is_async
    assert Inherits.is_async
    assert not Plain.is_async
    assert not Service.is_async


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_one_that_nothing_would_await_fails():
    """Else a queue would take its message as handled."""

    def decorated(handle: Any) -> Any:
        return lambda service: handle(service)

    class Hidden(Service):
        @decorated
        async def handle(self) -> int:
            return 1

    class Yields(Service):
        async def handle(self) -> Any:
            yield 1

    server = LocalServer(services={"hidden": Hidden, "yields": Yields})
    for name in ("hidden", "yields"):
        with pytest.raises(TypeError, match=f"{name}: handle returned what nothing awaits"):
            server.invoke(name)


def test_both_kinds_call_each_other():
    server = LocalServer(services=SERVICES)
    assert server.invoke("both") == [3, {"number": 10, "cid": server.invoked[0].cid}, 5]
    assert len({call.cid for call in server.invoked}) == 1


def test_a_test_calls_one_as_any_other():
    answer = run_service(Doubled, {"number": 4}, server=LocalServer())
    assert answer.payload["number"] == 8
    response = LocalServer(services=SERVICES).handle("doubled", Request(payload={"number": "x"}))
    assert response.status == 400
    server = LocalServer(services=SERVICES)
    server.invoke_async("both")
    assert server.run_pending()[0][0] == 3


def test_errors_of_called_services_come_through():
    class Caller(Service):
        async def handle(self) -> list[Any]:
            found: list[Any] = []
            for name, payload in (("doubled", {}), ("missing", None), ("fails", None)):
                try:
                    await self.invoke(name, payload)
                except (Invalid, NotFound, KeyError) as error:
                    found.append(type(error))
            return found

    class Fails(Service):
        def handle(self) -> None:
            raise KeyError("x")

    server = LocalServer(services={**SERVICES, "caller": Caller, "fails": Fails})
    assert server.invoke("caller") == [Invalid, Undefined, KeyError]


def test_asynchronous_invocation_is_awaited_too():
    class Caller(Service):
        async def handle(self) -> str:
            cid: str = await self.invoke_async("sum", 7)
            assert await self.invoke_async_many("sum", [8, 9]) == cid
            return cid

    server = LocalServer(services={**SERVICES, "caller": Caller})
    cid = server.invoke("caller", cid="K7")
    assert cid == "K7"
    assert server.run_pending() == [15, 17, 19]


def test_connections_are_awaited():
    peer = Peer()

    class Uses(Service):
        async def handle(self) -> list[Any]:
            outgoing = self.outgoing.peer["p"]
            with pytest.raises(Invalid):
                await outgoing.fail()
            rows = [row async for row in outgoing.rows()]
            async with outgoing.transaction() as inside:
                open_then = inside.open
                added = await inside.add(2, more=3)
            one = await outgoing.add(1)
            assert self.outgoing["peer"].names() == ["p"]
            return [outgoing.name, one, added, rows, open_then, peer.open, time_left()]

    server = LocalServer(services={"uses": Uses}, outgoing={"peer": {"p": peer}})
    assert server.invoke("uses") == ["peer", 2, 5, [0, 1, 2], 1, 0, None]
    assert event_loop.thread not in peer.threads


class Statements:
    """A connection with transactions, which waits in the midst of a step until it may go on."""

    name = "p"

    def __init__(self, waits_in: str) -> None:
        self.waits_in = waits_in
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()
        self.steps: list[str] = []

    def _step(self, name: str) -> None:
        if name == self.waits_in:
            self.has_begun.set()
            assert self.may_go_on.wait(30)
        self.steps.append(name)

    def transaction(self) -> Statements:
        return self

    def __enter__(self) -> Statements:
        self._step("begin")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.steps.append(f"end {kind.__name__ if kind else ''}")

    def execute(self) -> None:
        self._step("execute")


class Executes(Service):
    async def handle(self) -> None:
        async with self.outgoing.peer["p"].transaction() as transaction:
            await asyncio.gather(*(transaction.execute() for _ in range(self.request.input)))
        with pytest.raises(RuntimeError, match="has been left"):
            await transaction.execute()


@pytest.mark.parametrize(
    ("waits_in", "steps"),
    [
        ("begin", ["begin", "end CancelledError"]),
        ("execute", ["begin", "execute", "end CancelledError"]),
    ],
)
def test_a_context_is_left_after_what_was_cancelled_in_it(waits_in: str, steps: list[str]):
    """Else a connection would be given back while a thread still uses it, or never."""
    peer = Statements(waits_in)
    server = LocalServer(services={"executes": Executes}, outgoing={"peer": {"p": peer}})
    with pytest.raises(TimedOut), deadline(0.05):
        server.invoke("executes", 1)
    assert peer.has_begun.wait(30)
    assert "end CancelledError" not in peer.steps
    peer.may_go_on.set()
    wait_until(lambda: "end CancelledError" in peer.steps)
    assert peer.steps == steps


def test_calls_at_the_same_time_in_one_context_take_turns():
    peer = Statements("")
    server = LocalServer(services={"executes": Executes}, outgoing={"peer": {"p": peer}})
    server.invoke("executes", 3)
    assert peer.steps == ["begin", "execute", "execute", "execute", "end "]


def test_a_connection_that_waits_on_the_loop_is_used_there():
    class OnLoop(Peer):
        waits_on_loop = True

    peer = OnLoop()

    class Uses(Service):
        async def handle(self) -> int:
            added: int = await self.outgoing.peer["p"].add(1)
            return added

    assert LocalServer(services={"uses": Uses}, outgoing={"peer": {"p": peer}}).invoke("uses") == 2
    assert peer.threads == {event_loop.thread}


def test_one_is_cancelled_at_the_deadline_of_who_calls_it():
    ended = threading.Event()

    class Slow(Service):
        async def handle(self) -> None:
            try:
                await asyncio.sleep(600)
            finally:
                ended.set()

    with pytest.raises(TimedOut), deadline(0.05):
        LocalServer(services={"slow": Slow}).invoke("slow")
    assert ended.wait(30)
