"""Leases over the ODB: one holder at a time, whatever dies, and a holder that stops before another
may begin.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hansa.cluster import leases as cluster
from hansa.cluster.leases import Leases
from hansa.cluster.odb_bus import OdbBus
from hansa.foundation.errors import Unavailable
from hansa.odb.engine import open_engine

from tests.core.stores import Stores


@pytest.fixture
def bus(store: Stores) -> OdbBus:
    return OdbBus(store.engine)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LEASE_TTL", 1.0)
    monkeypatch.setattr(cluster, "LEASE_RENEWAL", 0.1)


@pytest.fixture
def make_leases(bus: OdbBus) -> Iterator[Callable[..., Leases]]:
    made: list[Leases] = []

    def make(holder: str, over: Any = None) -> Leases:
        made.append(Leases(over or bus, holder))
        made[-1].start()
        return made[-1]

    yield make
    for leases in made:
        leases.stop()


class TestOdbBus:
    def test_one_holder_and_a_token_that_grows_with_each_new_one(self, bus: OdbBus):
        assert bus.acquire("a", "w1", cluster.LEASE_TTL) == 1
        assert bus.acquire("a", "w1", cluster.LEASE_TTL) == 1
        assert bus.acquire("a", "w2", cluster.LEASE_TTL) is None
        assert bus.acquire("b", "w2", cluster.LEASE_TTL) == 1
        bus.release("a", "w2")
        assert bus.acquire("a", "w2", cluster.LEASE_TTL) is None, "only the holder gives it back"
        bus.release("a", "w1")
        assert bus.acquire("a", "w2", cluster.LEASE_TTL) == 2
        bus.release("a", "w2")
        assert bus.acquire("a", "w1", cluster.LEASE_TTL) == 3

    def test_who_holds_which(self, bus: OdbBus):
        assert bus.leases(["a", "b"]) == bus.leases([]) == {}
        bus.acquire("a", "w1", 5)
        bus.acquire("b", "w2", 0.1)
        found = bus.leases(["a", "b", "c"])
        assert {name: (held.holder, held.token) for name, held in found.items()} == {
            "a": ("w1", 1),
            "b": ("w2", 1),
        }
        assert 4 < found["a"].left <= 5
        time.sleep(0.15)
        bus.release("a", "w1")
        assert bus.leases(["a", "b"]) == {}
        assert bus.acquire("a", "w1", 5) == 2, "who takes it anew begins anew"

    def test_it_ends_by_itself(self, bus: OdbBus, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(cluster, "LEASE_TTL", 0.2)
        bus.acquire("a", "w1", cluster.LEASE_TTL)
        time.sleep(0.25)
        assert bus.acquire("a", "w2", cluster.LEASE_TTL) == 2
        assert bus.acquire("a", "w1", cluster.LEASE_TTL) is None

    def test_processes_that_race_for_it(self, bus: OdbBus):
        code = """
            import sys, time
            from hansa.cluster.odb_bus import OdbBus
            from hansa.odb.engine import open_engine
            bus, mine = OdbBus(open_engine(sys.argv[1])), 0
            for number in range(20):
                if bus.acquire(f"l{number}", sys.argv[2], 10.0):
                    mine += 1
            print(mine)
        """
        command = [sys.executable, "-c", textwrap.dedent(code), str(bus.engine.url)]
        children = [
            subprocess.Popen([*command, f"w{n}"], stdout=subprocess.PIPE, text=True)
            for n in range(3)
        ]
        assert sum(int(child.communicate(timeout=60)[0]) for child in children) == 20

    def test_listening_is_polling(self, bus: OdbBus, until: Any):
        bus.poll_interval = 0.01
        woken, stopped = [], threading.Event()
        thread = threading.Thread(target=bus.listen, args=(lambda: woken.append(1), stopped))
        thread.start()
        bus.nudge(5)
        until(lambda: len(woken) > 3)
        stopped.set()
        thread.join(5)
        assert not thread.is_alive()


def nobody(*token: int) -> None:
    """Be called back."""


class TestOfTheEnded:
    """Leases of processes that have ended, none of which ends by itself while a test runs."""

    def test_they_are_given_back(self, bus: OdbBus, make_leases: Callable[..., Leases], until: Any):
        one = Leases(bus, "server1/0.1", "ended")
        assert bus.acquire("a", one.holder, 600) == bus.acquire("b", one.holder, 600) == 1
        two = make_leases("server1/1.2")
        two.want("a", nobody, nobody)
        two.want("b", nobody, nobody)
        two.note_end("ended")
        until(lambda: two.tokens == {"a": 2, "b": 2}, 30)

    def test_one_of_the_same_name_that_lives_keeps_its_own(
        self, bus: OdbBus, make_leases: Callable[..., Leases], until: Any
    ):
        ended, alive = Leases(bus, "w", "ended"), Leases(bus, "w", "alive")
        assert bus.acquire("a", ended.holder, 600) == 1
        assert bus.acquire("a", alive.holder, 600) is None
        for name in ("b", "ended"):
            assert bus.acquire(name, alive.holder, 600) == 1
        bus.acquire("c", "ended of another kind", 600)
        two = make_leases("w")
        for name in ("a", "b", "c", "ended"):
            two.want(name, nobody, nobody)
        two.note_end("ended")
        until(lambda: two.tokens == {"a": 2}, 30)
        held = {name: one.holder for name, one in bus.leases(["b", "c", "ended"]).items()}
        assert held == {"b": "w alive", "c": "ended of another kind", "ended": "w alive"}

    def test_what_another_has_taken_meanwhile_is_left_alone(
        self, bus: OdbBus, make_leases: Callable[..., Leases], until: Any
    ):
        class Slow(OdbBus):
            def release(self, name: str, holder: str) -> None:
                """Give a lease back once its holder has, and a third one has taken it."""
                bus.release(name, holder)
                assert bus.acquire(name, "third", 600) == 2
                super().release(name, holder)
                done.set()

        done = threading.Event()
        assert bus.acquire("a", Leases(bus, "w", "ended").holder, 600) == 1
        two = make_leases("w", Slow(bus.engine))
        two.want("a", nobody, nobody)
        two.note_end("ended")
        assert done.wait(30)
        assert bus.leases(["a"])["a"].holder == "third"
        assert two.tokens == {}

    def test_a_bus_that_fails_costs_nothing_else(
        self, bus: OdbBus, make_leases: Callable[..., Leases], until: Any
    ):
        class Failing(OdbBus):
            def leases(self, names: Any) -> Any:
                """Answer nothing."""
                raise Unavailable("it is away")

        two = make_leases("w", Failing(bus.engine))
        two.want("a", nobody, nobody)
        two.note_end("ended")
        until(lambda: not two._ended and two.tokens == {"a": 1}, 30)


@pytest.mark.usefixtures("quick")
class TestLeases:
    def test_one_gets_it_and_the_next_one_when_it_is_given_up(
        self, make_leases: Callable[..., Leases], until: Any
    ):
        got: list[Any] = []
        one, two = make_leases("w1"), make_leases("w2")
        one.want("a", lambda token: got.append(("w1", token)), lambda: got.append("lost"))
        until(lambda: got)
        two.want("a", lambda token: got.append(("w2", token)), lambda: got.append("lost"))
        time.sleep(0.3)
        assert got == [("w1", 1)]
        assert two.tokens == {}
        one.unwant("a")
        until(lambda: len(got) == 2)
        assert got == [("w1", 1), ("w2", 2)]
        assert two.tokens == {"a": 2}

    def test_it_is_kept_for_longer_than_it_lasts(
        self, make_leases: Callable[..., Leases], until: Any, bus: OdbBus
    ):
        one, lost = make_leases("w1"), []
        one.want("a", lambda token: None, lambda: lost.append(1))
        until(lambda: one.tokens)
        end = time.monotonic() + 1.4
        while time.monotonic() < end:
            assert bus.acquire("a", "w2", cluster.LEASE_TTL) is None
            time.sleep(0.1)
        assert not lost

    def test_stopping_gives_all_back(
        self, make_leases: Callable[..., Leases], until: Any, bus: OdbBus
    ):
        one = make_leases("w1")
        for name in "ab":
            one.want(name, lambda token: None, lambda: None)
        until(lambda: len(one.tokens) == 2)
        one.stop()
        assert (
            bus.acquire("a", "w2", cluster.LEASE_TTL)
            == bus.acquire("b", "w2", cluster.LEASE_TTL)
            == 2
        )

    def test_given_up_while_it_is_being_acquired(
        self, bus: OdbBus, make_leases: Callable[..., Leases], until: Any
    ):
        acquiring = threading.Event()
        go_on = threading.Event()
        called: list[Any] = []

        class Slow:
            release = bus.release

            def acquire(self, name: str, holder: str, ttl: float) -> int | None:
                token = bus.acquire(name, holder, cluster.LEASE_TTL)
                acquiring.set()
                go_on.wait(10)
                return token

        one = make_leases("w1", Slow())
        one.want("a", called.append, lambda: called.append("lost"))
        assert acquiring.wait(10)
        one.unwant("a")
        go_on.set()
        until(lambda: bus.acquire("a", "w2", cluster.LEASE_TTL), 1, "the lease is not given back")
        assert not called

    def test_a_holder_that_cannot_renew_stops_before_another_may_begin(
        self,
        bus: OdbBus,
        make_leases: Callable[..., Leases],
        until: Any,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr(cluster, "LEASE_RENEWAL", 0.3)

        class Gone:
            down = False
            release = bus.release

            def acquire(self, name: str, holder: str, ttl: float) -> int | None:
                if self.down:
                    raise OSError("the bus is down")
                return bus.acquire(name, holder, cluster.LEASE_TTL)

        over = Gone()
        times: dict[str, Any] = {}
        one = make_leases("w1", over)
        one.want(
            "a",
            lambda token: times.setdefault("taken", 1),
            lambda: times.setdefault("lost", time.monotonic()),
        )
        until(lambda: times)
        over.down = True
        taken = until(lambda: bus.acquire("a", "w2", cluster.LEASE_TTL) and time.monotonic(), 10)
        assert times["lost"] < taken
        assert one.tokens == {}
        over.down = False
        bus.release("a", "w2")
        until(lambda: one.tokens)

    def test_a_renewal_that_hangs_ends_it_all_the_same(
        self,
        bus: OdbBus,
        make_leases: Callable[..., Leases],
        until: Any,
        monkeypatch: pytest.MonkeyPatch,
    ):
        """The holder alone is cut off: its call waits for an answer while others may take the
        lease.
        """
        monkeypatch.setattr(cluster, "LEASE_RENEWAL", 0.3)
        hang = threading.Event()

        class Cut:
            cut = False
            release = bus.release

            def acquire(self, *arguments: Any) -> int | None:
                if self.cut:
                    hang.wait(20)
                return bus.acquire(*arguments)

        over, events = Cut(), []
        one = make_leases("w1", over)
        one.want(
            "a",
            lambda token: events.append(("taken", time.monotonic())),
            lambda: events.append(("lost", time.monotonic())),
        )
        until(lambda: events)
        over.cut = True
        taken = until(lambda: bus.acquire("a", "w2", 1.0) and time.monotonic(), 10)
        assert events[1][0] == "lost" and events[1][1] < taken
        over.cut = False
        bus.release("a", "w2")
        hang.set()
        until(lambda: one.tokens)
        time.sleep(0.3)
        assert [event for event, _ in events][:3] == ["taken", "lost", "taken"]

    def test_a_killed_holder_is_followed(
        self, bus: OdbBus, make_leases: Callable[..., Leases], until: Any
    ):
        code = f"""
            from hansa.cluster import leases as cluster
            from hansa.cluster.odb_bus import OdbBus
            from hansa.odb.engine import open_engine
            cluster.LEASE_TTL, cluster.LEASE_RENEWAL = 1.0, 0.1
            leases = cluster.Leases(OdbBus(open_engine({str(bus.engine.url)!r})), "w1")
            leases.start()
            leases.want("a", lambda token: print(token, flush=True), lambda: None)
            leases._thread.join()
        """
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        two = make_leases("w2")
        two.want("a", lambda token: None, lambda: None)
        time.sleep(0.3)
        assert two.tokens == {}
        child.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: two.tokens == {"a": 2}, 6)
        assert time.monotonic() - killed > 0.5, "not before the dead one's lease had ended"
        child.communicate()

    def test_only_one_at_a_time_while_holders_come_and_go(self, store: Stores, until: Any):
        """Four holders with an engine each want and give up one lease; what they hold never
        overlaps.
        """
        inside, faults, turns = [], [], []
        end = time.monotonic() + 1.2

        def hold(holder: str) -> None:
            engine = open_engine(str(store.engine.url))
            leases = Leases(OdbBus(engine), holder)
            leases.start()
            while time.monotonic() < end:
                taken = threading.Event()

                def have(token: int, taken: threading.Event = taken) -> None:
                    turns.append(token)
                    taken.set()

                leases.want("a", have, lambda: None)
                if taken.wait(0.3):
                    inside.append(holder)
                    if len(inside) > 1:
                        faults.append(list(inside))
                    time.sleep(0.01)
                    inside.remove(holder)
                leases.unwant("a")
            leases.stop()
            engine.dispose()

        threads = [threading.Thread(target=hold, args=(f"w{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults
        assert len(turns) > 3
        assert turns == sorted(turns), "the fencing token never goes back"
