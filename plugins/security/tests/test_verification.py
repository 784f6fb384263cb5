"""Guessing is held up, known callers are not, and argon2 never takes the whole machine."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hansa import Refused, Request, Unavailable, load
from hansa_devkit.local import LocalServer
from hansa_security import credential
from hansa_security.basic import Basic, BasicSettings
from hansa_security.cells import LocalCells
from hansa_security.credential import Credential, fingerprint, hash_password
from hansa_security.throttle import Throttle
from hansa_security.verification import LIFETIME, Verification

SERVER = LocalServer()


def clear(password: str = "s3cret word") -> Basic:
    """An object whose password is not hashed, so that tests need not wait for argon2."""
    return Basic(
        "partner", load(BasicSettings, {"username": "alice", "password": password}), SERVER
    )


def make() -> Basic:
    return Basic(
        "partner",
        Basic.prepare(load(BasicSettings, {"username": "alice", "password": "s3cret word"})),
        SERVER,
    )


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def call(security: Basic, value: str, peer: str) -> str:
    return security.authenticate(Request(headers={"authorization": value}, peer=peer))


def refusal(security: Basic, value: str, peer: str) -> Refused:
    with pytest.raises(Refused) as caught:
        call(security, value, peer)
    return caught.value


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def evaluated(monkeypatch):
    """What was really compared."""
    seen = []
    original = Credential.matches

    def matches(self: Credential, given: str) -> bool:
        seen.append(given)
        return original(self, given)

    monkeypatch.setattr(Credential, "matches", matches)
    return seen


def verification(clock, password: str = "right", throttle: Throttle | None = None) -> Verification:
    return Verification(
        "alice",
        Credential(password),
        throttle=throttle or Throttle(clock=clock),
        clock=clock,
        size=64,
    )


def attempt(
    one: Verification, password: str, user: str = "alice", peer: str = "192.0.2.9"
) -> bool | None:
    """True or False as judged, None if it was not."""
    try:
        return one.accept(fingerprint(f"{user}:{password}"), user, password, peer)
    except Refused as refused:
        return None if int(refused.headers["Retry-After"]) >= 1 else False


def test_at_most_twenty_guesses_are_evaluated_in_ten_minutes(clock, evaluated):
    one = verification(clock)
    for second in range(600):
        for guess in range(5):
            attempt(one, f"{second}-{guess}")
        clock.now += 1
    assert 15 <= len(evaluated) <= 20


def test_trying_many_users_from_one_address_is_held_up_too(clock, evaluated):
    one = verification(clock)
    for number in range(1000):
        attempt(one, "guess", user=f"user{number}")
    assert len(evaluated) == 50


def test_ipv6_neighbours_are_one_address(clock, evaluated):
    one = verification(clock)
    for number in range(100):
        attempt(one, f"guess{number}", peer=f"2001:db8::{number:x}%eth0")
    assert len(evaluated) == 10
    assert attempt(one, "another", peer="2001:db8:0:1::1") is False


def test_other_users_and_addresses_are_not_held_up(clock):
    one = verification(clock)
    while attempt(one, f"guess{clock.now}") is not None:
        clock.now += 0.001
    assert attempt(one, "right") is None
    assert attempt(one, "right", peer="192.0.2.10") is True
    assert attempt(one, "wrong", user="bob") is False


def test_the_wait_ends(clock):
    one = verification(clock)
    for number in range(30):
        attempt(one, f"guess{number}")
    assert attempt(one, "right") is None
    clock.now += 61
    assert attempt(one, "right") is True


def test_a_known_caller_is_never_locked_out_not_even_when_its_time_is_up(clock):
    one = verification(clock)
    assert attempt(one, "right") is True
    for number in range(100):
        attempt(one, f"guess{number}")
    assert attempt(one, "right") is True
    clock.now += LIFETIME + 1
    for number in range(100, 200):
        attempt(one, f"guess{number}")
    assert attempt(one, "right") is True


def test_right_credentials_use_up_nothing(clock):
    throttle = Throttle(clock=clock)
    assert all(attempt(verification(clock, throttle=throttle), "right") for _ in range(100))


def test_the_same_wrong_credentials_again_are_refused_at_once_and_count_once(clock, evaluated):
    one = verification(clock)
    assert [attempt(one, "typo") for _ in range(100)] == [False] * 100
    assert evaluated == ["typo"]
    assert attempt(one, "right") is True


def test_one_request_that_several_definitions_look_at_counts_once_and_not_at_all_if_one_accepts(
    clock,
):
    throttle = Throttle(clock=clock)
    for number in range(50):
        first, second = (
            verification(clock, "other", throttle),
            verification(clock, f"right{number}", throttle),
        )
        assert attempt(first, f"right{number}") is False
        assert attempt(second, f"right{number}") is True


def test_what_was_verified_is_looked_at_again_after_its_time(clock, evaluated):
    one = verification(clock)
    attempt(one, "right")
    assert one.verified[fingerprint("alice:right")] == clock.now + LIFETIME
    assert 60 <= LIFETIME <= 300


def test_tables_are_bounded(clock):
    cells = LocalCells(size=100, clock=clock)
    throttle = Throttle(cells, size=100, clock=clock)
    for number in range(5000):
        clock.now += 0.01
        throttle.count(b"%d" % number, b"%d" % number, f"10.0.{number >> 8}.{number & 255}")
    assert len(cells) <= 100
    assert len(throttle._counted) <= 100
    one = Verification(
        "alice", Credential("right"), throttle=Throttle(clock=clock), clock=clock, size=64
    )
    for number in range(500):
        attempt(one, f"guess{number}", peer=f"10.1.{number >> 8}.{number & 255}")
        one.accept(
            fingerprint(f"variant{number}"), "alice", "right", f"10.2.{number >> 8}.{number & 255}"
        )
    assert len(one._refused) <= 64
    assert len(one.verified) <= 64


def test_many_guesses_at_the_same_moment_are_no_way_around(evaluated):
    one = Verification("alice", Credential("right"), throttle=Throttle())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: attempt(one, f"guess{number}"), range(500)))
    assert len(evaluated) == 10


def test_no_more_than_two_argon2_verifications_run_at_once(monkeypatch):
    running, most, lock = 0, 0, threading.Lock()
    original = credential._hasher.verify

    class Counting:
        def verify(self, stored, presented):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            try:
                time.sleep(0.005)
                return original(stored, presented)
            finally:
                with lock:
                    running -= 1

    one = Verification("alice", Credential(str(hash_password("right"))), throttle=Throttle())
    monkeypatch.setattr(credential, "_hasher", Counting())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: attempt(one, f"guess{number}"), range(9)))
    assert answers == [False] * 9
    assert most == 2


def test_the_first_requests_of_a_caller_share_one_verification(evaluated):
    security = make()
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda _: call(security, header("alice", "s3cret word"), "192.0.2.50"), range(24)
            )
        )
    assert set(answers) == {"alice"}
    assert len(evaluated) <= 2


def test_who_waits_too_long_is_told_that_the_server_is_busy(monkeypatch):
    monkeypatch.setattr(credential, "PATIENCE", 0.05)
    security = make()
    with credential.turn, credential.turn:
        with pytest.raises(Unavailable, match="too many credentials"):
            call(security, header("alice", "s3cret word"), "192.0.2.51")
    assert call(security, header("alice", "s3cret word"), "192.0.2.51")


def test_a_throttled_caller_gets_the_challenge_and_the_time_to_wait():
    security: Basic = clear(password="guess me")
    for number in range(30):
        refused = refusal(security, header("alice", f"{number}"), "192.0.2.52")
    assert refused.status == 401
    assert set(refused.headers) == {"WWW-Authenticate", "Retry-After"}
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


def test_a_new_definition_gives_no_new_attempts():
    for number in range(30):
        refusal(clear(), header("alice", f"{number}"), "192.0.2.53")
    assert "too many" in refusal(clear(), header("alice", "s3cret word"), "192.0.2.53").detail


def test_the_challenge_of_a_definition_goes_to_those_who_are_held_up():
    throttle = Throttle()
    for number in range(10):
        throttle.count(b"%d" % number, "a key", "192.0.2.54")
    one = Verification("", Credential("guess me"), "Bearer", throttle=throttle, name="a key")
    with pytest.raises(Refused) as caught:
        one.accept(fingerprint("x"), "", "x", "192.0.2.54")
    headers = caught.value.headers
    assert headers["WWW-Authenticate"] == "Bearer"
    assert 50 < int(headers["Retry-After"]) <= 61
