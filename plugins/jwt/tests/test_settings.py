"""Settings are refused at once if no token could ever be verified by them, or a wrong one could."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hansa import Invalid, load
from hansa_jwt.keys import read_key_set
from hansa_jwt.settings import JwtSettings

from plugins.jwt.tests.issuer import (
    AUDIENCE,
    EC,
    ED,
    ISSUER,
    RSA,
    SECRET,
    jwk,
    private_pem,
    public_pem,
)

# pytest resets the filter of hansa_jwt.keys
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "audience": [AUDIENCE],
    "algorithms": ["RS256"],
    "public_keys": [public_pem(RSA)],
}
HMAC = {"public_keys": [], "algorithms": ["HS256"]}
URL = {"public_keys": [], "jwks_url": "https://login.example.com/keys"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {**URL},
        {**URL, "jwks_url": "http://127.0.0.1:8080/keys"},
        {**URL, "jwks_url": "http://[::1]/keys?a=b"},
        {**HMAC, "secrets": [SECRET]},
        {"public_keys": [], "signing_key": private_pem(RSA)},
        {"algorithms": ["EdDSA"], "public_keys": [public_pem(ED)]},
    ],
)
def test_good_settings_are_accepted(settings):
    load(JwtSettings, {**GOOD, **settings})


WRONG: list[tuple[dict[str, Any], set[str]]] = [
    ({"algorithms": ["none"]}, {"algorithms[0]"}),
    ({"algorithms": []}, {"algorithms"}),
    ({"audience": []}, {"audience"}),
    ({"issuer": ""}, {"issuer"}),
    ({"algorithms": ["RS256", "HS256"]}, {"algorithms"}),
    ({"public_keys": []}, {"jwks_url"}),
    ({**HMAC}, {"secrets"}),
    ({"jwks_url": URL["jwks_url"]}, {"public_keys"}),
    ({"algorithms": ["HS256"]}, {"public_keys"}),
    ({**HMAC, **URL, "algorithms": ["HS256"]}, {"jwks_url"}),
    ({"public_keys": [], "secrets": [SECRET]}, {"secrets"}),
    ({**URL, "jwks_url": "http://login.example.com/keys"}, {"jwks_url"}),
    ({**URL, "jwks_url": "https://user:word@example.com/"}, {"jwks_url"}),
    ({**URL, "jwks_url": "file:///etc/passwd"}, {"jwks_url"}),
    ({**URL, "jwks_url": "https://a b/"}, {"jwks_url"}),
    ({**URL, "jwks_ca": "/nowhere"}, {"jwks_ca"}),
    ({"public_keys": ["nonsense"]}, {"public_keys[0]"}),
    ({"public_keys": ["{}"]}, {"public_keys[0]"}),
    ({"public_keys": ["[1]"]}, {"public_keys[0]"}),
    ({"public_keys": [private_pem(RSA)]}, {"public_keys[0]"}),
    ({"public_keys": [json.dumps({"kty": "oct", "k": "A" * 80})]}, {"public_keys[0]"}),
    ({"public_keys": [public_pem(RSA), public_pem(EC["ES256"])]}, {"public_keys[1]"}),
    ({"public_keys": [public_pem(rsa.generate_private_key(65537, 1024))]}, {"public_keys[0]"}),
    ({"public_keys": [json.dumps(jwk(RSA, use="enc"))]}, {"public_keys[0]"}),
    ({"public_keys": [json.dumps(jwk(RSA, alg="RS512"))]}, {"public_keys[0]"}),
    (
        {
            "algorithms": ["ES256"],
            "public_keys": [public_pem(ec.generate_private_key(ec.SECP256K1()))],
        },
        {"public_keys[0]"},
    ),
    (
        {
            "algorithms": ["ES256"],
            "public_keys": [public_pem(ec.generate_private_key(ec.BrainpoolP256R1()))],
        },
        {"public_keys[0]"},
    ),
    ({**HMAC, "secrets": ["too short"]}, {"secrets[0]"}),
    ({**HMAC, "algorithms": ["HS512"], "secrets": ["x" * 63]}, {"secrets[0]"}),
    ({**HMAC, "secrets": [public_pem(RSA)]}, {"secrets[0]"}),
    ({**HMAC, "secrets": [json.dumps(jwk(RSA))]}, {"secrets[0]"}),
    ({"signing_key": public_pem(RSA)}, {"signing_key"}),
    ({"signing_key": private_pem(ED)}, {"signing_key"}),
    ({**HMAC, "signing_key": "too short"}, {"signing_key"}),
    ({"signing_claims": {"sub": "a"}}, {"signing_claims"}),
]


@pytest.mark.parametrize(("settings", "faults"), WRONG)
def test_wrong_settings_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(JwtSettings, {**GOOD, **settings})
    assert set(caught.value.errors) == faults
    assert "PRIVATE" not in str(caught.value)


def test_a_secret_that_is_too_short_is_told_from_one_of_another_use():
    short = {"kty": "oct", "k": "A" * 40}
    other = {"kty": "oct", "k": "A" * 80, "alg": "HS512"}
    for setting in ("secrets", "signing_key"):
        for key, why in ((short, "too short: at least 32 bytes"), (other, "suits none")):
            given = [json.dumps(key)] if setting == "secrets" else json.dumps(key)
            with pytest.raises(Invalid, match=why):
                load(JwtSettings, {**GOOD, **HMAC, setting: given})


def test_a_key_set_has_only_public_keys_of_signatures():
    keys = [
        jwk(RSA, kid="good", x5u="", x5c="odd", use="sig"),
        jwk(RSA, kid="of encryption", use="enc"),
        jwk(RSA, kid=7),
        {"kty": "oct", "kid": "secret", "k": "A" * 80},
        {"kty": "future", "kid": "unknown"},
        {"kty": "RSA", "kid": "broken", "n": "AQAB"},
        "text",
        None,
        jwk(EC["ES256"], "ES256", kid="curve", key_ops=["verify"]),
    ]
    found = read_key_set(json.dumps({"keys": keys}).encode())
    assert [key.kid for key in found] == ["good", "curve"]
    many = {"keys": [jwk(EC["ES256"], "ES256", kid=str(number)) for number in range(60)]}
    assert len(read_key_set(json.dumps(many).encode())) == 50


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b"\xff",
        b"[" * 100_000,
        b"<html>",
        '{"keys": []}'.encode("utf-16"),
    ],
)
def test_what_is_no_key_set_is_said_to_be_none(text):
    with pytest.raises(ValueError):
        read_key_set(text)
