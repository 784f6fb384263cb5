"""Objects: started before they serve, swapped in without a gap, stopped after their last user,
retried while the other side is down.
"""

from __future__ import annotations

import random
import threading
import time
from asyncio import CancelledError
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import pytest
from hansa import (
    Channel,
    Invalid,
    Model,
    NotFound,
    Outgoing,
    Refused,
    Request,
    Security,
    Service,
    Unavailable,
    Undefined,
    load,
    setting,
)
from hansa.cluster.leases import Leases
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.records import DefinitionRecord, Edit
from hansa.contract.registry import RegisteredService
from hansa.plugins.registry import Registry
from hansa.runtime import objects as module, retirement
from hansa.runtime.objects import Objects
from hansa.runtime.outgoing import Namespace

from tests.core.stores import Stores


def preview(edit: Edit) -> DefinitionRecord:
    """What an edit would store: what it says."""
    return DefinitionRecord(*edit.key, edit.data or {})


class Tagged(Model):
    tag: Annotated[str, setting("Which version of the definition this is")] = "1"


class Probe:
    """Writes down what happens to it; what `plan` has for its tag is called by `start`."""

    Config = Tagged
    journal: ClassVar[list[tuple[str, str]]]
    plan: ClassVar[dict[str, Callable[[], Any]]]
    stopping: ClassVar[Callable[[Any], Any]]

    def start(self: Any) -> None:
        self.journal.append(("start", self.config.tag))
        self.plan.get(self.config.tag, int)()

    def stop(self: Any) -> None:
        type(self).stopping(self)
        self.journal.append(("stop", self.config.tag))


class ProbeOutgoing(Probe, Outgoing):
    type = "probe"


class ExclusiveOutgoing(Probe, Outgoing):
    type = "exclusive"
    exclusive = True


class MadeBadly(Probe, Outgoing):
    type = "badly"

    def __init__(self, name: str, config: Any, server: Any = None) -> None:
        super().__init__(name, config, server)
        self.plan.get(config.tag, int)()


class OnceOutgoing(Probe, Outgoing):
    type = "once"
    placement = "cluster"


class ProbeChannel(Probe, Channel):
    type = "probe"


class ExclusiveChannel(Probe, Channel):
    type = "exclusive"
    exclusive = True


class LoggedInOutgoing(Probe, Outgoing):
    """Logs in by the security definition that its tag names."""

    type = "logged-in"

    @classmethod
    def logins(cls, config: Any) -> list[str]:
        return [config.tag]


class ProbeSecurity(Probe, Security):
    type = "probe"

    def authenticate(self, request: Request) -> Any:
        if request.headers.get("tag") != self.config.tag:
            raise Refused()
        return self.config.tag


class World:
    """The objects of one worker, with everything around them real, except that definitions are
    given directly.
    """

    def __init__(self, store: Stores, format: type, holder: str = "w1") -> None:
        self.registry = Registry()
        self.registry.add_types(
            "p",
            [
                ProbeOutgoing,
                ExclusiveOutgoing,
                MadeBadly,
                OnceOutgoing,
                LoggedInOutgoing,
                ProbeChannel,
                ExclusiveChannel,
                ProbeSecurity,
                format,
            ],
        )
        self.leases = Leases(OdbBus(store.engine), holder)
        self.wraps: list[Any] = []
        self.reading: Callable[[DefinitionRecord], Any] = self.config
        server = SimpleNamespace(name="s1")
        self.objects = Objects(
            server,
            self.registry,
            lambda row: self.reading(row),
            preview,
            self.leases,
            lambda: self.wraps,
        )
        server.objects = self.objects
        self.leases.start()

    def config(self, row: DefinitionRecord) -> Any:
        return load(self.registry.type(row.kind, row.type).model, row.data)

    def channel(self, name: str) -> Channel:
        """The running channel of this name."""
        found = self.objects.get("channel", "probe", name)
        assert isinstance(found, Channel)
        return found

    def apply(self, kind: str, type: str, name: str, **data: Any) -> DefinitionRecord:
        row = DefinitionRecord(kind, type, name, data)
        self.objects.apply([row])
        return row

    def state(self, key: str) -> tuple[str, str]:
        found = self.objects.states()[key]
        return found.state, found.why

    def deploy(self, **answers: Any) -> None:
        """Have services that answer so; what is callable is called."""
        services = []
        for name, answer in answers.items():
            handle = answer if callable(answer) else lambda self, answer=answer: answer
            services.append(
                RegisteredService(name, type(name, (Service,), {"handle": handle}), "x.py", 1)
            )
        self.objects.router.recompile("service", self.registry.replace_services("x.py", services))

    def end(self) -> None:
        self.objects.stop()
        self.leases.stop()


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    monkeypatch.setattr(Probe, "journal", [], raising=False)
    monkeypatch.setattr(Probe, "plan", {}, raising=False)
    monkeypatch.setattr(Probe, "stopping", staticmethod(lambda self: None), raising=False)
    monkeypatch.setattr(module, "FIRST_RETRY", 0.02)
    monkeypatch.setattr(module, "START_WAIT", 1.0)
    monkeypatch.setattr(retirement, "SETTLE", 0.05)
    return Probe


