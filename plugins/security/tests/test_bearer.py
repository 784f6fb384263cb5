"""Bearer tokens: several at once, stored as hashes, read and sent as RFC 6750 says."""

from __future__ import annotations

import pytest
from hansa import HansaError, Invalid, Refused, Request, load
from hansa_devkit.local import LocalServer
from hansa_security.bearer import Bearer, BearerSettings

SERVER = LocalServer()
OLD = "Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP-_xyz"
NEW = "mF_9.B5f-4.1JqM~+/qwertyuiopasdfghjklzxcvbn=="


def make(**settings) -> Bearer:
    config = load(BearerSettings, {"tokens": [OLD, NEW], **settings})
    return Bearer("partner", Bearer.prepare(config), SERVER)


def call(security, header):
    return security.authenticate(Request(headers={"authorization": header}, peer="192.0.2.7"))


def test_all_tokens_are_valid_and_the_scheme_is_so_in_any_case():
    security = make()
    for header in (f"Bearer {OLD}", f"bearer {NEW}", f"BEARER  {OLD}", f"Bearer {NEW} "):
        assert call(security, header) == "partner"
    assert [token.partition("$")[0] for token in security.config.tokens] == ["sha256", "sha256"]


@pytest.mark.parametrize(
    "header",
    [f"Basic {OLD}", OLD, f"Bearer{OLD}", f"Bearer {OLD}{NEW}", "Bearer", f"Bearer {OLD[1:]}"],
)
def test_anything_else_is_refused_with_a_challenge(header):
    with pytest.raises(Refused) as caught:
        call(make(), header)
    assert caught.value.headers["WWW-Authenticate"].startswith('Bearer realm="hansa"')
    assert OLD not in str(caught.value)


def test_a_wrong_token_is_named_an_invalid_one():
    with pytest.raises(Refused) as caught:
        call(make(), "Bearer wrong")
    challenge = caught.value.headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="hansa", error="invalid_token"'


def test_the_first_token_signs():
    headers: dict[str, str] = {}
    security = make(signs=True)
    security.sign(headers)
    assert headers == {"Authorization": f"Bearer {OLD}"}
    assert call(security, f"Bearer {NEW}") == "partner"
    with pytest.raises(HansaError, match="signs is off"):
        make().sign({})


def test_a_token_is_generated_if_none_is_given():
    (token,) = Bearer.generate({})["tokens"]
    assert len(token) == 43
    assert Bearer.generate({"tokens": [OLD]}) == {}


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"tokens": []}, {"tokens"}),
        ({"tokens": ["a b", "ok", "=x"]}, {"tokens[0]", "tokens[2]"}),
        ({"tokens": ["sha256$" + "0" * 64], "signs": True}, {"tokens[0]"}),
    ],
)
def test_settings_are_checked(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(BearerSettings, settings)
    assert set(caught.value.errors) == faults
