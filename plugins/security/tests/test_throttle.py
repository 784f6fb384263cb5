"""Guesses from many addresses, by many workers: what is held up, and who is not."""

from __future__ import annotations

import logging

import pytest
from hansa_devkit.local import LocalServer
from hansa_devkit.servers_redis import Valkey
from hansa_security.cells import Limit, LocalCells, SharedCells, Step
from hansa_security.throttle import FAMILIAR, PER_NAME, PER_NEWCOMER, PER_PAIR, Throttle
from redis import Redis

from plugins.security.tests.test_verification import Clock, attempt, verification


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="module")
def redis():
    """A client of a real Valkey."""
    with Valkey() as server:
        yield Redis.from_url(server.address, decode_responses=True)


def addresses(count: int) -> list[str]:
    return [f"10.{number >> 8}.{number & 255}.1" for number in range(count)]


def attack(one, count: int = 400, guess: str = "guess") -> int:
    """Guess at alice's password from many addresses; returns how many guesses were judged."""
    judged = [
        attempt(one, f"{guess}{number}-{peer}", peer=peer)
        for peer in addresses(count // PER_PAIR.burst)
        for number in range(PER_PAIR.burst)
    ]
    return judged.count(False)


def test_guesses_at_a_name_from_many_addresses_are_counted_together(clock, caplog):
    one = verification(clock)
    with caplog.at_level(logging.WARNING, "hansa.security"):
        # a hundred, and then one for each address that has not failed yet
        assert attack(one, 400) == PER_NAME.burst + 30
        assert attack(one, 400, "another") == 0
    assert caplog.text.count("somebody guesses") == 1


def test_the_owner_of_a_name_under_attack_gets_in_from_a_new_address(clock):
    one = verification(clock)
    attack(one)
    assert attempt(verification(clock, throttle=one._throttle), "right", peer="192.0.2.1") is True
    assert attempt(one, "mistyped", peer="192.0.2.2") is False
    assert attempt(one, "right", peer="192.0.2.2") is None
    clock.now += PER_NEWCOMER.interval + 1
    assert attempt(one, "right", peer="192.0.2.2") is True


def test_where_a_name_has_logged_in_it_is_judged_as_ever(clock):
    throttle = Throttle(clock=clock)
    assert attempt(verification(clock, throttle=throttle), "right", peer="192.0.2.1") is True
    attack(verification(clock, throttle=throttle))
    for number in range(100):
        attempt(verification(clock, throttle=throttle), "x", user=f"user{number}", peer="192.0.2.1")
    # by a worker that has not verified this password
    another = verification(clock, throttle=throttle)
    assert attempt(another, "mistyped", peer="192.0.2.1") is False
    assert attempt(another, "right", peer="192.0.2.1") is True
    assert attempt(another, "right", peer="192.0.2.1") is True


def test_an_address_where_nobody_has_logged_in_is_held_as_a_whole(clock):
    one = verification(clock)
    for number in range(100):
        attempt(one, "guess", user=f"user{number}")
    assert attempt(one, "right") is None


def test_what_nobody_can_guess_is_let_in_wherever_it_comes_from(clock):
    key = "0123456789abcdefghijklmnopqrstuvwxyz"
    one = verification(clock, key)
    answers = [attempt(one, f"guess{number}") for number in range(100)]
    assert answers == [False] * PER_PAIR.burst + [None] * 90
    assert attempt(one, key) is True


def test_a_login_forgives_what_failed_before_it_there(clock):
    one = verification(clock)
    for number in range(5):
        assert [attempt(one, f"{number}-{n}") for n in range(9)] == [False] * 9
        clock.now += 600  # the address as a whole is not forgiven
        assert attempt(verification(clock, throttle=one._throttle), "right") is True


def held(cells: LocalCells, throttle: Throttle) -> float:
    """Return the seconds until nothing is left of what failed at alice's name."""
    key = throttle.look(b"", "alice", "192.0.2.1").keys.name
    return cells.apply([Step(key, Limit(1, 1.0))])[0]


def test_what_failed_as_a_stranger_is_taken_back_once_the_name_is_known_there(clock):
    """A secret is rotated: a right proof is wrong for the old definition first, and meanwhile
    another request logs the same name in.
    """
    cells = LocalCells(clock=clock)
    throttle = Throttle(cells, clock=clock)
    throttle.fail(throttle.look(b"new secret", "alice", "192.0.2.1"))
    assert held(cells, throttle)
    throttle.succeed(throttle.look(b"another request", "alice", "192.0.2.1"))
    throttle.forgive(b"new secret", "alice", "192.0.2.1")
    assert not held(cells, throttle)


def test_what_failed_where_the_name_is_known_takes_nothing_back_of_others(clock):
    cells = LocalCells(clock=clock)
    throttle = Throttle(cells, clock=clock)
    throttle.succeed(throttle.look(b"first login", "alice", "192.0.2.1"))
    clock.now += FAMILIAR.interval - 1
    throttle.fail(throttle.look(b"new secret", "alice", "192.0.2.1"))
    clock.now += 2  # the address is a stranger again
    throttle.fail(throttle.look(b"guess", "alice", "10.0.0.1"))
    before = held(cells, throttle)
    throttle.forgive(b"new secret", "alice", "192.0.2.1")
    assert held(cells, throttle) == before > 0


def test_addresses_of_ipv4_are_the_same_over_a_socket_of_ipv6(clock):
    one = verification(clock)
    for number in range(PER_PAIR.burst):
        attempt(one, f"guess{number}", peer="::ffff:192.0.2.1")
    assert attempt(one, "right", peer="192.0.2.1") is None
    assert attempt(one, "right", peer="::ffff:192.0.2.2") is True


def test_workers_count_together(redis):
    throttles = [LocalServer(redis=redis).resource(Throttle) for _ in range(3)]
    workers = [verification(Clock(), throttle=throttle) for throttle in throttles]
    answers = [attempt(workers[number % 3], f"guess{number}") for number in range(30)]
    assert answers == [False] * PER_PAIR.burst + [None] * 20
    assert attempt(workers[0], "right", peer="192.0.2.99") is True
    for number in range(100):
        attempt(workers[1], "x", user=f"user{number}", peer="192.0.2.99")
    assert attempt(workers[2], "right", peer="192.0.2.99") is True
    assert all(redis.pttl(key) > 0 for key in redis.keys("*"))


def test_redis_counts_as_a_process_does(redis):
    shared = SharedCells(lambda: LocalServer(redis=redis).bus)
    local = LocalCells()
    for step in (0, 1, 1, 9, 9, -3, -10, 1, 0):
        steps = [Step("one", PER_PAIR, step), Step("two", PER_NEWCOMER, step)]
        pairs = zip(shared.apply(steps), local.apply(steps), strict=True)
        assert all(left == pytest.approx(right, abs=2) for left, right in pairs)


DEAD = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)


def test_redis_is_asked_again_after_a_pause(redis, monkeypatch):
    monkeypatch.setattr("hansa_security.cells.PAUSE", 0.0)
    buses = [LocalServer(redis=client).bus for client in (DEAD, redis)]
    cells = SharedCells(lambda: buses.pop(0))
    cells.apply([Step("asked again", PER_PAIR, 1)])
    assert not list(redis.scan_iter("*asked again"))
    cells.apply([Step("asked again", PER_PAIR, 1)])
    assert list(redis.scan_iter("*asked again"))


def test_without_an_answer_of_redis_each_process_counts(caplog):
    throttle = Throttle(SharedCells(lambda: LocalServer(redis=DEAD).bus))
    one = verification(Clock(), throttle=throttle)
    answers = [attempt(one, f"guess{number}") for number in range(20)]
    assert answers == [False] * 10 + [None] * 10
    assert caplog.text.count("counted by each process, without Redis") == 1
