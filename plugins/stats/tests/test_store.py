"""The statistics of a cluster in Redis and in the ODB: batches of workers add up, each once; slots
are put together, and expire.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hansa import Invalid, load
from hansa_devkit import LocalServer
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_stats.history import History
from hansa_stats.odb_store import OdbStore
from hansa_stats.redis_store import RedisStore
from hansa_stats.slots import DAY, HOUR, MINUTE, STEPS, Slot, covering, slot_at
from hansa_stats.spans import Asked
from hansa_stats.statistics import Statistics
from hansa_stats.store import Batch, Store, Total
from hansa_stats.tally import Series, Table, Tally

from plugins.redis.tests.support import end, launch

BEGIN = 1_795_305_600
"""A midnight, UTC."""
GET: Series = ("service", "orders.get")


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = float(BEGIN)

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("v"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


@pytest.fixture(params=["redis", "odb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "odb":
        return OdbStore(LocalServer(directory=tmp_path).journal)
    bus = RedisBus(request.getfixturevalue("valkey"), uuid.uuid4().hex)
    return RedisStore(bus.redis, bus)


def tally(*micros: int, errors: tuple[str, ...] = ()) -> Tally:
    made = Tally()
    made.add_durations(one * 1000 for one in micros)
    for code in errors:
        made.add_error(code)
    return made


def batch(number: int, table: Table, writer: str = "w", moment: float = BEGIN) -> Batch:
    return Batch(slot_at(MINUTE, moment), writer, number, table)


def test_batches_of_workers_add_up_each_once(store: Store):
    minute = slot_at(MINUTE, BEGIN)
    assert store.first() == 0
    assert store.read([minute]) == {}
    store.add(batch(1, {GET: tally(10, 2000, errors=("invalid",))}))
    store.add(batch(1, {GET: tally(7)}, writer="other"))
    again = batch(
        2, {GET: tally(10, errors=("invalid", "timeout")), ("channel", "http é"): tally(1)}
    )
    store.add(again)
    store.add(again)
    assert store.read([minute, Slot(HOUR, 1)]) == {
        minute: {
            GET: tally(10, 2000, 7, 10, errors=("invalid", "invalid", "timeout")),
            ("channel", "http é"): tally(1),
        }
    }
    assert store.first() == minute.number
    store.add(batch(3, {GET: tally(1)}, moment=BEGIN + 600))
    assert store.first() == minute.number


def test_the_first_minute_stays_when_two_workers_find_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    journal = LocalServer(directory=tmp_path).journal
    OdbStore(journal).add(batch(1, {GET: tally(1)}))
    late = OdbStore(journal)
    monkeypatch.setattr(late, "first", lambda: 0)
    late.add(batch(1, {GET: tally(2)}, writer="other", moment=BEGIN + 60))
    assert OdbStore(journal).first() == slot_at(MINUTE, BEGIN).number


def test_large_sums_are_exact(store: Store):
    for number in range(1, 4):
        store.add(batch(number, {GET: tally(98_765_432_109, 1)}))
    (kept,) = store.read([slot_at(MINUTE, BEGIN)]).values()
    assert (kept[GET].micros, kept[GET].count) == (3 * 98_765_432_110, 6)


def test_slots_and_the_total_are_replaced(store: Store):
    hour = slot_at(HOUR, BEGIN)
    store.put(hour, {GET: tally(5)})
    store.put(hour, {GET: tally(6)})
    empty = Slot(HOUR, hour.number + 1)
    store.put(empty, {})
    assert store.read([hour, empty]) == {hour: {GET: tally(6)}, empty: {}}
    assert store.total() == Total(0, {})
    store.put_total(Total(77, {GET: tally(6)}))
    assert store.total() == Total(77, {GET: tally(6)})


def test_the_last_call_is_kept(store: Store):
    for number, last in enumerate((BEGIN + 7, BEGIN + 50, BEGIN + 9), 1):
        one = tally(1)
        one.last = last
        store.add(batch(number, {GET: one}))
    (kept,) = store.read([slot_at(MINUTE, BEGIN)]).values()
    assert (kept[GET].count, kept[GET].last) == (3, BEGIN + 50)


def test_the_total_has_no_edges(store: Store):
    clock = Clock()
    history = History(store, clock)
    edge: Series = ("edge", "invoke\tservice\t\ta\tservice\t\tb")
    store.add(batch(1, {GET: tally(1), edge: tally(1)}))
    clock.now = BEGIN + 200
    history.roll_up()
    assert history.tallies(BEGIN, clock.now) == {GET: tally(1), edge: tally(1)}
    assert store.total().table == {GET: tally(1)}


def test_hours_and_days_are_put_together(store: Store):
    clock = Clock()
    history = History(store, clock)
    for number, moment in enumerate((0, 59, 61, 3700, 86_400 + 30), 1):
        store.add(batch(number, {GET: tally(number)}, moment=BEGIN + moment))
    clock.now = BEGIN + 86_400 + 200
    whole = {GET: tally(1, 2, 3, 4, 5)}
    assert history.tallies(BEGIN, clock.now) == whole
    assert history.everything() == whole
    history.roll_up()
    hour, day = slot_at(HOUR, BEGIN), slot_at(DAY, BEGIN)
    assert store.read([hour, day]) == {hour: {GET: tally(1, 2, 3)}, day: {GET: tally(1, 2, 3, 4)}}
    assert store.total() == Total(slot_at(MINUTE, clock.now - 60).number - 1, whole)
    assert history.tallies(BEGIN - 400 * 86_400, clock.now) == whole
    assert history.tallies(BEGIN + 60, BEGIN + 3600) == {GET: tally(3)}
    assert history.everything() == whole
    another = History(store, clock)
    another.roll_up()
    assert another.everything() == whole
    clock.now = BEGIN + 20 * 86_400
    # its minutes are gone, so that the whole hour is the answer
    assert history.tallies(BEGIN + 60, BEGIN + 120) == {GET: tally(1, 2, 3)}


def test_a_slot_gives_its_place_to_a_later_one(store: Store):
    if not isinstance(store, OdbStore):
        pytest.skip("in Redis slots expire by themselves")
    store.add(batch(1, {GET: tally(1)}))
    later = BEGIN + MINUTE.kept
    store.add(batch(2, {GET: tally(2)}, moment=later))
    first, second = slot_at(MINUTE, BEGIN), slot_at(MINUTE, later)
    assert store.read([first, second]) == {second: {GET: tally(2)}}


def test_slots_expire_in_redis(valkey: str):
    bus = RedisBus(valkey, uuid.uuid4().hex)
    store = RedisStore(bus.redis, bus)
    store.add(batch(1, {GET: tally(1)}))
    store.put(slot_at(DAY, BEGIN), {GET: tally(1)})
    minute = bus.key("stats", "minute", str(slot_at(MINUTE, BEGIN).number))
    day = bus.key("stats", "day", str(slot_at(DAY, BEGIN).number))
    for key, step in ((minute, MINUTE), (day, DAY)):
        left = bus.redis.ttl(key)
        assert isinstance(left, int)
        assert step.kept - 10 < left <= step.kept


def test_a_span_is_covered_by_few_slots():
    now = BEGIN + 86_400
    slots = list(covering(BEGIN + 90, BEGIN + 86_400 * 2, now))
    assert slots[0].begin == BEGIN + 60
    assert [slots[0].step, slots[59].step, slots[-1].step] == [MINUTE, HOUR, DAY]
    assert len(slots) == 59 + 23 + 1
    assert all(one.end == two.begin for one, two in itertools.pairwise(slots))
    long_ago = list(covering(BEGIN + 90, BEGIN + 120, BEGIN + 100 * 86_400))
    assert long_ago == [slot_at(DAY, BEGIN)]
    assert [step.number_kept for step in STEPS] == [4320, 1464, 1830]


def test_a_span_that_nothing_is_kept_of_is_cut():
    now = BEGIN + 0.5
    for since, until in ((-1e300, 1e300), (0, 1e18), (1e17, 1e18), (-5, 5)):
        span = load(Asked, {"since": since, "until": until}).when(now)
        assert len(list(covering(*span, now))) <= DAY.number_kept + 2
    hour = load(Asked, {}).when(now)
    assert (hour.since, hour.until) == (now - 3600, now)
    with pytest.raises(Invalid):
        load(Asked, {"since": 7, "until": 7}).when(now)


class Failing(OdbStore):
    """A store whose answers are lost for a while, or that does not do anything then."""

    mode = ""

    def add(self, batch: Batch) -> None:
        if self.mode == "down":
            raise ConnectionError("nobody there")
        super().add(batch)
        if self.mode == "mute":
            raise ConnectionError("no answer")


@pytest.fixture
def worker(tmp_path: Path) -> Callable[[], Statistics]:
    server = LocalServer(directory=tmp_path)
    return lambda: Statistics(server, Failing(server.journal))


def test_what_cannot_be_stored_waits_and_is_counted_once(worker: Callable[[], Statistics]):
    statistics = worker()
    store = statistics.history.store
    assert isinstance(store, Failing)
    notes = statistics.recorder.notes(GET)
    for mode in ("down", "mute", "down", ""):
        notes.durations.append(5000)
        store.mode = mode
        if mode:
            with pytest.raises(ConnectionError):
                statistics.flush()
        else:
            statistics.flush()
    now = statistics.history.clock()
    kept = statistics.history.tallies(now - 120, now + 60)
    assert now - 60 < kept[GET].last <= now
    kept[GET].last = 0
    assert kept == {GET: tally(5, 5, 5, 5)}


def test_what_is_left_is_stored_at_the_end(worker: Callable[[], Statistics]):
    statistics = worker()
    statistics.start()
    statistics.recorder.notes(GET).refusals.append("unauthorized")
    statistics.stop()
    kept = statistics.history.everything()[GET]
    assert (kept.count, kept.timed, kept.errors) == (1, 0, {"unauthorized": 1})


def test_the_log_says_what_is_lost_at_the_end(
    worker: Callable[[], Statistics], caplog: pytest.LogCaptureFixture
):
    statistics = worker()
    store = statistics.history.store
    assert isinstance(store, Failing)
    store.mode = "down"
    statistics.recorder.notes(GET).durations.append(5000)
    statistics.stop()
    assert "the last statistics are lost" in caplog.text


def test_lone_surrogates_keep_nothing_else_from_being_counted(store: Store):
    odd: Series = ("service", "caf\udce9.get")
    store.add(batch(1, {odd: tally(1, errors=("\ud800",)), GET: tally(2)}))
    slot = slot_at(MINUTE, BEGIN)
    found = store.read([slot])[slot]
    assert found[GET].count == 1
    assert found["service", "caf?.get"].errors == {"?": 1}
