"""Messages: correlation ids that never meet, and what a request and a response begin with."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hansa import Request, Response, new_cid


def test_correlation_ids_are_of_one_shape_and_never_the_same():
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [new_cid() for _ in range(2000)], range(8)))
    flat = [cid for some in found for cid in some]
    assert len(set(flat)) == len(flat)
    assert all(re.fullmatch("K[0-9A-F]{27}", cid) for cid in flat)


def test_a_request_gets_a_cid_unless_it_brings_one():
    assert Request().cid != Request().cid
    assert Request(cid="K1").cid == "K1"


def test_a_cid_is_one_that_every_store_can_write():
    assert Request(cid="a\ud800").cid == "a?"
    assert Request(cid="łódź").cid == "łódź"


def test_a_request_holds_what_the_channel_has_and_nothing_else():
    request = Request(
        b"x",
        headers={"a": "b"},
        params={"p": 1},
        method="GET",
        path="/a",
        peer="127.0.0.1",
        attempt=2,
    )
    assert (request.raw, request.headers, request.params, request.method) == (
        b"x",
        {"a": "b"},
        {"p": 1},
        "GET",
    )
    assert (request.path, request.peer, request.attempt) == ("/a", "127.0.0.1", 2)
    assert (
        request.input
        is request.principal
        is request.channel
        is request.payload
        is request.environ
        is None
    )
    with pytest.raises(AttributeError):
        request.misspelt = 1  # type: ignore[attr-defined]  # that this fails is the test


def test_requests_share_no_headers():
    with pytest.raises(TypeError):
        Response().headers.update(5)  # type: ignore[call-overload]  # that this fails is the test
    one, other = Response(), Response()
    one.headers["a"] = "b"
    assert other.headers == {}


def test_a_response_may_be_acknowledged_when_done():
    response = Response({"a": 1}, status=201)
    assert response.ok
    assert response.status == 201
    for outcome in ("retry", "reject"):
        response.outcome = outcome
        assert not response.ok
