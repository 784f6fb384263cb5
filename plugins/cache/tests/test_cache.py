"""What services do with a cache, over Redis and in files alike."""

from __future__ import annotations

import datetime
import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid, ResultTooLarge, TooLarge, Unavailable, Undefined
from hansa_cache import cache as cache_module
from hansa_cache.cache import Cache
from hansa_cache.caches import Caches
from hansa_cache.kinds import CacheDefinition
from hansa_cache.settings import CacheSettings
from hansa_cache.store import Stored
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until

from plugins.cache.tests.conftest import Workers

pytestmark = pytest.mark.evidence("real_server")


def expires(cache: Cache, key: str) -> float:
    """Return when an entry expires; infinity if it does not."""
    found = cache.entry(key)
    assert found is not None
    return math.inf if found.expires is None else found.expires


def test_workers_share_what_they_keep(workers: Workers):
    workers.one.rates.set("USD", {"rate": 1.22, "näme": ["a", None]})
    assert workers.other["rates"].get("USD") == {"rate": 1.22, "näme": ["a", None]}
    workers.other.rates["EUR"] = b"\x00\xff"
    assert workers.one.rates["EUR"] == b"\x00\xff"
    assert workers.one.rates.get("none", "default") == "default"
    assert workers.one.default.get("USD") is None
    assert sorted(workers.one.rates) == ["EUR", "USD"] and len(workers.one.rates) == 2
    assert "USD" in workers.other.rates and "none" not in workers.other.rates
    del workers.one.rates["USD"]
    with pytest.raises(KeyError):
        workers.other.rates["USD"]
    assert workers.other.rates.delete("EUR") and not workers.other.rates.delete("EUR")
    assert workers.one.rates.status().items == 0
    assert workers.one.rates.status().bytes == 0


def test_what_json_holds_comes_back_as_json_has_it(workers: Workers):
    rates = workers.one.rates
    rates.set("day", datetime.date(2026, 1, 2))
    rates.set("empty", "")
    rates.set("zero", 0)
    assert rates.items() == {"day": "2026-01-02", "empty": "", "zero": 0}
    for wrong in (None, float("nan"), object(), {"a": {1j}}, "\ud800"):
        with pytest.raises(Invalid):
            rates.set("wrong", wrong)
    for key in ("", "x" * 1001, "\ud800"):
        with pytest.raises(Invalid):
            rates.set(key, 1)
    for expiry in (-1, float("nan"), float("inf")):
        with pytest.raises(Invalid):
            rates.set("key", 1, expiry)
    assert rates.keys() == ["day", "empty", "zero"]


def test_add_and_replace(workers: Workers):
    rates = workers.one.rates
    assert not rates.replace("a", 1) and rates.add("a", 2) and not rates.add("a", 3)
    assert rates.replace("a", 4) and rates.get("a") == 4
    rates.set("short", 1, 0.02)
    wait_until(lambda: rates.add("short", 2), 30)


def test_entries_expire(workers: Workers):
    rates = workers.one.rates
    rates.set("short", 1, 0.05)
    rates.set("long", 1, 500)
    rates.set("ever", 1)
    wait_until(lambda: rates.get("short") is None, 30)
    assert workers.other.rates.keys() == ["ever", "long"]
    assert expires(rates, "ever") == math.inf
    assert time.time() + 400 < expires(rates, "long") < time.time() + 600
    assert rates.expire("ever", 0.02) and not rates.expire("none", 1)
    wait_until(lambda: "ever" not in rates, 30)
    assert rates.expire("long", 0) and expires(rates, "long") == math.inf
    assert rates.status().expired == 2


def test_the_default_expiry_counts_and_reading_may_extend_it(workers: Workers):
    workers.define("short", default_expiry=1000, extend_on_get=True)
    short = workers.one.short
    short.set("a", 1)
    short.set("ever", 1, 0)
    short.set("token", 1, 500)
    for key, seconds in (("a", 1000), ("token", 500)):
        ends = [expires(short, key)]
        wait_until(lambda key=key, ends=ends: expires(short, key) > ends[0], 30)
        assert seconds - 100 < expires(short, key) - time.time() < seconds + 1
    assert short.expire("a", 200) and short.expire("token", 0)
    assert expires(short, "a") < time.time() + 201
    assert expires(short, "token") == expires(short, "ever") == math.inf


