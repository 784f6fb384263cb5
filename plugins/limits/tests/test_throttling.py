"""Rates and address lists of a channel: what callers are told, who counts together, and what waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hansa import Conflict, Request, Service
from hansa_security.verification import Principal

from plugins.limits.tests.conftest import Worker, post, together


def done(service: Service) -> dict[str, Any]:
    return {"done": True}


@pytest.mark.parametrize("scope", ["worker", "cluster"])
def test_callers_are_told_what_is_left_and_when_to_come_again(worker: Worker, scope: str):
    route = worker.channel(done, rate="2/h", rate_scope=scope, rate_headers=True)
    first, second, third = (route(post()) for _ in range(3))
    assert (first.status, second.status, third.status) == (200, 200, 429)
    assert first.headers == {
        "RateLimit-Policy": '"channel:2/h";q=2;w=3600',
        "RateLimit": '"channel:2/h";r=1;t=1800',
    }
    assert second.headers["RateLimit"] == '"channel:2/h";r=0;t=3600'
    assert third.headers["RateLimit-Policy"] == '"channel:2/h";q=2;w=3600'
    assert third.headers["RateLimit"] == '"channel:2/h";r=0;t=3600'
    assert third.headers["Retry-After"] == "1800"
    assert third.outcome == "retry"
    assert b"the limit of 2/h requests is reached" in third.raw


def test_several_rates_each_hold_and_the_one_exceeded_for_longest_is_named(worker: Worker):
    route = worker.channel(done, rate=["2/m", "3/d"], burst=2, rate_per_address="100/h")
    answers = [route(post(peer="192.0.2.1")) for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 429]
    policies = '"channel:2/m";q=2;w=60, "channel:3/d";q=3;w=86400, "address:100/h";q=100;w=3600'
    assert answers[2].headers["RateLimit-Policy"] == policies
    assert answers[2].headers["RateLimit"].startswith('"channel:2/m";r=0;t=60, "channel:3/d";r=0;')
    assert answers[2].headers["RateLimit"].endswith('"address:100/h";r=0;t=72')
    assert answers[2].headers["Retry-After"] == "28800"


def test_answers_do_without_the_headers_unless_asked_and_then_errors_have_them(worker: Worker):
    def fail(service: Service) -> None:
        raise service.request.extra["error"]

    silent = worker.channel(done, "silent", rate="1/h")
    assert silent(post()).headers == {}
    assert "RateLimit" in silent(post()).headers
    failing = worker.channel(fail, "failing", rate="2/h", rate_headers=True)
    answer = failing(post(extra={"error": Conflict("no")}))
    assert (answer.status, answer.headers["RateLimit"]) == (409, '"channel:2/h";r=1;t=1800')


def test_addresses_count_by_network(worker: Worker):
    route = worker.channel(done, rate_per_address="1/h", ipv4_prefix=24)
    peers = {
        "192.0.2.1": 200,
        "192.0.2.255": 429,
        "::ffff:192.0.2.9": 429,
        "192.0.3.1": 200,
        "2001:db8::1": 200,
        "2001:db8::ffff:1": 429,
        "2001:db8:0:1::1": 200,
        "": 200,
    }
    assert {peer: route(post(peer=peer)).status for peer in peers} == peers
    assert b"1/h requests per address" in route(post(peer="192.0.2.1")).raw


def test_callers_count_by_who_they_are_and_who_vouches_for_them(worker: Worker):
    def authenticate(request: Request) -> object:
        return Principal(request.headers["user"], request.headers["by"])

    def call(route: Callable[..., Any], user: str, by: str = "jwt") -> int:
        return int(route(Request(b"{}", method="POST", headers={"user": user, "by": by})).status)

    callers = worker.channel(done, "callers", authenticate=authenticate, rate_per_caller="1/h")
    assert [call(callers, "ann"), call(callers, "ann"), call(callers, "bob")] == [200, 429, 200]
    assert call(callers, "ann", by="basic") == 200
    long = "x" * 5000
    assert [call(callers, long + "1"), call(callers, long + "2")] == [200, 200]
    assert call(callers, long + "1") == 429
    whole = worker.channel(done, "whole", authenticate=authenticate, rate_per_definition="1/h")
    assert [call(whole, "ann"), call(whole, "bob"), call(whole, "ann", by="basic")] == [
        200,
        429,
        200,
    ]


def test_channels_of_a_group_count_together_and_edits_go_on_counting(worker: Worker):
    one = worker.channel(done, "one", rate="2/h", rate_group="partners")
    two = worker.channel(done, "two", rate="2/h", rate_group="partners")
    alone = worker.channel(done, "alone", rate="2/h")
    assert [one(post()).status, two(post()).status, two(post()).status] == [200, 200, 429]
    assert alone(post()).status == 200
    edited = worker.channel(done, "alone", rate="2/h", max_concurrent=3)
    assert [edited(post()).status, edited(post()).status] == [200, 429]


def test_what_waits_and_what_is_refused_count_together(worker: Worker):
    options: dict[str, Any] = {"rate": "3/h", "rate_group": "both", "rate_scope": "worker"}
    refusing = worker.channel(done, "refusing", **options)
    waiting = worker.channel(done, "waiting", **options)
    assert [refusing(post()).status, waiting(Request(b"{}")).status] == [200, 200]
    assert [refusing(post()).status, refusing(post()).status] == [200, 429]


def test_two_workers_let_in_exactly_as_many_as_the_rate(workers: Callable[[], Worker]):
    routes = [workers().channel(done, rate="23/d") for _ in range(2)]
    calls = [lambda route=route: route(post()).status for route in routes for _ in range(30)]
    statuses = together(*calls)
    assert (statuses.count(200), statuses.count(429)) == (23, 37)


def test_each_worker_by_itself_lets_in_the_whole_rate(workers: Callable[[], Worker]):
    several = [workers() for _ in range(2)]
    for limits in ({"rate": "5/d"}, {"rate_per_address": "5/d"}, {"rate": ["5/d", "9/d"]}):
        name = str(limits)
        routes = [each.channel(done, name, rate_scope="worker", **limits) for each in several]
        calls = [lambda route=route: route(post()).status for route in routes for _ in range(20)]
        assert together(*calls).count(200) == 10


@pytest.mark.parametrize("scope", ["worker", "cluster"])
def test_messages_that_nobody_waits_for_wait_their_turn(worker: Worker, scope: str):
    route = worker.channel(done, rate="20/s", burst=1, rate_scope=scope)
    began = time.monotonic()
    answers = together(*(lambda: route(Request(b"{}")) for _ in range(5)))
    assert [each.status for each in answers] == [200] * 5
    assert time.monotonic() - began >= 0.19


def test_a_message_whose_turn_is_far_off_or_whose_channel_ends_comes_again(worker: Worker):
    far = worker.channel(done, "far", rate="1/h")
    assert far(Request(b"{}")).status == 200
    answer = far(Request(b"{}"))
    assert (answer.status, answer.outcome, answer.headers["Retry-After"]) == (429, "retry", "3600")
    ending = worker.channel(done, "ending", rate="1/m")
    assert ending(Request(b"{}")).status == 200
    worker.channel(done, "ending", rate="2/m")
    assert ending(Request(b"{}")).outcome == "retry"


def test_a_message_that_comes_before_its_channel_is_in_place_waits_too(worker: Worker):
    route = worker.channel(done, rate="20/s", burst=1)
    old = worker.channels["c"]
    worker.channel(done, rate="20/s", burst=1, max_concurrent=1)
    assert worker.channels["c"] is not old
    assert [route(Request(b"{}")).outcome for _ in range(2)] == ["done", "done"]


def test_only_listed_addresses_may_call(worker: Worker):
    asked: list[str] = []

    def authenticate(request: Request) -> object:
        asked.append(request.peer)
        return "somebody"

    route = worker.channel(
        done,
        authenticate=authenticate,
        allow_from=["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
        deny_from=["10.9.0.0/16"],
    )
    peers = {
        "10.1.2.3": 200,
        "::ffff:10.1.2.3": 200,
        "10.9.2.3": 403,
        "192.0.2.7": 200,
        "192.0.2.8": 403,
        "2001:db8:1::1": 200,
        "2001:db9::1": 403,
        "": 403,
        "somewhere": 403,
    }
    assert {peer: route(post(peer=peer)).status for peer in peers} == peers
    assert asked == [peer for peer, status in peers.items() if status == 200], "asked first"
    others = worker.channel(done, "others", deny_from=["10.9.0.0/16"])
    assert [others(post(peer=peer)).status for peer in ("10.9.1.1", "10.1.1.1")] == [403, 200]
