"""Which answers of channels are kept, under which key, and what happens where the cache is away."""

from __future__ import annotations

import logging
from copy import copy
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hansa import Channel, Model, Request, Response, Service, Unavailable
from hansa_cache import responses
from hansa_cache.cache import Cache
from hansa_cache.caches import Caches
from hansa_cache.response_keys import key_maker
from hansa_cache.response_settings import ResponseCache
from hansa_cache.responses import CachedRoute, may_be_kept, restored, written
from hansa_devkit import LocalServer
from hansa_jwt.principal import TokenPrincipal
from hansa_ldap.principal import DirectoryPrincipal
from hansa_security.verification import Principal

from plugins.cache.tests.conftest import Workers


class Answer(Service):
    """Stands for what is called."""


class Config(Model):
    """The settings of a channel."""

    response_cache: ResponseCache


def channel(**settings: Any) -> Channel[Any]:
    config = Config(response_cache=ResponseCache(cache="rates", **settings))
    made = SimpleNamespace(type="http", name="now", config=config, server=LocalServer())
    return cast("Channel[Any]", made)


class Counting:
    """A route whose answers have numbers."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: Request) -> Response:
        self.calls += 1
        return Response(f"answer {self.calls}", content_type="text/plain")


def get(path: str = "/now", **about: Any) -> Request:
    return Request(method="GET", path=path, **about)


def route(caches: Any, call: Any, **settings: Any) -> Any:
    return CachedRoute(cast(Caches, caches), channel(**settings), Answer, call).answer


def test_two_workers_give_the_same_answer(workers: Workers):
    call = Counting()
    here, there = (route(caches, call) for caches in workers.caches)
    first = here(get())
    assert [first.payload, first.headers["Cache-Status"]] == [
        "answer 1",
        "responses; fwd=miss; stored",
    ]
    found = there(get())
    assert [found.payload, found.content_type] == ["answer 1", "text/plain"]
    assert found.headers["Cache-Status"] == "responses; hit"
    assert here(Request(method="POST", path="/now")).payload == "answer 2"
    assert "Cache-Status" not in here(Request(path="/now")).headers  # a message of a broker
    assert call.calls == 3


def test_an_answer_that_is_too_large_is_given_and_not_kept(workers: Workers, caplog):
    workers.define(max_value=5)
    call = Counting()
    answer = route(workers.one, call)
    assert [answer(get()).payload, answer(get()).payload] == ["answer 1", "answer 2"]
    assert "an answer of http now is not kept" in caplog.text


class Away:
    """Caches that cannot be reached, until they can."""

    def __init__(self) -> None:
        self.asked = 0

    def __getitem__(self, name: str) -> Cache:
        self.asked += 1
        raise Unavailable("the Redis of the caches is away")


def test_without_its_cache_a_channel_answers(caplog, monkeypatch):
    """It asks the cache again after a pause, and the log says so each time."""
    caches, call = Away(), Counting()
    answer = route(caches, call)
    with caplog.at_level(logging.WARNING):
        assert [answer(get()).payload for _ in range(3)] == ["answer 1", "answer 2", "answer 3"]
    assert caches.asked == 1
    assert caplog.text.count("the Redis of the caches is away") == 1
    monkeypatch.setattr(responses, "PAUSE", 0.0)
    again = route(caches, call)
    assert [again(get()).payload, again(get()).payload] == ["answer 4", "answer 5"]
    assert caches.asked == 3


def test_what_an_answer_depends_on():
    def principal(request: Request, name: str) -> Request:
        request.principal = SimpleNamespace(name=name, definition="partners")
        return request

    different = [
        get(),
        get("/other"),
        get(params={"a": "1"}),
        get(params={"a": "12"}),
        get(params={"a": "1", "b": "2"}),
        get(params={"a": "\udcff"}),
        get(params={"a": "?"}),
        get(raw=b"a"),
        Request(method="HEAD", path="/now"),
        get(headers={"accept-language": "de"}),
        principal(get(), "one"),
        principal(get(), "two"),
        get(extra={"query": {"a": "1"}}),  # of a channel that makes no input of it
        get(extra={"query": {"a": ["1", "2"]}}),
        get(environ={"HTTP_HOST": "another.example"}),
        get(headers={"authorization": "Bearer one"}),
        get(headers={"cookie": "session=one"}),
        get(raw=b"a", headers={"content-type": "text/xml"}),
    ]
    key_of = key_maker(channel(headers=["Accept-Language"]), Answer)
    keys = [key_of(request) for request in different]
    assert len(set(keys)) == len(keys)
    assert key_of(get(params={"b": "2", "a": "1"})) == keys[4]
    assert key_of(get(headers={"accept": "text/plain"})) == keys[0]
    shared = key_maker(channel(per_caller=False), Answer)
    assert shared(principal(get(), "one")) == shared(principal(get(), "two")) == shared(get())
    other = type("Answer", (Service,), {"__module__": "another@version"})
    assert key_maker(channel(headers=["Accept-Language"]), other)(get()) != keys[0]


def test_callers_of_one_name_differ_by_what_is_known_of_them():
    """By the claims of a token, by groups: a service may answer by them."""

    def key(principal: object) -> str:
        request = get()
        request.principal = principal
        return key_of(request)

    key_of = key_maker(channel(), Answer)
    callers = [
        Principal("vera", "tokens"),
        Principal("vera", "others"),
        TokenPrincipal("vera", "tokens", '{"tenant": 1}'),
        TokenPrincipal("vera", "tokens", '{"tenant": 2}'),
        DirectoryPrincipal("vera", "tokens", "cn=vera", ("staff",)),
        DirectoryPrincipal("vera", "tokens", "cn=vera", ("staff", "leads")),
    ]
    assert len({key(caller) for caller in callers}) == len(callers)
    assert [key(copy(caller)) for caller in callers] == [key(caller) for caller in callers]


def test_who_is_vouched_for_anew_in_each_request_has_one_answer():
    def key(header: str, vouched: bool) -> str:
        request = get(headers={"authorization": header})
        request.principal = Principal("vera", "signed") if vouched else None
        return key_of(request)

    key_of = key_maker(channel(), Answer)
    assert key("OAuth nonce=1", True) == key("OAuth nonce=2", True)
    assert key("OAuth nonce=1", False) != key("OAuth nonce=2", False)
    # the token of a user, beside the key of the application that calls
    assert key("Bearer one", True) != key("Bearer two", True)


def test_what_is_not_as_it_came_over_http_is_not_kept(workers: Workers):
    """Objects, and files of forms, cannot be told apart by what they look like."""
    call = Counting()
    answer = route(workers.one, call)
    for about in ({"payload": {"a": 1}}, {"extra": {"form": {"file": object()}}}):
        first = answer(get(**about)).payload
        assert answer(get(**about)).payload != first


def test_what_is_kept_and_was_written_by_somebody_else_is_no_answer(workers: Workers):
    call = Counting()
    answer = route(workers.one, call)
    answer(get())
    cache = workers.one["rates"]
    (key,) = cache.keys()
    cache.set(key, b"not an answer")
    assert [answer(get()).payload, answer(get()).payload] == ["answer 2", "answer 2"]


@pytest.mark.parametrize(
    ("vary", "is_kept"),
    [
        ("accept-language, Host", True),
        ("Cookie", True),
        ("Accept", False),
        ("*", False),
        ("", True),
    ],
)
def test_an_answer_is_kept_if_its_key_has_what_it_varies_by(workers: Workers, vary, is_kept):
    def call(request: Request) -> Response:
        response = Response("a")
        response.headers["vary"] = vary
        return response

    answer = route(workers.one, call, headers=["Accept-Language"])
    assert ("stored" in answer(get()).headers["Cache-Status"]) is is_kept


def test_a_service_may_say_what_its_answer_depends_on():
    class Said(Service):
        @classmethod
        def response_key(cls, request: Request) -> str | None:
            return request.params.get("day")

    key_of = key_maker(channel(), Said)
    same = [key_of(get(path, params={"day": "monday"})) for path in ("/a", "/b")]
    assert len(set(same)) == 1
    assert key_of(get("/a")) != key_of(get("/b"))


@pytest.mark.parametrize(
    ("status", "headers", "payload", "is_kept"),
    [
        (200, {}, b"a", True),
        (200, {}, None, True),
        (200, {"Cache-Control": "max-age=5"}, "a", True),
        (201, {}, "a", False),
        (404, {}, "a", False),
        (200, {"set-cookie": "a=b"}, "a", False),
        (200, {"Cache-Control": "No-Store"}, "a", False),
        (200, {"cache-control": "private, max-age=5"}, "a", False),
        (200, {"Cache-Control": "no-cache"}, "a", False),
        (200, {}, iter(["a"]), False),
    ],
)
def test_which_answers_are_kept(status, headers, payload, is_kept):
    response = Response(payload, status=status)
    response.headers.update(headers)
    assert may_be_kept(response) is is_kept


def test_what_failed_is_not_kept():
    response = Response("a")
    response.outcome = "reject"
    assert not may_be_kept(response)


@pytest.mark.parametrize(
    ("raw", "payload"), [(b"\xff", {"a": 1}), (b"", "ü"), (b"", b"\xff"), (b"", "")]
)
def test_an_answer_comes_back_as_it_was(raw, payload):
    response = Response(payload, content_type="application/json")
    response.raw = raw
    response.headers.update({"X-Zato-CID": "K1", "X-Other": "2"})
    found = restored(written(response, "K1"), "K2", None)
    assert [found.raw, found.payload] == [raw, None if raw else payload]
    assert found.content_type == "application/json"
    assert found.headers == {
        "X-Zato-CID": "K2",
        "X-Other": "2",
        "Cache-Status": "responses; hit",
    }