def test_the_one_not_used_for_the_longest_time_makes_room(workers: Workers):
    workers.define("small", max_items=3)
    small = workers.one.small
    for key in "abc":
        small.set(key, key)
        time.sleep(0.002)  # uses are told apart by the ms
    small.get("a")
    time.sleep(0.002)
    small.set("d", "d")
    assert small.keys() == ["a", "c", "d"]
    assert small.status().evicted == 1


def test_a_cache_has_no_more_bytes_than_it_may(workers: Workers):
    workers.define("small", max_size=1, max_value=300_000)
    small = workers.one.small
    with pytest.raises(TooLarge, match="max_value"):
        small.set("big", "x" * 300_000)
    for number in range(8):
        small.set(f"key {number}", b"x" * 300_000)
    status = small.status()
    assert status.items == 3 and status.bytes <= 1024 * 1024 and status.evicted == 5
    small.set("key 7", b"y" * 100)
    small.clear()
    assert (small.status().bytes, small.keys()) == (0, [])


def test_keys_by_prefix_suffix_part_and_expression(workers: Workers):
    rates = workers.one.rates
    for key in ("user.1", "user.2", "order.1", "ünser"):
        rates.set(key, key)
    assert rates.find_keys("prefix", "user.") == ["user.1", "user.2"]
    assert rates.find_keys("suffix", ".1") == ["order.1", "user.1"]
    assert rates.find_keys("contains", "nse") == ["ünser"]
    assert rates.find_keys("not_contains", "er") == []
    assert rates.find_keys("contains_all", ["er", "1"]) == ["order.1", "user.1"]
    assert rates.find_keys("contains_any", ["ü", "2"]) == ["user.2", "ünser"]
    assert rates.find_keys("regex", r"^(user|order)\.1$") == ["order.1", "user.1"]
    assert rates.get_many("prefix", "order") == {"order.1": "order.1"}
    assert rates.set_many("prefix", "user.", 0, 500) == ["user.1", "user.2"]
    assert rates.get("user.1") == 0 and expires(rates, "user.2") < math.inf
    assert rates.expire_many("suffix", ".1", 0.01) == ["order.1", "user.1"]
    wait_until(lambda: rates.keys() == ["user.2", "ünser"], 30)
    assert rates.delete_many("regex", "ü") == ["ünser"]
    assert rates.items() == {"user.2": 0}


def test_an_expression_costs_no_more_than_it_weighs(workers: Workers):
    rates = workers.one.rates
    rates.set("a" * 900 + "b", 1)
    began = time.monotonic()
    assert rates.find_keys("regex", "^(a+)+$") == []
    assert rates.find_keys("regex", "(a|a|aa)*(a|a)*$") != []
    assert time.monotonic() - began < 5
    for wrong in ("(", "(?=a)", r"(a)\1", "a{1000}{1000}", "x" * 1001):
        with pytest.raises(Invalid):
            rates.find_keys("regex", wrong)
    with pytest.raises(Invalid):
        rates.find_keys("contains_all", [])
    with pytest.raises(Invalid):
        rates.find_keys("prefix", ["a", "b"])


def test_too_many_are_refused(workers: Workers, monkeypatch: pytest.MonkeyPatch):
    rates = workers.one.rates
    for number in range(4):
        rates.set(str(number), "x" * 100)
    monkeypatch.setattr(cache_module, "MOST_BYTES", 250)
    with pytest.raises(ResultTooLarge):
        rates.items()
    monkeypatch.setattr(cache_module, "MOST_FOUND", 3)
    with pytest.raises(ResultTooLarge):
        rates.keys()


def test_large_values_are_read_few_at_a_time(workers: Workers, monkeypatch: pytest.MonkeyPatch):
    workers.define("large", max_value=1_000_000, max_size=64)
    large = workers.one.large
    for number in range(20):
        large.set(str(number), number)
    asked: list[int] = []
    read = large.store.read

    def noted(keys: Sequence[str], *, extend: bool, count: bool) -> list[Stored | None]:
        asked.append(len(keys))
        return read(keys, extend=extend, count=count)

    monkeypatch.setattr(large.store, "read", noted)
    assert len(large.items()) == 20
    assert asked == [16, 4]


