"""API keys: what is stored, made, read and sent."""

from __future__ import annotations

import hashlib
import re

import pytest
from hansa import HansaError, Invalid, Refused, Request, dump, load
from hansa_devkit.local import LocalServer
from hansa_security.apikey import ApiKey, ApiKeySettings

SERVER = LocalServer()

KEY = "Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP-_xyz"


def make(**settings) -> ApiKey:
    return ApiKey("reports", ApiKey.prepare(load(ApiKeySettings, {"key": KEY, **settings})), SERVER)


def call(security, key: str, header: str = "x-api-key"):
    return security.authenticate(Request(headers={header: key}, peer="192.0.2.1"))


def test_a_random_key_is_stored_as_sha256():
    assert make().config.key == "sha256$" + hashlib.sha256(KEY.encode()).hexdigest()


@pytest.mark.parametrize("weak", ["a secret", "x1y2" * 10, "abcd1234" * 5])
def test_a_key_that_might_be_guessed_is_stored_as_a_password(weak):
    security = make(key=weak)
    assert str(security.config.key).startswith("$argon2id$")
    assert call(security, weak)


def test_a_hash_given_as_key_is_kept_and_is_no_key():
    stored = str(make().config.key)
    again = make(key=stored)
    assert again.config.key == stored
    assert call(again, KEY)
    with pytest.raises(Refused):
        call(again, stored)


def test_a_key_from_a_file_is_never_hashed_and_works():
    security = ApiKey("reports", load(ApiKeySettings, {"key": "from-file"}), SERVER)
    assert call(security, "from-file") == "reports"
    with pytest.raises(Refused):
        call(security, "from-fil")


def test_a_made_key_has_256_bits_and_is_another_each_time():
    one, other = (
        ApiKey.generate({})["key"],
        ApiKey.generate({"key": None, "header": "X-Key"})["key"],
    )
    assert one != other
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", one)
    assert str(make(key=one).config.key).startswith("sha256$")


def test_a_given_key_is_not_replaced():
    assert ApiKey.generate({"key": "mine"}) == {}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"key": None}, "key"),
        ({"key": ""}, "key"),
        ({"key": " padded "}, "key"),
        ({"key": "schlüssel"}, "key"),
        ({"key": "two\nlines"}, "key"),
        ({"header": "X API Key"}, "header"),
        ({"header": ""}, "header"),
        ({"header": "X-Key\n"}, "header"),
        ({"header": "api_key"}, "header"),
    ],
)
def test_what_a_header_cannot_carry_is_refused(settings, fault):
    with pytest.raises(Invalid) as caught:
        make(**settings)
    assert list(caught.value.errors) == [fault]


def test_switching_signs_on_needs_the_key_again():
    with pytest.raises(Invalid, match="give the key again"):
        load(ApiKeySettings, {**dump(make().config, str), "signs": True})


def test_the_header_is_found_in_any_case():
    assert call(make(header="X-Partner-KEY"), KEY, "x-partner-key") == "reports"


def test_the_principal_is_the_definition():
    principal = call(make(), KEY)
    assert (principal, principal.definition) == ("reports", "reports")


def test_the_challenge_names_the_header():
    with pytest.raises(Refused) as caught:
        make(header="X-Partner").authenticate(Request())
    assert caught.value.headers["WWW-Authenticate"] == 'ApiKey realm="hansa", header="X-Partner"'


def test_a_random_key_is_let_in_whatever_failed_before_it():
    security = make()
    refusals = []
    for number in range(200):
        with pytest.raises(Refused) as caught:
            call(security, f"{number}")
        refusals.append("Retry-After" in caught.value.headers)
    assert refusals == [False] * 10 + [True] * 190
    assert call(make(), KEY)


def test_signing():
    headers: dict[str, str] = {}
    make(signs=True, header="X-Partner").sign(headers)
    make(signs=True, header="api_key").sign(headers)
    assert headers == {"X-Partner": KEY, "api_key": KEY}
    with pytest.raises(HansaError, match="signs is off"):
        make().sign({})


def in_query(security, query, params):
    request = Request(peer="192.0.2.8", params=params, extra={"query": query})
    return security.authenticate(request), request


def test_a_key_in_the_query_is_accepted_and_taken_out_of_the_request():
    security = make(query="api_key")
    principal, request = in_query(
        security, {"api_key": KEY, "a": "1"}, {"api_key": KEY, "a": "1", "id": "2"}
    )
    assert principal == "reports"
    assert request.extra["query"] == {"a": "1"}
    assert request.params == {"a": "1", "id": "2"}


def test_other_keys_in_the_query_are_refused():
    security = make(query="api_key")
    for query in ({}, {"api_key": ""}, {"api_key": [KEY, KEY]}, {"api_key": KEY[1:]}, {"key": KEY}):
        with pytest.raises(Refused) as caught:
            in_query(security, query, {})
        assert caught.value.headers["WWW-Authenticate"] == 'ApiKey realm="hansa", query="api_key"'
    with pytest.raises(Refused):
        call(security, KEY)


def test_a_key_in_the_query_signs_the_query():
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    security = make(query="api_key", signs=True)
    security.sign(headers)
    security.sign_query(query)
    assert (headers, query) == ({}, {"api_key": KEY})
    other: dict[str, str] = {}
    make(signs=True).sign_query(other)
    assert other == {}
    with pytest.raises(HansaError, match="signs is off"):
        make(query="api_key").sign_query({})
    scheme = ApiKey.openapi_scheme({"query": "api_key"})
    assert scheme == {"type": "apiKey", "in": "query", "name": "api_key"}
