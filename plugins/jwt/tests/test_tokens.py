"""Tokens made by PyJWT, good and bad: what is accepted, and what is refused, always in the same
words.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from hansa import Misused, Refused, Request, load
from hansa_devkit.local import LocalServer
from hansa_jwt.ring import MOST_VERIFIED
from hansa_jwt.security import Jwt
from hansa_jwt.settings import JwtSettings
from hypothesis import given, strategies as st

from plugins.jwt.tests.issuer import (
    AUDIENCE,
    EC,
    ED,
    ISSUER,
    OTHER_RSA,
    RSA,
    SECRET,
    claims,
    jwk,
    private_pem,
    public_pem,
    token,
)

# pytest resets the filter of hansa_jwt.keys
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
SERVER = LocalServer()
INVALID = 'Bearer realm="hansa", error="invalid_token"'


def make(server: LocalServer = SERVER, **settings: Any) -> Jwt:
    given = {
        "issuer": ISSUER,
        "audience": [AUDIENCE],
        "algorithms": ["RS256", "ES256"],
        "public_keys": [public_pem(RSA)],
        **settings,
    }
    return Jwt("partner", load(JwtSettings, given), server)


def of_secret(**settings: Any) -> Jwt:
    return make(algorithms=["HS256"], public_keys=[], secrets=[SECRET], **settings)


def call(security: Jwt, presented: str, scheme: str = "Bearer"):
    headers = {"authorization": f"{scheme} {presented}"}
    return security.authenticate(Request(headers=headers, peer="192.0.2.7"))


def assert_refused(security: Jwt, presented: str) -> Refused:
    with pytest.raises(Refused) as caught:
        call(security, presented)
    assert caught.value.headers["WWW-Authenticate"] == INVALID
    assert str(caught.value) == "the token is not valid"
    return caught.value


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(header: dict[str, Any], payload: object = None, signature: str = "") -> str:
    return f"{part(header)}.{part(claims() if payload is None else payload)}.{signature}"


PAIRS = [
    *((name, RSA) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    *EC.items(),
    ("EdDSA", ED),
]


@pytest.mark.parametrize(("algorithm", "key"), PAIRS, ids=[name for name, _ in PAIRS])
def test_each_algorithm_of_key_pairs(algorithm, key):
    security = make(algorithms=[algorithm], public_keys=[public_pem(key)])
    assert call(security, token(key, algorithm)) == "alice"
    given = json.dumps(jwk(key, algorithm, kid="a"))
    assert call(make(algorithms=[algorithm], public_keys=[given]), token(key, algorithm)) == "alice"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_each_algorithm_of_secrets(algorithm):
    security = make(algorithms=[algorithm], public_keys=[], secrets=[SECRET])
    assert call(security, token(SECRET, algorithm)) == "alice"
    encoded = json.dumps({"kty": "oct", "k": part(bytes(range(64)))})
    security = make(algorithms=[algorithm], public_keys=[], secrets=[encoded])
    assert call(security, token(bytes(range(64)), algorithm)) == "alice"


def test_the_principal_has_the_claims():
    security = make()
    presented = token(roles=["a", "b"], nested={"deep": 1})
    principal = call(security, presented)
    assert (principal, principal.name, principal.definition) == ("alice", "alice", "partner")
    assert principal.claims["roles"] == ["a", "b"]
    principal.claims["roles"].append("admin")
    assert call(security, presented, "bearer ").claims["roles"] == ["a", "b"]
    assert copy.deepcopy(principal).claims == principal.claims


def test_another_claim_may_name_the_caller():
    security = make(principal_claim="client_id")
    assert call(security, token(client_id="robot", sub=None)) == "robot"
    for wrong in (None, "", "  ", 7, ["robot"], "a\nb", "\ud800", "x" * 2000):
        assert_refused(security, token(client_id=wrong))


# tests may run long after they were collected
PAST = int(time.time()) - 3600
FUTURE = PAST + 10 * 365 * 86_400
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": PAST},
    "without expiry": {"exp": None},
    "expiry as text": {"exp": str(FUTURE)},
    "expiry as a truth value": {"exp": True},
    "not yet valid": {"nbf": FUTURE},
    "nbf as text": {"nbf": "soon"},
    "issued in the future": {"iat": FUTURE},
    "another issuer": {"iss": "https://login.example.com/"},
    "without issuer": {"iss": None},
    "another audience": {"aud": "https://api.example.com/other"},
    "other audiences": {"aud": ["a", "b"]},
    "no audience in a list": {"aud": []},
    "numbers as audience": {"aud": [1, AUDIENCE]},
    "without audience": {"aud": None},
    "without subject": {"sub": None},
    "without a required claim": {"tenant": None},
    "an empty required claim": {"tenant": ""},
}


@pytest.mark.parametrize("changes", WRONG_CLAIMS.values(), ids=list(WRONG_CLAIMS))
def test_wrong_claims_are_refused(changes):
    # signed by hand, as PyJWT does not sign claims of wrong types
    header = {"alg": "HS256", "typ": "JWT"}
    security = of_secret(required_claims=["tenant", "iss"])
    good = claims(tenant="acme")
    assert call(security, signed(header, good)) == "alice"
    wrong = {name: value for name, value in {**good, **changes}.items() if value is not None}
    assert_refused(security, signed(header, wrong))


def signed(header: dict[str, Any], payload: object) -> str:
    """A token with any header and payload, signed with the secret (RFC 7515, appendix A.1)."""
    message = f"{part(header)}.{part(payload)}"
    digest = hmac.digest(SECRET.encode(), message.encode(), hashlib.sha256)
    return f"{message}.{part(digest)}"


def test_the_skew_of_clocks_is_tolerated():
    now = int(time.time())
    assert call(make(), token(exp=now - 20)) == "alice"
    assert call(make(), token(nbf=now + 20, iat=now + 20)) == "alice"
    assert_refused(make(clock_skew=10), token(exp=now - 20))


def test_audiences_may_be_a_list():
    assert call(make(audience=["x", "y"]), token(aud=["a", "y"])) == "alice"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"iss": NaN}',
        b"[" * 5000,
        json.dumps(claims()).encode("utf-16"),
        json.dumps(claims()).replace('"sub"', '"sub": "bob", "sub"').encode(),
        json.dumps(claims()).replace('"exp": ', '"exp": 1e400, "x": ').encode(),
        json.dumps(claims()).replace('"exp": ', '"exp": 9' + "9" * 5000 + ', "x": ').encode(),
    ],
)
def test_payloads_that_are_no_claims_are_refused(payload):
    assert_refused(of_secret(), signed({"alg": "HS256"}, payload))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "b64": True},
        {"alg": "HS256", "crit": 5},
        {"alg": "HS256", "kid": 5},
        {"alg": "hs256"},
        {"alg": ["HS256"]},
        {"alg": None},
        {},
        [],
        "alg",
        None,
        {"alg": "HS256", "pad": "x" * 4000},
    ],
    ids=str,
)
def test_headers_that_are_wrong_are_refused(header):
    assert_refused(of_secret(), signed(header, claims()))


def test_unknown_parameters_of_the_header_are_ignored():
    assert call(of_secret(), signed({"alg": "HS256", "zip": "x", "new": 1}, claims())) == "alice"


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(name):
    for signature in ("", "AA", token().rpartition(".")[2]):
        assert_refused(make(), forged({"alg": name}, signature=signature))
        assert_refused(of_secret(), forged({"alg": name}, signature=signature))


def test_a_public_key_is_no_secret():
    """RS256 to HS256: signed with what everybody knows, in each form it is published in."""
    security = make(algorithms=["RS256"])
    for secret in (public_pem(RSA), public_pem(RSA).strip(), json.dumps(jwk(RSA))):
        message = f"{part({'alg': 'HS256'})}.{part(claims())}"
        digest = hmac.digest(secret.encode(), message.encode(), hashlib.sha256)
        assert_refused(security, f"{message}.{part(digest)}")
        renamed = message.replace(part({"alg": "HS256"}), part({"alg": "RS256"}))
        assert_refused(security, f"{renamed}.{part(digest)}")


def test_a_key_verifies_only_the_algorithms_of_its_type_and_curve():
    both = make(
        algorithms=["ES256", "ES384", "RS256", "PS256"],
        public_keys=[public_pem(EC["ES256"]), json.dumps(jwk(RSA, alg="RS256"))],
    )
    assert call(both, token(EC["ES256"], "ES256")) == "alice"
    assert call(both, token(RSA, "RS256")) == "alice"
    assert_refused(both, token(RSA, "PS256"))  # the key says RS256
    assert_refused(both, token(EC["ES384"], "ES384"))
    # a signature of the right key that names the algorithm of another curve
    header, payload, signature = token(EC["ES256"], "ES256").split(".")
    assert_refused(both, f"{part({'alg': 'ES384'})}.{payload}.{signature}")
    assert header


def test_algorithms_that_are_not_listed_are_refused():
    assert_refused(make(algorithms=["RS384"]), token(RSA, "RS256"))
    assert_refused(make(algorithms=["RS256"]), token(RSA, "PS256"))


def test_keys_within_a_token_are_not_trusted():
    stranger = jwk(OTHER_RSA)
    for header in (
        {"jwk": stranger},
        {"jku": "https://evil.example.com/keys"},
        {"x5u": "https://evil.example.com/cert"},
        {"jwk": stranger, "kid": "one"},
    ):
        assert_refused(make(), token(OTHER_RSA, headers=header))
    # and what one says does no harm if the right key has signed it
    assert call(make(), token(headers={"jwk": stranger})) == "alice"


def test_the_type_of_tokens_may_be_asked_for():
    security = make(token_type="at+jwt")
    assert call(security, token(headers={"typ": "at+jwt"})) == "alice"
    assert call(security, token(headers={"typ": "application/AT+JWT"})) == "alice"
    assert_refused(security, token())


def test_key_ids_select_among_keys():
    given = [json.dumps(jwk(RSA, kid="one")), json.dumps(jwk(OTHER_RSA, kid="two"))]
    security = make(public_keys=given)
    assert call(security, token(headers={"kid": "one"})) == "alice"
    assert call(security, token(OTHER_RSA, headers={"kid": "two"})) == "alice"
    assert call(security, token(OTHER_RSA)) == "alice"
    assert_refused(security, token(headers={"kid": "two"}))
    assert_refused(security, token(headers={"kid": "three"}))


DAMAGED = {
    "nothing": "",
    "one dot": ".",
    "two dots": "..",
    "three letters": "a.b.c",
    "without its end": token()[:-1],
    "without its beginning": token()[1:],
    "without its signature": token().rpartition(".")[0],
    "with a dot": token() + ".",
    "with a fourth part": token() + ".AA",
    "padded": token() + "=",
    "with a word": token() + " x",
    "two schemes": f"{token()}, Bearer {token()}",
    "two tokens": f"{token()},{token()}",
    "in plain Base64": token().replace("-", "+").replace("_", "/") + "+",
    "with a long claim": token(pad="x" * 16_000),
    "no token of 100 kB": "x" * 100_000,
    "with spaces up to a header of 16 KiB and more": token() + " " * 16_384,
}


@pytest.mark.parametrize("presented", DAMAGED.values(), ids=list(DAMAGED))
def test_truncated_doubled_and_oversized_tokens_are_refused(presented):
    assert_refused(make(), presented)


def test_no_token_and_other_schemes_get_a_challenge_without_an_error():
    security = make()
    for headers in ({}, {"authorization": ""}, {"authorization": f"Basic {token()}"}):
        with pytest.raises(Refused) as caught:
            security.authenticate(Request(headers=headers))
        assert caught.value.headers["WWW-Authenticate"] == 'Bearer realm="hansa"'


MANGLED = of_secret()
RIGHT = token(SECRET, "HS256")


@given(st.data())
def test_no_mangled_token_is_accepted_and_none_is_an_error(data):
    position = data.draw(st.integers(0, len(RIGHT) - 1))
    length = data.draw(st.integers(0, 3))
    other = data.draw(st.text(max_size=4) | st.text("AQgw.-_=", max_size=4))
    mangled = RIGHT[:position] + other + RIGHT[position + length :]
    if mangled.strip(" ") != RIGHT:
        assert_refused(MANGLED, mangled)


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64"]),
        st.sampled_from(["HS256", "none"]) | st.integers() | st.lists(st.text(), max_size=2),
    ),
    payload=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["exp", "aud", "sub", "iss"]), inner),
    ),
)
def test_whatever_is_signed_is_accepted_or_refused(header, payload):
    with pytest.raises(Refused):
        call(MANGLED, signed(header, payload))


# -- what is remembered ----------------------------------------------------------------------------


def test_a_verified_token_is_remembered_until_it_expires(monkeypatch):
    security = make(clock_skew=5)
    now = time.time()
    presented = token(exp=int(now) + 60)
    first = call(security, presented)
    assert call(security, presented) is first
    monkeypatch.setattr("hansa_jwt.security.time", lambda: now + 66)
    monkeypatch.setattr("joserfc._rfc7519.claims.time.time", lambda: now + 66)
    assert_refused(security, presented)


def test_only_so_many_are_remembered():
    security = of_secret()
    first = token(SECRET, "HS256", jti="first")
    assert call(security, first) == "alice"
    ring = security._source.ring
    (known,) = ring.verified.values()
    for number in range(MOST_VERIFIED + 10):
        ring.remember(number.to_bytes(4, "big"), known)
    assert len(ring.verified) == MOST_VERIFIED
    assert call(security, first) == "alice"


def test_failures_are_counted_and_right_tokens_never_held_up():
    server = LocalServer()
    security = make(server)

    def forge(subject: str, number: int) -> bool:
        """Whether the refusal of a forged token says when to come back."""
        made = token(OTHER_RSA, sub=subject, jti=str(number))
        return int(assert_refused(security, made).headers.get("Retry-After", 0)) > 0

    assert [forge("alice", number) for number in range(12)] == [False] * 10 + [True] * 2
    # an edited definition does not begin anew
    security = make(server)
    assert forge("alice", 12)
    assert call(security, token()) == "alice"
    # 50 in all from one address
    assert [forge(f"user{number}", number) for number in range(42)] == [False] * 40 + [True] * 2
    # who is late with a token of the issuer is not guessing
    expired = [assert_refused(security, token(exp=n + 1, sub="bob")) for n in range(12)]
    assert not any("Retry-After" in one.headers for one in expired)


def test_the_log_says_what_is_wrong_and_nothing_of_the_token(caplog):
    presented = token(exp=1)
    with caplog.at_level("DEBUG"):
        assert_refused(make(), presented)
    assert "ExpiredTokenError" in caplog.text
    assert not any(piece in caplog.text for piece in presented.split("."))


# -- signing ---------------------------------------------------------------------------------------


def test_outgoing_calls_are_signed_as_pyjwt_reads_it():
    security = make(
        public_keys=[],
        algorithms=["RS256", "ES256"],
        signing_key=private_pem(EC["ES256"]),
        signing_key_id="2026",
        signing_subject="hansa",
        signing_claims={"scope": "read"},
        token_type="at+jwt",
    )
    headers: dict[str, str] = {}
    security.sign(headers)
    scheme, _, made = headers["Authorization"].partition(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(made) == {"alg": "ES256", "typ": "at+jwt", "kid": "2026"}
    public = EC["ES256"].public_key()
    found = jwt.decode(made, public, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)
    assert found["sub"] == "hansa" and found["scope"] == "read" and found["jti"]
    assert found["exp"] - found["iat"] == 300
    again: dict[str, str] = {}
    security.sign(again)
    assert again == headers
    assert call(security, made) == "hansa"


def test_a_signed_token_is_replaced_after_half_of_its_lifetime(monkeypatch):
    security = of_secret(signing_key=SECRET)
    assert security._signer is not None
    first = security._signer.token()
    now = time.time()
    monkeypatch.setattr("hansa_jwt.signer.time", lambda: now + 149)
    assert security._signer.token() is first
    monkeypatch.setattr("hansa_jwt.signer.time", lambda: now + 151)
    assert security._signer.token() != first


def test_without_a_key_nothing_is_signed():
    with pytest.raises(Misused, match="signing_key"):
        make().sign({})


def test_openapi_has_the_scheme():
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert Jwt.openapi_scheme({}) == scheme
