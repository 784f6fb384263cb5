"""The bus over a real engine: leases with one holder, nudges, and what remains of both when the
engine is gone.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid

import pytest
from hansa import Unavailable
from hansa.cluster import leases as cluster
from hansa.cluster.leases import Leases
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey

from plugins.redis.tests.support import end, launch


@pytest.fixture
def bus(address):
    return RedisBus(address, uuid.uuid4().hex)


class TestLeases:
    def test_one_holder_and_a_token_that_grows_with_each_new_one(self, bus):
        assert bus.acquire("a", "w1", 5) == bus.acquire("a", "w1", 5) == 1
        assert bus.acquire("a", "w2", 5) is None
        assert bus.acquire("b", "w2", 5) == 1
        bus.release("a", "w2")
        assert bus.acquire("a", "w2", 5) is None
        bus.release("a", "w1")
        assert bus.acquire("a", "w2", 5) == 2

    def test_who_holds_which(self, bus):
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
        assert bus.acquire("a", "w1", 5) == 2

    def test_it_ends_by_itself_unless_renewed(self, bus):
        bus.acquire("a", "w1", 0.3)
        for _ in range(5):
            time.sleep(0.1)
            assert bus.acquire("a", "w1", 0.3) == 1
        time.sleep(0.4)
        assert bus.acquire("a", "w2", 0.3) == 2

    def test_clusters_do_not_meet(self, address, bus):
        bus.acquire("a", "w1", 5)
        assert RedisBus(address, uuid.uuid4().hex).acquire("a", "w2", 5) == 1

    def test_many_threads_race_for_it(self, bus):
        gate, got = threading.Barrier(8), []

        def race(holder):
            gate.wait()
            for number in range(20):
                if bus.acquire(f"l{number}", holder, 5):
                    got.append(number)

        threads = [threading.Thread(target=race, args=(f"w{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == list(range(20))

    def test_when_the_engine_freezes_the_holder_stops_before_its_lease_ends(
        self, program, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(cluster, "LEASE_TTL", 2.0)
        monkeypatch.setattr(cluster, "LEASE_RENEWAL", 0.5)
        engine = Valkey(tmp_path, program=program, durability="fast")
        process = launch(engine)
        leases = Leases(RedisBus(engine.address, "c"), "w1")
        events: list[tuple[str, float]] = []
        leases.start()
        leases.want(
            "a",
            lambda token: events.append(("taken", time.monotonic())),
            lambda: events.append(("lost", time.monotonic())),
        )
        try:
            wait_until(lambda: events)
            os.kill(process.pid, signal.SIGSTOP)
            frozen = time.monotonic()
            wait_until(lambda: len(events) == 2)
            assert events[1][0] == "lost"
            assert events[1][1] - frozen < 2.0
            os.kill(process.pid, signal.SIGCONT)
            wait_until(lambda: len(events) == 3, 20)
            assert events[2][0] == "taken"
        finally:
            os.kill(process.pid, signal.SIGCONT)
            leases.stop()
            end(process)
            engine.close()


class TestMail:
    def test_it_is_taken_once_in_its_order(self, bus):
        bus.post("a", "ä".encode(), 5)
        bus.post("a", b"2", 0.1)
        bus.post("b", b"3", 5)
        assert bus.collect("a", 0) == ["ä".encode(), b"2"]
        assert bus.collect("a", 0.01) == []
        assert bus.collect("b", 5) == [b"3"]

    def test_it_is_waited_for(self, bus):
        posting = threading.Timer(0.2, bus.post, ("a", b"1", 5))
        posting.start()
        wait_until(lambda: bus.collect("a", 5) == [b"1"])
        posting.join()

    def test_the_last_to_expire_keeps_the_others(self, bus):
        bus.post("a", b"1", 600)
        bus.post("a", b"2", 0.05)
        assert bus.redis.ttl(bus.key("mail", "a")) > 500
        bus.post("b", b"1", 0.05)
        wait_until(lambda: not bus.redis.exists(bus.key("mail", "b")))

    def test_a_redis_that_is_gone_is_unavailable(self):
        gone = RedisBus("redis://127.0.0.1:1", "c")
        with pytest.raises(Unavailable, match="does not answer"):
            gone.post("a", b"1", 5)
        with pytest.raises(Unavailable, match="does not answer"):
            gone.collect("a", 5)


class TestRecords:
    def test_a_value_is_any_bytes_until_it_is_deleted(self, bus):
        records = bus.records("mark")
        assert records.read("a") is None
        records.write("a", b"\xff\x00 text")
        assert records.read("a") == b"\xff\x00 text"
        records.write("a", b"other")
        assert bus.records("mark").read("a") == b"other"
        assert bus.records("another").read("a") is None
        records.delete("a")
        assert records.read("a") is None

    def test_values_are_keys_of_the_cluster(self, bus):
        bus.records("mark").write("channel:ftp:a", b"1")
        assert bus.redis.get(bus.key("mark", "channel:ftp:a")) == "1"

    def test_a_counter_counts_expires_and_can_be_deleted(self, bus):
        records = bus.records("begun")
        records.write("m", b"value")
        assert [records.count("m", 60) for _ in range(3)] == [1, 2, 3]
        assert records.count("other", 60) == 1
        assert [records.claim(name, 60) for name in ("m", "new", "new")] == [False, True, False]
        assert records.read("m") == b"value"
        records.delete("m")
        assert records.count("m", 1) == 1
        time.sleep(1.1)
        assert records.count("m", 1) == 1

    def test_clusters_do_not_meet(self, address, bus):
        bus.records("mark").write("a", b"1")
        assert RedisBus(address, uuid.uuid4().hex).records("mark").read("a") is None


class TestNudges:
    @pytest.fixture
    def listening(self):
        ended, threads = threading.Event(), []

        def listen(bus, wake):
            threads.append(threading.Thread(target=bus.listen, args=(wake, ended)))
            threads[-1].start()

        yield listen
        ended.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    def test_they_wake_others_at_once(self, address, bus, listening):
        woken = []
        other = RedisBus(address, bus.cluster)
        other.poll_interval = 0.01
        listening(other, lambda: woken.append(time.monotonic()))
        wait_until(lambda: woken)
        time.sleep(0.1)
        for _ in range(3):
            before = len(woken)
            began = time.monotonic()
            bus.nudge(5)
            wait_until(lambda before=before: len(woken) > before)
            assert woken[-1] - began < 0.5
        # who is woken reads the ODB
        assert len(woken) == 1 + 3

    def test_without_an_engine_changes_are_found_by_polling_and_it_is_used_again_when_it_is_back(
        self, program, tmp_path, listening
    ):
        engine = Valkey(tmp_path, program=program, durability="fast")
        process = launch(engine)
        bus, woken = RedisBus(engine.address, "c"), []
        bus.poll_interval = 0.2
        listening(bus, lambda: woken.append(1))
        wait_until(lambda: woken)
        process.kill()
        process.wait()
        bus.nudge(1)
        before = len(woken)
        wait_until(lambda: len(woken) > before + 3)
        process = launch(engine)
        try:
            subscribers = bus.redis.pubsub_numsub
            wait_until(lambda: bus.redis.ping() and subscribers(bus.key("nudge"))[0][1] == 1)
        finally:
            end(process)
            engine.close()