@pytest.fixture
def worlds(store: Stores, plain: type) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(holder: str = "w1") -> World:
        made.append(World(store, plain, holder))
        return made[-1]

    yield make
    for world in made:
        world.end()


@pytest.fixture
def world(worlds: Callable[..., World]) -> World:
    return worlds()


def fails(times: int = 10**9, error: BaseException | None = None) -> Callable[[], None]:
    left = iter(range(times))

    def plan() -> None:
        if next(left, None) is not None:
            raise error or OSError("refused")

    return plan


class TestReplacing:
    def test_the_new_one_serves_before_the_old_one_stops(self, world: World, until: Any):
        world.apply("outgoing", "probe", "a")
        first = world.objects.get("outgoing", "probe", "a")
        seen: list[str] = []
        Probe.stopping = staticmethod(
            lambda old: seen.append(world.objects.get("outgoing", "probe", "a").config.tag)
        )
        world.apply("outgoing", "probe", "a", tag="2")
        second = world.objects.get("outgoing", "probe", "a")
        until(lambda: len(Probe.journal) == 3)
        assert Probe.journal == [("start", "1"), ("start", "2"), ("stop", "1")]
        assert seen == ["2"]
        assert (first.config.tag, second.config.tag) == ("1", "2")
        assert world.state("outgoing probe a") == ("running", "")

    def test_an_exclusive_one_stops_before_the_next_one_starts(self, world: World):
        world.apply("outgoing", "exclusive", "a")
        world.apply("outgoing", "exclusive", "a", tag="2")
        assert Probe.journal == [("start", "1"), ("stop", "1"), ("start", "2")]

    def test_a_channel_stops_at_once(self, world: World):
        world.deploy(s=1)
        world.apply("channel", "probe", "c", service="s")
        world.apply("channel", "probe", "c", service="s", tag="2")
        assert Probe.journal == [("start", "1"), ("start", "2"), ("stop", "1")]
        world.objects.apply([], [("channel", "probe", "c")])
        assert Probe.journal[3:] == [("stop", "2")]

    def test_off_and_on(self, world: World, until: Any):
        world.apply("outgoing", "probe", "a")
        world.apply("outgoing", "probe", "a", active=False)
        until(lambda: ("stop", "1") in Probe.journal)
        assert world.state("outgoing probe a") == ("inactive", "")
        with pytest.raises(Unavailable, match="outgoing probe 'a' is inactive"):
            world.objects.get("outgoing", "probe", "a")
        world.apply("outgoing", "probe", "a", tag="2")
        assert world.objects.get("outgoing", "probe", "a").config.tag == "2"

    def test_removed(self, world: World, until: Any):
        world.apply("outgoing", "probe", "a")
        world.objects.apply([], [("outgoing", "probe", "a")])
        with pytest.raises(NotFound):
            world.objects.get("outgoing", "probe", "a")
        until(lambda: Probe.journal == [("start", "1"), ("stop", "1")])
        world.objects.apply([], [("outgoing", "probe", "a")])
        assert world.objects.states() == {}

    def test_a_stop_that_fails_ends_nothing_else(self, world: World, until: Any):
        Probe.stopping = staticmethod(lambda old: 1 / 0)
        for tag in "123":
            world.apply("outgoing", "probe", "a", tag=tag)
        assert world.objects.get("outgoing", "probe", "a").config.tag == "3"


