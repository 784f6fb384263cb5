"""Signatures of OAuth 1.0: the literal bytes of RFC 5849, requests that oauthlib has signed, and
requests that oauthlib verifies.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, Misused, OutgoingRequest, Refused, Request, Unavailable
from hansa_devkit import LocalServer
from hansa_devkit.local.bus import LocalBus
from hansa_oauth.authorization import read_authorization
from hansa_oauth.oauth1 import OAuth1
from hansa_oauth.signature import base_string, body_hash, is_hash_of, sign
from hansa_oauth.signed_request import ReceivedRequest
from hansa_security.throttle import Throttle
from hypothesis import given, strategies as st
from oauthlib.oauth1 import Client, RequestValidator, SignatureOnlyEndpoint

from plugins.oauth.tests.consumer import FORM, KEY, SECRET, URL, header, make, request

# -- the literal bytes of RFC 5849 -----------------------------------------------------------------


def test_the_base_string_of_section_3_4_1_1() -> None:
    authorization = (
        'OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", '
        'oauth_token="kkk9d7dh3k39sjv7", oauth_signature_method="HMAC-SHA1", '
        'oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", '
        'oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"'
    )
    made = request(
        authorization,
        "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        "POST",
        b"c2&a3=2+q",
        FORM,
    )
    received = ReceivedRequest(made, "")
    presented = read_authorization(authorization).parameters
    assert base_string("POST", received.url, received.parameters + presented) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D"
        "%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a"
        "%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


def test_the_requests_of_section_1_2() -> None:
    """The request for temporary credentials has no token; that for the photo has one."""
    initiate = [
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131200"),
        ("oauth_nonce", "wIjqoS"),
        ("oauth_callback", "http://printer.example.com/ready"),
    ]
    text = base_string("POST", "https://photos.example.net/initiate", initiate)
    assert sign("HMAC-SHA1", text, ("kd94hf93k423kf44", "")) == "74KNZJeDHnMBp0EMJ9ZHt/XKycU="
    photo = [
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_token", "nnch734d00sl2jdk"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131202"),
        ("oauth_nonce", "chapoH"),
        ("file", "vacation.jpg"),
        ("size", "original"),
    ]
    text = base_string("GET", "http://photos.example.net/photos", photo)
    secrets = ("kd94hf93k423kf44", "pfkkdhi9sl3r4s00")
    assert sign("HMAC-SHA1", text, secrets) == "MdpQcU8iPSUjWoN/UDMsK2sui9I="
    assert sign("PLAINTEXT", "", secrets) == "kd94hf93k423kf44&pfkkdhi9sl3r4s00"


def test_the_hash_of_the_body_hash_draft() -> None:
    """Section 3.2 of the draft: SHA-1 of "Hello World!"."""
    assert body_hash("HMAC-SHA1", b"Hello World!") == "Lve95gjOVATpfV8EL5X4nxwjKHE="
    assert is_hash_of(b"Hello World!", "Lve95gjOVATpfV8EL5X4nxwjKHE=")
    digest = hashlib.sha256(b"Hello World!").digest()
    assert body_hash("HMAC-SHA256", b"Hello World!") == base64.b64encode(digest).decode()


# -- callers, signed by oauthlib -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
@pytest.mark.parametrize(
    ("url", "verb", "body", "content_type"),
    [
        (URL, "GET", "", ""),
        ("http://api.example.com:8080/a%20b/%2F~!*'()?x=1&x=0&y=%20+&z", "DELETE", "", ""),
        ("https://API.example.com:443/", "PUT", "", ""),
        (f"{URL}?a=%C3%A9", "POST", "b=%C3%A9+1&a=&c=%2B%26%3D", FORM),
        (URL, "POST", '{"a": "é"}', "application/json"),
    ],
)
def test_requests_of_oauthlib_are_accepted(
    method: str, url: str, verb: str, body: str, content_type: str
) -> None:
    signed = header(url, verb, body or None, content_type, signature_method=method)
    oauth = make()
    made = request(signed, url, verb, body.encode(), content_type)
    assert oauth.authenticate(made) == KEY
    refused(oauth, made, "used before")
    if body:
        other = request(
            header(url, verb, body, content_type, signature_method=method),
            url,
            verb,
            body.encode().replace(b"a", b"b", 1),
            content_type,
        )
        refused(oauth, other)


def test_a_token_goes_along() -> None:
    oauth = make(token="t o", token_secret="secret of the token")
    right = {"resource_owner_key": "t o", "resource_owner_secret": "secret of the token"}
    assert oauth.authenticate(request(header(**right))) == KEY
    for changed in ({}, {"resource_owner_secret": "x"}, {"resource_owner_key": "x"}):
        wrong = {**right, **changed} if changed else {}
        refused(oauth, request(header(**wrong)), "wrong")
    refused(make(), request(header(**right)), "wrong")


def test_plaintext_is_accepted_over_tls_only() -> None:
    oauth = make(signature_methods=["PLAINTEXT"])
    secure = URL.replace("http:", "https:")
    plain = header(secure, signature_method="PLAINTEXT")
    assert oauth.authenticate(request(plain, secure)) == KEY
    refused(oauth, request(plain, secure), "used before")
    refused(oauth, request(header(signature_method="PLAINTEXT")), "over TLS only")
    # an address in the settings is what was signed, and no proof of TLS
    elsewhere = make(signature_methods=["PLAINTEXT"], address="https://api.example.com")
    refused(elsewhere, request(header(signature_method="PLAINTEXT")), "over TLS only")
    refused(make(), request(header(secure, signature_method="PLAINTEXT"), secure), "not accepted")
    bare = re.sub(
        r"oauth_(nonce|timestamp)=\"[^\"]*\", ", "", header(secure, signature_method="PLAINTEXT")
    )
    assert oauth.authenticate(request(bare, secure)) == KEY


def test_a_proxy_may_change_the_address() -> None:
    public = "https://api.example.com/orders"
    oauth = make(address="https://api.example.com")
    assert oauth.authenticate(request(header(public), "http://10.0.0.1:11223/orders")) == KEY


def test_bodies_must_be_signed_where_it_is_required() -> None:
    oauth = make(require_body_hash=True)
    json = "application/json"
    assert oauth.authenticate(request(header(method="POST"), method="POST")) == KEY
    refused(oauth, request(header(method="POST"), URL, "POST", b"{}", json), "not signed")
    signed = header(URL, "POST", "{}", json)
    assert oauth.authenticate(request(signed, URL, "POST", b"{}", json)) == KEY
    refused(
        oauth, request(header(URL, "POST", "{}", json), URL, "POST", b"[]", json), "that was signed"
    )
    form = header(URL, "POST", "a=1", FORM)
    assert oauth.authenticate(request(form, URL, "POST", b"a=1", FORM)) == KEY


def test_a_form_is_not_signed_by_the_hash_of_its_body(monkeypatch: pytest.MonkeyPatch) -> None:
    of_client = Client.get_oauth_params
    digest = ("oauth_body_hash", body_hash("HMAC-SHA256", b"a=1"))
    monkeypatch.setattr(
        Client, "get_oauth_params", lambda self, made: [*of_client(self, made), digest]
    )
    form = header(URL, "POST", "a=1", FORM)
    refused(make(), request(form, URL, "POST", b"a=1", FORM), "by its fields")


def refused(oauth: OAuth1, made: Request, why: str = "") -> Refused:
    """Refuse a request, whatever is wrong with it, in one way; the reason is for the log."""
    with pytest.raises(Refused) as caught:
        oauth.authenticate(made)
    assert caught.value.detail == "the OAuth credentials are not valid"
    assert caught.value.headers == {"WWW-Authenticate": 'OAuth realm="hansa"'}
    assert why in caught.value.reason
    return caught.value


def now(seconds: float) -> str:
    return str(int(time.time() + seconds))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: request(header(client_secret="guess")), "wrong"),
        (lambda: request(header(client_key="other")), "wrong"),
        (lambda: request(header(), f"{URL}?a=1"), "wrong"),
        (lambda: request(header(), URL.replace("api", "www")), "wrong"),
        (lambda: request(header(), method="POST"), "wrong"),
        (lambda: request(header(timestamp=now(-310))), "too far"),
        (lambda: request(header(timestamp=now(310))), "too far"),
        (lambda: request(header(timestamp="-1")), "malformed"),
        (lambda: request(header(timestamp="١٢٣")), "malformed"),
        (lambda: request(header(timestamp="9" * 400)), "malformed"),
        (lambda: request(header(nonce="")), "malformed"),
        (lambda: request(header(nonce="x" * 300)), "too long"),
        (lambda: request(header(nonce="a\nb")), "control characters"),
        (lambda: request(header() + ', oauth_nonce="x"'), "twice"),
        (lambda: request(header() + ', oauth_no%6Ece="x"'), "twice"),
        (lambda: request(header() + ', realm="a", realm="b"'), "twice"),
        (lambda: request(header().replace('version="1.0"', 'version="2.0"')), "version"),
        (lambda: request(header().replace("HMAC-SHA256", "RSA-SHA1")), "not accepted"),
        (lambda: request(header().replace("%3D", "%3")), "hexadecimal"),
        (lambda: request(header().replace("%3D", "%FF")), "UTF-8"),
        (lambda: request(header()[:-1]), "malformed"),
        (lambda: request("OAuth "), "malformed"),
        (lambda: request("OAuth " + 'a="b", ' * 3000), "too long"),
        (lambda: request(header(f"{URL}?oauth_x=1"), f"{URL}?oauth_x=1"), "query string"),
        (lambda: request(header(), f"{URL}?%zz"), "hexadecimal"),
        (lambda: request(header(), f"{URL}?{'&' * 2000}"), "more than"),
        (lambda: request(header(), URL, "POST", b"a" * 2_000_000, FORM), "larger"),
        (lambda: request(header(), URL, "POST", b"+2AA-", f"{FORM}; charset=utf-7"), ""),
        (lambda: request(header(), URL, "POST", b"a", f"{FORM}; charset=x"), ""),
        (lambda: request(header(), "http:///orders"), "no host"),
        (lambda: Request(headers={"authorization": header()}), "HTTP"),
    ],
)
def test_what_is_not_right_is_refused(made: Callable[[], Request], why: str) -> None:
    refused(make(), made(), why)


def test_without_a_signature_there_is_a_challenge() -> None:
    with pytest.raises(Refused, match="is required") as caught:
        make(realm="orders").authenticate(request(""))
    assert caught.value.headers["WWW-Authenticate"] == 'OAuth realm="orders"'


def test_no_other_spelling_of_a_nonce_is_another_nonce() -> None:
    """One signature is good for one nonce: not for one that stands for the same after decoding it
    once more, nor for another spelling of the same.
    """
    oauth = make()
    signed = header(nonce="abcdef")
    assert oauth.authenticate(request(signed)) == KEY
    refused(oauth, request(signed.replace("abcdef", "%61bcdef")), "used before")
    refused(oauth, request(signed.replace("abcdef", "%2561bcdef")), "wrong")
    assert oauth.authenticate(request(header(nonce="a%62 c"))) == KEY


def test_a_request_is_refused_at_the_other_worker(tmp_path: Path) -> None:
    server = LocalServer(resources=[Throttle()], directory=tmp_path)
    one = make(server)
    other = make(LocalServer(resources=[Throttle()], directory=tmp_path))
    signed = header()
    assert one.authenticate(request(signed)) == KEY
    refused(other, request(signed), "used before")
    # a forged request uses no nonce up
    forged = header(nonce="chosen", client_secret="guess")
    refused(one, request(forged), "wrong")
    assert other.authenticate(request(header(nonce="chosen"))) == KEY


def test_nonces_are_remembered_for_as_long_as_a_request_counts() -> None:
    asked: list[tuple[str, float]] = []

    class Counter:
        def claim(self, name: str, seconds: float) -> bool:
            asked.append((name, seconds))
            if len(asked) > 1:
                raise ConnectionError("redis://:password@host")
            return True

    class Bus(LocalBus):
        def records(self, namespace: str) -> Any:
            assert namespace == "oauth1-nonces"
            return Counter()

    oauth = make(LocalServer(resources=[Throttle()], bus=Bus("local")), clock_skew=100)
    assert oauth.authenticate(request(header())) == KEY
    assert asked[0][1] == 201
    # where nobody knows, nobody comes in
    with pytest.raises(Unavailable) as caught:
        oauth.authenticate(request(header()))
    assert "redis" not in caught.value.detail


def test_who_guesses_is_held_up_and_others_are_not() -> None:
    oauth = make(consumer_secret="correct horse")
    for _ in range(10):
        refused(oauth, request(header(client_secret="guess")))
    with pytest.raises(Refused, match="too many") as caught:
        oauth.authenticate(request(header(client_secret="correct horse")))
    assert int(caught.value.headers["Retry-After"]) > 0
    right = header(client_secret="correct horse")
    assert oauth.authenticate(request(right, peer="192.0.2.8")) == KEY
    # a long random secret is not to be guessed
    strong = "Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP"
    oauth = make(consumer_secret=strong)
    for _ in range(12):
        refused(oauth, request(header(client_secret="guess")))
    assert oauth.authenticate(request(header(client_secret=strong))) == KEY


def test_a_secret_is_replaced_and_nobody_is_refused() -> None:
    """A channel names the old definition and the new one; callers of both come at once."""
    server = LocalServer(resources=[Throttle()])
    secrets = ("correct horse", "battery staple")
    definitions = [make(server, secret, consumer_secret=secret) for secret in secrets]

    def call(number: int) -> object:
        sent = request(header(client_secret=secrets[number % 2]))
        for definition in definitions:
            with contextlib.suppress(Refused):
                return definition.authenticate(sent)
        return None

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(call, range(100))) == {KEY}


def test_many_callers_of_the_new_secret_hold_up_none_of_the_old_one() -> None:
    server = LocalServer(resources=[Throttle()])
    old, new = (
        make(server, secret, consumer_secret=secret) for secret in ("old horse", "new staple")
    )
    for _ in range(30):
        sent = request(header(client_secret="new staple"))
        with pytest.raises(Refused):
            old.authenticate(sent)
        assert new.authenticate(sent) == KEY
    assert old.authenticate(request(header(client_secret="old horse"))) == KEY


@given(st.text(max_size=60), st.integers(0, 300), st.integers(0, 20))
def test_a_mangled_header_is_refused(text: str, start: int, length: int) -> None:
    whole = header()
    mangled = whole[:start] + text + whole[start + length :]
    oauth = make(server=SHARED)
    try:
        assert oauth.authenticate(request(mangled)) == KEY
    except Refused as refusal:
        assert refusal.status == 401


SHARED = LocalServer(resources=[Throttle()])


# -- outgoing calls, verified by oauthlib ----------------------------------------------------------


class Validator(RequestValidator):
    """Knows the one consumer and its token."""

    client_key_length = (1, 100)
    nonce_length = (20, 40)
    enforce_ssl = False
    dummy_client = "dummy"

    def check_client_key(self, client_key: str) -> bool:
        return True

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == KEY

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return SECRET

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        assert token == "t o"
        return "secret of the token"

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: Any, nonce: str, request: Any, *_: Any, **__: Any
    ) -> bool:
        return abs(int(timestamp) - time.time()) < 10

    @property
    def allowed_signature_methods(self) -> tuple[str, ...]:
        return ("HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT")


ENDPOINT = SignatureOnlyEndpoint(Validator())


def verified(oauth: OAuth1, made: OutgoingRequest, url: str = "") -> bool:
    """Whether oauthlib accepts a request that the definition has signed."""
    oauth.sign_request(made)
    body = made.body.decode("utf-8")
    return bool(ENDPOINT.validate_request(url or made.url, made.method, body, made.headers)[0])


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"])
@pytest.mark.parametrize("token", [{}, {"token": "t o", "token_secret": "secret of the token"}])
@pytest.mark.parametrize(
    ("verb", "path", "body", "content_type"),
    [
        ("GET", "", b"", ""),
        ("GET", "/a%20b/~?x=1&x=0&y=%20+&z=%C3%A9", b"", ""),
        ("POST", "?q=1", b"b=%C3%A9+1&a=&a=2", FORM),
        ("PUT", "", b'{"a": 1}', "application/json"),
    ],
)
def test_oauthlib_accepts_what_is_signed(
    method: str, token: dict[str, Any], verb: str, path: str, body: bytes, content_type: str
) -> None:
    oauth = make(signature_methods=[method], signs=True, **token)
    headers = {"content-type": content_type} if content_type else {}
    made = OutgoingRequest(
        method=verb, url=f"https://api.example.com:8443{path}", headers=headers, body=body
    )
    assert verified(oauth, made)
    hashed = content_type == "application/json" and method != "PLAINTEXT"
    assert ("oauth_body_hash" in made.headers["Authorization"]) == hashed
    if method != "PLAINTEXT":
        assert not verified(make(signs=True, consumer_secret="another", **token), made)


def test_a_url_is_signed_as_it_will_be_sent() -> None:
    made = OutgoingRequest(method="GET", url="http://api.example.com:80/ü x?q=ü", headers={})
    assert verified(make(signs=True), made, "http://api.example.com/%C3%BC%20x?q=%C3%BC")


def test_settings_of_signed_calls() -> None:
    oauth = make(signs=True, realm="Photos", body_hash=False)
    made = OutgoingRequest(method="PUT", url=URL, headers={"Content-Type": "text/plain"}, body=b"x")
    oauth.sign_request(made)
    assert made.headers["Authorization"].startswith('OAuth realm="Photos", oauth_consumer_key=')
    assert "body_hash" not in made.headers["Authorization"]


def test_what_cannot_be_signed_is_not_sent() -> None:
    made = OutgoingRequest(method="GET", url=URL, headers={})
    with pytest.raises(Misused, match="signs is off"):
        make().sign_request(made)
    with pytest.raises(Misused, match="over TLS only"):
        make(signs=True, signature_methods=["PLAINTEXT"]).sign_request(made)
    with pytest.raises(Misused, match="whole HTTP requests"):
        make(signs=True).sign({})
    form = {"Content-Type": FORM, "Content-Encoding": "gzip"}
    with pytest.raises(Misused, match="compressed forms"):
        make(signs=True).sign_request(
            OutgoingRequest(method="POST", url=URL, headers=form, body=b"a=1")
        )
    assert "Authorization" not in made.headers


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"consumer_secret": ""}, {"consumer_secret"}),
        ({"consumer_secret": "short"}, {"consumer_secret"}),
        ({"consumer_secret": "sha256$" + "a" * 64}, {"consumer_secret"}),
        ({"token_secret": "secret"}, {"token"}),
        ({"token": "a\nb", "consumer_key": "a\x00"}, {"token", "consumer_key"}),
        ({"realm": 'a"b'}, {"realm"}),
        ({"address": "https://api.example.com/v1"}, {"address"}),
        ({"address": "api.example.com"}, {"address"}),
        ({"signature_methods": ["RSA-SHA1"]}, {"signature_methods[0]"}),
        ({"signature_methods": [], "clock_skew": 0}, {"signature_methods", "clock_skew"}),
    ],
)
def test_settings_that_cannot_work(changed: dict[str, Any], names: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        make(**changed)
    assert set(caught.value.errors) == names


def test_a_weak_secret_that_a_peer_has_chosen_is_accepted() -> None:
    assert make(consumer_secret="short", signs=True).config.consumer_secret == "short"