def test_a_value_is_computed_once_for_all_who_ask(workers: Workers):
    computed: list[int] = []
    answers: list[Any] = []
    faults: list[Exception] = []
    may_end = threading.Event()

    def compute() -> int:
        computed.append(1)
        may_end.wait(30)
        return 7

    def ask(number: int) -> None:
        try:
            caches = workers.caches[number % 2]
            answers.append(caches.rates.get_or_compute("slow", compute, 500))
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: computed, 30)
    may_end.set()
    for thread in threads:
        thread.join(60)
    assert (faults, answers, computed) == ([], [7] * 6, [1])
    assert workers.one.rates.get_or_compute("slow", lambda: 8) == 7


def test_who_fails_to_compute_leaves_it_to_the_next(workers: Workers):
    def fail() -> int:
        raise ValueError("no rate")

    with pytest.raises(ValueError, match="no rate"):
        workers.one.rates.get_or_compute("key", fail)
    assert workers.other.rates.get_or_compute("key", lambda: None) is None
    assert workers.other.rates.get_or_compute("key", lambda: 3) == 3


def test_a_cache_that_is_not_defined(workers: Workers):
    with pytest.raises(Undefined, match="define data cache 'none'"):
        workers.one["none"]
    with pytest.raises(AttributeError):
        workers.one.none  # noqa: B018  # the look-up is what is tested
    assert workers.one.names() == ["default", "rates"]


def test_a_default_cache_that_is_out_of_service_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    server = LocalServer(directory=tmp_path)
    caches = Caches(server)
    monkeypatch.setattr(
        server.objects, "state", lambda kind, type, name: SimpleNamespace(state="failed")
    )
    with pytest.raises(Unavailable, match="the cache 'default' is failed"):
        caches.default  # noqa: B018  # the look-up is what is tested
    assert caches.names() == []


def test_one_that_is_deleted_while_all_are_listed_costs_no_other(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(workers.one, "names", lambda: ["default", "gone", "rates"])
    assert [cache.name for cache in workers.one.all()] == ["default", "rates"]


def test_only_the_first_look_counts_where_a_value_is_computed(workers: Workers):
    rates = workers.one.rates
    rates.get_or_compute("a", lambda: 1)
    rates.get_or_compute("a", lambda: 2)
    assert (rates.status().misses, rates.status().hits) == (1, 1)


def test_a_worker_that_ends_keeps_no_connection(workers: Workers):
    for caches in workers.caches:
        caches.rates.set("a", 1)
    one, other = workers.one._redis, workers.other._redis
    if one is None or other is None:
        return  # files are closed with their caches
    id = one.client.execute_command("CLIENT", "ID")
    workers.one.close()
    listed = ("CLIENT", "LIST", "ID", id)
    wait_until(lambda: not other.client.execute_command(*listed), 30)


def test_an_edit_keeps_the_entries_and_a_deletion_does_not(workers: Workers):
    workers.one.rates.set("a", 1)
    workers.define(max_items=1)
    workers.one.rates.set("b", 2)
    assert workers.other.rates.keys() == ["b"]
    workers.one.erase("rates")
    assert workers.other.rates.keys() == []


@pytest.mark.parametrize("is_defined", [False, True])
def test_what_is_kept_while_a_cache_is_deleted_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_defined: bool
):
    server = LocalServer(directory=tmp_path)
    caches = server.resource(Caches)
    monkeypatch.setattr(server.definitions, "exists", lambda kind, type, name: is_defined)
    made = CacheDefinition("late", CacheSettings(), server)
    made.start()
    caches.erase("late")
    caches.late.set("a", 1)
    made.withdrawn()
    made.start()
    assert caches.late.keys() == (["a"] if is_defined else [])
    caches.close()


def test_settings_count_that_came_while_a_cache_was_opened(tmp_path: Path):
    class Slow(Caches):
        def _config(self, name: str) -> CacheSettings:
            found = super()._config(name)
            edit = threading.Thread(target=self.put, args=(self, name, CacheSettings(max_items=2)))
            edit.start()
            edits.append(edit)
            edit.join(0.2)
            return found

    edits: list[threading.Thread] = []
    caches = Slow(LocalServer(directory=tmp_path))
    caches.put(caches, "rates", CacheSettings(max_items=1))
    assert caches.rates.config.max_items in (1, 2)
    for edit in edits:
        edit.join(30)
    assert caches.rates.config.max_items == 2
    caches.close()


def test_a_redis_that_is_away_is_told(tmp_path: Any):
    made = Workers(tmp_path, "redis://:secret@127.0.0.1:1/0")
    with pytest.raises(Unavailable) as refused:
        made.one.default.get("a")
    assert "secret" not in str(refused.value)