class TestFailing:
    def test_the_old_one_serves_while_the_new_one_is_retried(self, world: World, until: Any):
        world.apply("outgoing", "probe", "a")
        Probe.plan["2"] = fails(3)
        world.apply("outgoing", "probe", "a", tag="2")
        assert world.objects.get("outgoing", "probe", "a").config.tag == "1"
        assert world.state("outgoing probe a") == ("retrying", "OSError: refused")
        until(lambda: world.state("outgoing probe a") == ("running", ""))
        assert world.objects.get("outgoing", "probe", "a").config.tag == "2"
        until(lambda: len(Probe.journal) == 9)
        assert Probe.journal == [
            ("start", "1"),
            *[("start", "2"), ("stop", "2")] * 3,
            ("start", "2"),
            ("stop", "1"),
        ]

    def test_each_try_waits_longer_up_to_a_limit(
        self, world: World, until: Any, monkeypatch: pytest.MonkeyPatch
    ):
        delays: list[float] = []
        timer = threading.Timer

        def timer_at_once(delay: float, *rest: Any) -> threading.Timer:
            delays.append(delay)
            return timer(0, *rest)

        monkeypatch.setattr(threading, "Timer", timer_at_once)
        monkeypatch.setattr(module, "FIRST_RETRY", 0.5)
        Probe.plan["1"] = fails(1500)
        world.apply("outgoing", "probe", "a")
        until(lambda: world.state("outgoing probe a")[0] == "running")
        assert delays[:6] == [0.5, 1, 2, 4, 8, 10]
        assert set(delays[6:]) == {10}
        assert len(delays) == 1500

    def test_the_state_says_why_and_callers_learn_nothing_internal(self, world: World):
        Probe.plan["1"] = fails(error=Unavailable("the broker is down"))
        world.apply("outgoing", "probe", "a")
        with pytest.raises(Unavailable) as caught:
            world.objects.get("outgoing", "probe", "a")
        assert str(caught.value) == "outgoing probe 'a' is retrying"
        assert caught.value.explanation == "outgoing probe 'a' is retrying: the broker is down"

    @pytest.mark.parametrize("error", [SystemExit(1), CancelledError(), MemoryError()])
    def test_whatever_start_raises_is_retried(self, world: World, until: Any, error: BaseException):
        Probe.plan["1"] = fails(2, error)
        world.apply("outgoing", "probe", "a")
        until(lambda: world.state("outgoing probe a")[0] == "running")
        assert Counter(Probe.journal) == {("start", "1"): 3, ("stop", "1"): 2}

    @pytest.mark.parametrize("error", [SystemExit(1), CancelledError()])
    def test_whatever_stop_raises_ends_no_thread(
        self,
        world: World,
        until: Any,
        monkeypatch: pytest.MonkeyPatch,
        error: BaseException,
    ):
        stops: list[str] = []

        def stopping(probe: Any) -> None:
            stops.append(probe.config.tag)
            raise error

        monkeypatch.setattr(ProbeOutgoing, "stopping", stopping)
        Probe.plan["1"] = fails(1)
        world.apply("outgoing", "probe", "a")
        until(lambda: world.state("outgoing probe a")[0] == "running")
        for tag in ("2", "3"):
            world.apply("outgoing", "probe", "a", tag=tag)
        until(lambda: stops == ["1", "1", "2"])

    def test_one_that_cannot_even_be_made_is_retried(self, world: World, until: Any):
        Probe.plan["1"] = fails(1)
        world.apply("outgoing", "badly", "a")
        until(lambda: world.state("outgoing badly a")[0] == "running")
        assert Counter(Probe.journal)["stop", "1"] == 0

    def test_a_definition_that_does_not_fit_is_failed_and_an_edit_mends_it(self, world: World):
        world.apply("outgoing", "probe", "a", tga="x")
        assert world.state("outgoing probe a")[0] == "failed"
        assert "did you mean tag" in world.state("outgoing probe a")[1]
        world.apply("outgoing", "nowhere", "b")
        assert world.state("outgoing nowhere b")[0] == "failed"
        world.apply("outgoing", "probe", "a", tag="2")
        assert world.state("outgoing probe a") == ("running", "")

    @pytest.mark.parametrize("error", [Unavailable("the vault is sealed"), ValueError("odd")])
    def test_a_secret_that_cannot_be_had_now_is_tried_again(
        self, world: World, until: Any, error: Exception
    ):
        trouble = fails(2, error)

        def reading(row: DefinitionRecord) -> Any:
            trouble()
            return world.config(row)

        world.reading = reading
        world.apply("outgoing", "probe", "a")
        assert world.state("outgoing probe a")[0] in ("retrying", "running")
        until(lambda: world.state("outgoing probe a")[0] == "running")

    def test_what_uses_a_reference_is_made_anew_when_it_is_renewed(self, world: World, until: Any):
        values = {"a#b": "old", "c#d": "other"}

        def reading(row: DefinitionRecord) -> Any:
            return world.config(replace(row, data={"tag": values[row.data["tag"]["$vault"]]}))

        world.reading = reading
        world.apply("outgoing", "probe", "user", tag={"$vault": "a#b"})
        world.apply("outgoing", "probe", "other", tag={"$vault": "c#d"})
        before = world.objects.get("outgoing", "", "other")
        values["a#b"] = "new"
        world.objects.renew("vault", "a#b")
        until(lambda: world.objects.get("outgoing", "", "user").config.tag == "new")
        until(lambda: ("stop", "old") in Probe.journal)
        assert world.objects.get("outgoing", "", "other") is before

    def test_one_that_failed_for_want_of_a_reference_starts_when_it_is_renewed(
        self, world: World, until: Any
    ):
        missing = [Invalid("the vault has no secret a")]

        def reading(row: DefinitionRecord) -> Any:
            for error in missing:
                raise error
            return world.config(replace(row, data={"tag": "found"}))

        world.reading = reading
        world.apply("outgoing", "probe", "user", tag={"$vault": "a#b"})
        assert world.state("outgoing probe user") == ("failed", "the vault has no secret a")
        missing.clear()
        world.objects.renew("vault", "a#b")
        until(lambda: world.state("outgoing probe user") == ("running", ""))

    def test_an_edit_ends_the_retries_of_what_it_replaces(self, world: World, until: Any):
        Probe.plan["1"] = fails()
        world.apply("outgoing", "probe", "a")
        world.apply("outgoing", "probe", "a", tag="2")
        count = len(Probe.journal)
        time.sleep(0.2)
        assert world.state("outgoing probe a") == ("running", "")
        assert len(Probe.journal) == count

    def test_a_removed_one_is_not_retried(self, world: World):
        Probe.plan["1"] = fails()
        world.apply("outgoing", "probe", "a")
        world.objects.apply([], [("outgoing", "probe", "a")])
        count = len(Probe.journal)
        time.sleep(0.2)
        assert len(Probe.journal) == count


class TestManyAtOnce:
    def test_what_is_referred_to_starts_first_and_ends_last(self, world: World):
        world.deploy(s="one")
        rows = [
            DefinitionRecord(
                "channel", "probe", "c", {"service": "s", "security": "s", "tag": "channel"}
            ),
            DefinitionRecord("outgoing", "probe", "o", {"tag": "outgoing"}),
            DefinitionRecord("security", "probe", "s", {"tag": "security"}),
        ]
        world.objects.apply(rows)
        assert Probe.journal == [("start", "security"), ("start", "outgoing"), ("start", "channel")]
        assert world.channel("c").dispatch(Request(headers={"tag": "security"})).ok
        world.objects.apply([], [row.key for row in rows])
        assert Probe.journal[3] == ("stop", "channel")
        assert world.objects.states() == {}

    def test_what_has_a_port_to_itself_lets_it_go_before_another_starts(self, world: World):
        world.deploy(s="one")
        world.apply("channel", "exclusive", "a", service="s", tag="port")
        world.apply("channel", "probe", "b", service="s", tag="path")
        Probe.journal.clear()
        rows = [
            DefinitionRecord("channel", "exclusive", "c", {"service": "s", "tag": "new port"}),
            DefinitionRecord("channel", "probe", "d", {"service": "s", "tag": "new path"}),
        ]
        world.objects.apply(rows, [("channel", "exclusive", "a"), ("channel", "probe", "b")])
        assert set(world.objects.states()) == {"channel exclusive c", "channel probe d"}
        assert Probe.journal.index(("stop", "port")) < Probe.journal.index(("start", "new port"))
        assert Probe.journal.index(("start", "new path")) < Probe.journal.index(("stop", "path"))

    def test_only_the_channels_concerned_get_a_new_route(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        world.deploy(s="one", t="two")
        for name in "ab":
            world.apply("security", "probe", name)
        world.apply("channel", "probe", "c", service="s", security="a")
        world.apply("channel", "probe", "d", service="t", security=["a", "b"])
        world.apply("channel", "probe", "e", service="t", security="b")
        world.apply("channel", "probe", "e", service="t")
        routed: list[str] = []
        router = world.objects.router
        route = router.route

        def noted(channel: Channel) -> Any:
            routed.append(channel.name)
            return route(channel)

        monkeypatch.setattr(router, "route", noted)
        for kind, name, expected in [
            ("security", "a", "cd"),
            ("security", "b", "d"),
            ("service", "t", "de"),
        ]:
            world.objects.router.recompile(kind, [name])
            assert "".join(sorted(routed)) == expected
            routed.clear()
        world.objects.apply([], [("channel", "probe", "d")])
        world.objects.router.recompile("service", ["s", "t", "nowhere"])
        assert "".join(sorted(routed)) == "ce"

    def test_of_many_names_an_error_tells_some(self, world: World):
        world.objects.apply(
            DefinitionRecord("outgoing", "probe", f"n{number:03}", {}) for number in range(100)
        )
        with pytest.raises(NotFound) as caught:
            world.objects.get("outgoing", "probe", "none")
        assert caught.value.reason.endswith("n018, n019, ...")


class TestLost:
    """An object whose other side went away after it had started."""

    def test_it_is_stopped_and_another_one_is_started(self, world: World, until: Any):
        world.apply("outgoing", "probe", "a")
        broken = world.objects.get("outgoing", "probe", "a")
        Probe.plan["1"] = fails(2)
        broken.lost(ConnectionError("reset by the broker"))
        until(
            lambda: (
                world.state("outgoing probe a")
                == ("retrying", "ConnectionError: reset by the broker")
            )
        )
        with pytest.raises(Unavailable) as caught:
            world.objects.get("outgoing", "probe", "a")
        assert "reset by the broker" in caught.value.reason
        until(lambda: world.state("outgoing probe a")[0] == "running")
        until(lambda: ("stop", "1") in Probe.journal)
        assert world.objects.get("outgoing", "probe", "a") is not broken
        assert [what for what, _ in Probe.journal].count("start") == 4

    def test_one_that_serves_on_stays_and_its_state_says_why(self, world: World):
        world.apply("outgoing", "probe", "a")
        troubled = world.objects.get("outgoing", "probe", "a")
        troubled.trouble("nobody answers")
        assert world.state("outgoing probe a") == ("running", "nobody answers")
        assert list(world.objects.unhealthy()) == ["outgoing probe a"]
        assert world.objects.get("outgoing", "probe", "a") is troubled
        troubled.trouble("")
        assert world.state("outgoing probe a") == ("running", "")
        assert world.objects.unhealthy() == {}
        world.apply("outgoing", "probe", "a", tag="2")
        troubled.trouble("one that was replaced")
        assert world.state("outgoing probe a") == ("running", "")

    def test_what_one_says_while_it_starts_is_its_state_once_it_serves(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        def start(probe: ProbeOutgoing) -> None:
            probe.trouble("nobody answers" if probe.config.tag == "1" else "")

        monkeypatch.setattr(ProbeOutgoing, "start", start)
        world.apply("outgoing", "probe", "a")
        assert world.state("outgoing probe a") == ("running", "nobody answers")
        world.apply("outgoing", "probe", "a", tag="2")
        assert world.state("outgoing probe a") == ("running", "")

    def test_the_trouble_of_one_does_not_hide_that_its_successor_does_not_start(
        self, world: World, until: Any
    ):
        world.apply("outgoing", "probe", "a")
        serving = world.objects.get("outgoing", "probe", "a")
        Probe.plan["2"] = fails()
        world.apply("outgoing", "probe", "a", tag="2")
        until(lambda: world.state("outgoing probe a")[0] == "retrying")
        serving.trouble("nobody answers")
        assert world.state("outgoing probe a")[0] == "retrying"

    def test_a_channel_may_tell_from_the_thread_that_its_stop_waits_for(
        self, world: World, until: Any
    ):
        world.deploy(s="done")
        world.apply("channel", "probe", "c", service="s")
        broken = world.channel("c")
        loop = threading.Thread(target=broken.lost, args=(ConnectionError("gone"),))
        Probe.stopping = lambda _: loop.join(5)
        loop.start()
        until(
            lambda: (
                world.state("channel probe c")[0] == "running"
                and Probe.journal.count(("start", "1")) == 2
            )
        )
        assert world.channel("c").dispatch(Request()).status == 200

    def test_what_was_replaced_or_removed_meanwhile_is_left_alone(self, world: World, until: Any):
        world.apply("outgoing", "probe", "a")
        old = world.objects.get("outgoing", "probe", "a")
        world.apply("outgoing", "probe", "a", tag="2")
        old.lost(ConnectionError("gone"))
        new = world.objects.get("outgoing", "probe", "a")
        world.objects.apply([], [("outgoing", "probe", "a")])
        new.lost(ConnectionError("gone"))
        until(lambda: ("stop", "2") in Probe.journal)
        assert Probe.journal.count(("start", "1")) == Probe.journal.count(("start", "2")) == 1

    def test_pauses_grow_while_it_is_lost_again_at_once(
        self, world: World, until: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(module, "FIRST_RETRY", 0.02)
        world.apply("outgoing", "probe", "a")
        times = []
        for count in range(2, 6):
            began = time.monotonic()
            world.objects.get("outgoing", "probe", "a").lost(ConnectionError("gone"))
            until(lambda count=count: Probe.journal.count(("start", "1")) == count)
            until(lambda: world.state("outgoing probe a")[0] == "running")
            times.append(time.monotonic() - began)
        assert times[3] >= 0.16 and times[0] < times[3], times

    def test_nothing_is_started_once_the_worker_ends(self, world: World):
        world.apply("outgoing", "probe", "a")
        broken = world.objects.get("outgoing", "probe", "a")
        world.objects.stop()
        broken.lost(ConnectionError("gone"))
        assert Probe.journal.count(("start", "1")) == 1


class TestHanging:
    """A start() that does not come back holds up nothing but its own definition."""

    @pytest.fixture
    def gate(self) -> Iterator[threading.Event]:
        gate = threading.Event()
        Probe.plan["hang"] = lambda: gate.wait(60)
        yield gate
        gate.set()

    def test_others_start(self, world: World, gate: threading.Event):
        module.START_WAIT = 0.2
        rows = [
            DefinitionRecord("outgoing", "probe", f"h{number}", {"tag": "hang"})
            for number in range(20)
        ]
        began = time.monotonic()
        world.objects.apply(rows)
        assert time.monotonic() - began < 2
        world.apply("outgoing", "probe", "a")
        assert world.state("outgoing probe a") == ("running", "")
        assert world.state("outgoing probe h1")[0] == "starting"

    def test_edits_of_the_same_one_wait_their_turn_and_hold_up_nobody(
        self, world: World, gate: threading.Event, until: Any
    ):
        module.START_WAIT = 0.01
        for number in range(50):
            world.apply("outgoing", "probe", "h", tag="hang" if number < 49 else "last")
        world.apply("outgoing", "probe", "a")
        until(lambda: world.state("outgoing probe a") == ("running", ""))
        gate.set()
        until(
            lambda: (
                world.objects.get("outgoing", "probe", "h").config.tag == "last"
                if world.state("outgoing probe h")[0] == "running"
                else False
            )
        )

    def test_its_deletion_is_carried_out_at_once(
        self, world: World, gate: threading.Event, until: Any
    ):
        module.START_WAIT = 0.2
        world.apply("outgoing", "probe", "h", tag="hang")
        began = time.monotonic()
        world.objects.apply([], [("outgoing", "probe", "h")])
        assert time.monotonic() - began < 2
        assert world.objects.states() == {}
        gate.set()
        until(lambda: Probe.journal == [("start", "hang"), ("stop", "hang")])

    def test_the_channel_it_replaces_gets_new_services(
        self, world: World, gate: threading.Event, until: Any
    ):
        module.START_WAIT = 0.2
        world.deploy(s=1)
        world.apply("channel", "probe", "c", service="s")
        world.apply("channel", "probe", "c", service="s", tag="hang")
        channel = world.channel("c")
        began = time.monotonic()
        world.deploy(s=2)
        assert time.monotonic() - began < 2
        assert channel.dispatch(Request()).payload == 2
        gate.set()
        until(lambda: world.channel("c") is not channel)
        assert world.channel("c").dispatch(Request()).payload == 2

    def test_the_worker_ends_all_the_same(
        self, worlds: Callable[..., World], gate: threading.Event
    ):
        module.START_WAIT = 0.2
        world = worlds()
        world.apply("outgoing", "probe", "h", tag="hang")
        world.apply("outgoing", "probe", "a")
        began = time.monotonic()
        world.objects.stop()
        assert time.monotonic() - began < 8
        assert ("stop", "1") in Probe.journal

    def test_leases_of_others_are_kept(
        self, world: World, gate: threading.Event, until: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("hansa.cluster.leases.LEASE_RENEWAL", 0.05)
        world.apply("outgoing", "once", "a")
        until(lambda: world.state("outgoing once a")[0] == "running")
        world.apply("outgoing", "once", "h", tag="hang")
        until(lambda: ("start", "hang") in Probe.journal)
        renewed = dict(world.leases._renewed)
        until(
            lambda: (
                world.leases._renewed["cluster:outgoing:once:a"]
                > renewed["cluster:outgoing:once:a"]
            )
        )


class TestLastUser:
    """What was replaced is stopped after the requests that began before, and no later."""

    def test_requests_that_began_before_the_swap(self, world: World, until: Any):
        gate, inside = threading.Event(), threading.Event()

        def handle(self: Any) -> str:
            used = world.objects.get("outgoing", "probe", "a")
            inside.set()
            gate.wait(30)
            assert ("stop", used.config.tag) not in Probe.journal
            return str(used.config.tag)

        world.deploy(
            slow=handle, quick=lambda self: world.objects.get("outgoing", "probe", "a").config.tag
        )
        world.apply("outgoing", "probe", "a")
        slow, quick = world.objects.router.compile("slow"), world.objects.router.compile("quick")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(slow, Request())
            assert inside.wait(10)
            world.apply("outgoing", "probe", "a", tag="2")
            assert quick(Request()).payload == "2"
            time.sleep(0.3)
            assert ("stop", "1") not in Probe.journal
            gate.set()
            assert answer.result(10).payload == "1"
        until(lambda: ("stop", "1") in Probe.journal)

    def test_requests_that_began_after_it_hold_nothing_up(self, world: World, until: Any):
        gate, inside = threading.Event(), threading.Event()

        def slow_service(self: Service) -> bool:
            inside.set()
            return gate.wait(30)

        world.deploy(slow=slow_service)
        world.apply("outgoing", "probe", "a")
        world.apply("outgoing", "probe", "a", tag="2")
        slow = world.objects.router.compile("slow")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(slow, Request())
            assert inside.wait(10)
            until(lambda: ("stop", "1") in Probe.journal, 5)
            gate.set()

    def test_one_that_never_ends_holds_it_up_for_a_time_only(
        self, world: World, until: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(retirement, "DRAIN_LIMIT", 0.2)
        gate, inside = threading.Event(), threading.Event()

        def slow_service(self: Service) -> bool:
            inside.set()
            return gate.wait(30)

        world.deploy(slow=slow_service)
        world.apply("outgoing", "probe", "a")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(world.objects.router.compile("slow"), Request())
            assert inside.wait(10)
            world.apply("outgoing", "probe", "a", tag="2")
            until(lambda: ("stop", "1") in Probe.journal, 5)
            gate.set()

    def test_nothing_is_used_after_its_stop_under_load(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        """Eight threads use an outgoing connection and a security definition without a pause while
        both are edited.
        """
        monkeypatch.setattr(retirement, "SETTLE", 0.5)
        stopped: set[int] = set()
        Probe.stopping = staticmethod(lambda old: stopped.add(id(old)))
        kept: list[Any] = []
        faults: list[str] = []

        def check(used: Any) -> None:
            for _ in range(3):
                if id(used) in stopped:
                    faults.append(f"{used.kind} {used.config.tag} was used after its stop")
                time.sleep(0)

        class Checked(ProbeSecurity):
            def authenticate(self, request: Request) -> Any:
                check(self)
                return "anybody"

        Checked.type = "checked"
        world.registry.add_types("q", [Checked])

        def handle(self: Any) -> None:
            check(world.objects.get("outgoing", "probe", "a"))

        world.deploy(s=handle)
        world.apply("security", "checked", "a")
        world.apply("outgoing", "probe", "a")
        world.apply("channel", "probe", "c", service="s", security="a")
        channel = world.channel("c")
        done = threading.Event()
        statuses: Counter[int] = Counter()

        def use() -> None:
            while not done.is_set():
                statuses[channel.dispatch(Request()).status] += 1

        with ThreadPoolExecutor(8) as pool:
            users = [pool.submit(use) for _ in range(8)]
            for number in range(60):
                kept += [
                    world.objects.get("security", "", "a"),
                    world.objects.get("outgoing", "probe", "a"),
                ]
                world.apply("outgoing", "probe", "a", tag=str(number))
                world.apply("security", "checked", "a", tag=str(number))
            done.set()
        assert [user.exception() for user in users] == [None] * 8
        assert not faults
        assert set(statuses) == {200}
        assert statuses[200] > 100


class TestStorm:
    def test_edits_from_everywhere_end_in_the_last_state(self, world: World, until: Any):
        """Definitions are edited from many threads, while starts take their time and sometimes
        fail.
        """
        chance = random.Random(5)

        def plan() -> None:
            time.sleep(chance.random() * 0.004)
            if chance.random() < 0.2:
                raise OSError("down")

        Probe.plan = {str(number): plan for number in range(400)}
        Probe.plan["last"] = fails(1)
        names, lock = "abcd", threading.Lock()
        running: Counter[tuple[str, str]] = Counter()

        def edit(number: int) -> None:
            row = DefinitionRecord(
                "outgoing",
                "probe" if number % 2 else "exclusive",
                names[number % 4],
                {"tag": str(number)},
            )
            world.objects.apply([row])
            if number % 17 == 0:
                world.objects.apply([], [row.key])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(edit, range(300)))
        for name in names:
            for type in ("probe", "exclusive"):
                world.apply("outgoing", type, name, tag="last")
        until(lambda: {state.state for state in world.objects.states().values()} == {"running"})
        assert world.objects.unhealthy() == {}
        assert {
            world.objects.get("outgoing", key.split()[1], key.split()[2]).config.tag
            for key in world.objects.states()
        } == {"last"}
        world.end()
        with lock:
            for event, tag in Probe.journal:
                running[event, tag] += 1
        tags = {tag for _, tag in running}
        assert {tag: running["start", tag] for tag in tags} == {
            tag: running["stop", tag] for tag in tags
        }


class TestPlacement:
    def test_one_of_two_workers_runs_it_and_the_other_takes_over(
        self, worlds: Callable[..., World], until: Any
    ):
        one, two = worlds("w1"), worlds("w2")
        one.apply("outgoing", "once", "a", tag="in one")
        until(lambda: one.state("outgoing once a")[0] == "running")
        two.apply("outgoing", "once", "a", tag="in two")
        assert two.state("outgoing once a")[0] == "elsewhere"
        with pytest.raises(Unavailable, match="elsewhere"):
            two.objects.get("outgoing", "once", "a")
        Probe.stopping = staticmethod(lambda old: time.sleep(0.3))
        one.end()
        until(lambda: two.state("outgoing once a")[0] == "running")
        assert Probe.journal[:3] == [("start", "in one"), ("stop", "in one"), ("start", "in two")]

    def test_an_edit_stays_where_it_runs(self, world: World, until: Any):
        world.apply("outgoing", "once", "a")
        until(lambda: world.state("outgoing once a")[0] == "running")
        world.apply("outgoing", "once", "a", tag="2")
        assert world.objects.get("outgoing", "once", "a").config.tag == "2"
        assert list(world.leases.tokens) == ["cluster:outgoing:once:a"]

    @pytest.mark.parametrize("how", ["remove", "switch off"])
    def test_what_is_given_up_may_run_elsewhere_only_once_it_has_stopped(
        self, worlds: Callable[..., World], until: Any, how: str
    ):
        one, two = worlds("w1"), worlds("w2")
        one.apply("outgoing", "once", "a", tag="in one")
        until(lambda: one.state("outgoing once a")[0] == "running")
        two.apply("outgoing", "once", "a", tag="in two")
        Probe.stopping = staticmethod(lambda old: time.sleep(0.3))
        if how == "remove":
            one.objects.apply([], [("outgoing", "once", "a")])
        else:
            one.apply("outgoing", "once", "a", tag="in one", active=False)
        until(lambda: two.state("outgoing once a")[0] == "running")
        assert Probe.journal[:3] == [("start", "in one"), ("stop", "in one"), ("start", "in two")]
        assert one.leases.tokens == {}

    def test_a_lost_lease_stops_it_at_once(
        self, world: World, until: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("hansa.cluster.leases.LEASE_RENEWAL", 0.05)
        world.apply("outgoing", "once", "a")
        until(lambda: world.state("outgoing once a")[0] == "running")
        bus = world.leases.bus
        acquire = bus.acquire
        monkeypatch.setattr(bus, "acquire", lambda *asked: None)
        until(lambda: world.state("outgoing once a")[0] == "elsewhere")
        assert Probe.journal == [("start", "1"), ("stop", "1")]
        monkeypatch.setattr(bus, "acquire", acquire)
        until(lambda: world.state("outgoing once a")[0] == "running")


class TestRoutes:
    def test_services_come_change_and_go_under_a_running_channel(self, world: World):
        world.apply("channel", "probe", "c", service="s")
        channel = world.channel("c")
        response = channel.dispatch(Request())
        assert (response.status, response.outcome) == (503, "retry")
        # callers learn nothing internal; the log does
        assert str(response.error) == "the channel cannot serve at the moment"
        assert isinstance(response.error, Unavailable)
        assert "no service is named 's'" in response.error.explanation
        for answer in (1, 2):
            world.deploy(s=answer)
            assert channel.dispatch(Request()).payload == answer
        world.deploy(other=3)
        assert channel.dispatch(Request()).status == 503
        assert Probe.journal == [("start", "1")], "the connection was not touched"

    def test_a_running_request_keeps_the_class_it_began_with(self, world: World):
        gate, inside = threading.Event(), threading.Event()

        def first(self: Service) -> int:
            inside.set()
            gate.wait(30)
            return 1

        world.deploy(s=first)
        world.apply("channel", "probe", "c", service="s")
        channel = world.channel("c")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(channel.dispatch, Request())
            assert inside.wait(10)
            world.deploy(s=2)
            assert channel.dispatch(Request()).payload == 2
            gate.set()
            assert answer.result(10).payload == 1

    def test_security_is_asked_as_it_is_now(self, world: World):
        world.deploy(s=1)
        world.apply("security", "probe", "k", tag="old")
        world.apply("security", "probe", "l", tag="other")
        world.apply("channel", "probe", "c", service="s", security=["k", "l"])
        channel = world.channel("c")

        def ask(tag: str) -> int:
            return int(channel.dispatch(Request(headers={"tag": tag})).status)

        assert [ask(tag) for tag in ("old", "other", "new")] == [200, 200, 401]
        world.apply("security", "probe", "k", tag="new")
        assert [ask(tag) for tag in ("old", "other", "new")] == [401, 200, 200]
        world.apply("security", "probe", "l", active=False)
        assert [ask(tag) for tag in ("old", "other", "new")] == [503, 503, 503], (
            "never open because a definition is off"
        )
        world.apply("security", "probe", "l", tag="other")
        assert ask("other") == 200

    def test_what_logs_in_by_an_edited_security_definition_is_replaced(
        self, world: World, until: Any
    ):
        for name in ("k", "l"):
            world.apply("security", "probe", name, tag=f"old {name}")
            world.apply("outgoing", "logged-in", f"by {name}", tag=name)
        before = {name: world.objects.get("outgoing", "", f"by {name}") for name in ("k", "l")}
        Probe.journal.clear()
        world.apply("security", "probe", "k", tag="new k")
        after = world.objects.get("outgoing", "", "by k")
        assert after is not before["k"], "the change is applied once its users have logged in anew"
        assert world.objects.get("outgoing", "", "by l") is before["l"]
        until(lambda: ("stop", "k") in Probe.journal)
        assert [each for each in Probe.journal if each[1] == "k"] == [("start", "k"), ("stop", "k")]

    def test_what_cannot_log_in_any_more_serves_on_until_it_can(self, world: World, until: Any):
        world.apply("security", "probe", "k", tag="old")
        world.apply("outgoing", "logged-in", "o", tag="k")
        before = world.objects.get("outgoing", "", "o")
        Probe.plan["k"] = fails(1000)
        world.apply("security", "probe", "k", tag="wrong")
        assert world.objects.get("outgoing", "", "o") is before
        assert world.state("outgoing logged-in o")[0] == "retrying"
        Probe.plan["k"] = int
        world.apply("security", "probe", "k", tag="right")
        assert world.objects.get("outgoing", "", "o") is not before
        assert world.state("outgoing logged-in o")[0] == "running"

    def test_a_channel_whose_security_cannot_start_is_closed(self, world: World, until: Any):
        world.deploy(s=1)
        Probe.plan["down"] = fails(2)
        world.apply("security", "probe", "k", tag="down")
        world.apply("channel", "probe", "c", service="s", security="k")
        channel = world.channel("c")
        assert channel.dispatch(Request(headers={"tag": "down"})).status in (200, 503)
        assert channel.dispatch(Request()).status in (401, 503)
        until(lambda: channel.dispatch(Request(headers={"tag": "down"})).status == 200)

    def test_a_wrap_or_a_service_that_cannot_be_compiled_closes_its_channel_only(
        self, world: World
    ):
        world.deploy(s=1, t=1)
        for name in ("c", "d"):
            world.apply("channel", "probe", name, service="s")
        world.apply("channel", "probe", "e", service="t")

        def wrap(channel: Any, service: type[Service], call: Any) -> Any:
            if channel.name == "c":
                raise ValueError("cannot be wrapped")

        world.wraps.append(wrap)
        world.deploy(s=2, t=2)
        answers = [world.channel(name).dispatch(Request()) for name in "cde"]
        assert [answer.status for answer in answers] == [503, 200, 200]
        assert [answer.payload for answer in answers[1:]] == [2, 2]

    def test_channels_and_formats_of_their_own(self, world: World):
        world.deploy(s=lambda self: {"got": self.request.input})
        world.apply("channel", "probe", "c", service="s", format="plain")
        channel = world.channel("c")
        assert channel.dispatch(Request(b"[1]")).raw == b'{"got": [1]}'
        world.apply("channel", "probe", "c", service="s", format="none")
        assert world.channel("c").dispatch(Request(b"[1]")).status == 503


class TestLooking:
    def test_by_type_and_by_name(self, world: World):
        world.apply("outgoing", "probe", "a")
        world.apply("outgoing", "probe", "treasury")
        outgoing = Namespace(world.objects)
        assert (
            outgoing.probe["a"] is outgoing["probe"]["a"] is world.objects.get("outgoing", "", "a")
        )
        assert outgoing.probe.names() == ["a", "treasury"]
        assert outgoing.other.names() == []
        with pytest.raises(Undefined) as caught:
            outgoing.probe["b"]
        assert str(caught.value) == "there is no outgoing probe named 'b'"
        assert caught.value.reason == "there are: a, treasury"
        with pytest.raises(Undefined) as caught:
            outgoing.probe["tresury"]
        assert caught.value.reason == "there are: a, treasury; did you mean treasury?"
        with pytest.raises(NotFound) as unknown:
            outgoing.other["a"]
        assert unknown.value.reason == "there are: none"
        with pytest.raises(AttributeError):
            _ = outgoing.__wrapped__
