"""Access tokens of Authlib's authorization server: grants, ways to prove the client, sharing,
renewal, and failures.
"""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hansa import (
    HansaError,
    Invalid,
    OutgoingRequest,
    Refused,
    Request,
    TimedOut,
    Unavailable,
    deadline,
    load,
)
from hansa_authority.authority import certificate_file, create_authority, issue
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_http.response import BadAnswer
from hansa_oauth.oauth2 import OAuth2
from hansa_oauth.oauth2_settings import OAuth2Settings
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from plugins.http.tests.scripted_peer import answer, scripted
from plugins.oauth.tests.issuer import CLIENT, REFRESH, SECRET, Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


def make(issuer: Issuer, server: LocalServer | None = None, **settings: Any) -> OAuth2:
    given = {
        "token_url": issuer.url,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "retry_interval": 0,
        **settings,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return OAuth2("erp", load(OAuth2Settings, given), server or LocalServer())


def signed(oauth: OAuth2) -> str:
    headers: dict[str, str] = {}
    oauth.sign(headers)
    return headers["Authorization"]


def age(oauth: OAuth2, seconds: float) -> None:
    """Make the token of a worker, and of all others, older than it is."""
    source = oauth._token._source
    assert source.current is not None
    source.current = msgspec.structs.replace(
        source.current,
        obtained_at=source.current.obtained_at - seconds,
        expires_at=source.current.expires_at - seconds,
    )
    source._keep()


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


# -- what is asked for -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["client_secret_basic", "client_secret_post"])
def test_the_client_proves_itself_by_its_secret(issuer: Issuer, how: str) -> None:
    issuer.methods = [how]
    oauth = make(issuer, client_authentication=how)
    assert signed(oauth) == f"Bearer {issuer.tokens[0]}"
    assert ("client_secret" in issuer.forms[0]) == (how == "client_secret_post")
    assert oauth.login().token == issuer.tokens[0]
    assert len(issuer.forms) == 1


def test_scope_audience_resources_and_further_parameters_are_sent(issuer: Issuer) -> None:
    oauth = make(
        issuer,
        scope="orders.read orders.write",
        audience="https://api.example.com",
        resource=["https://a.example.com/x", "urn:b"],
        parameters={"tenant": "é 1"},
    )
    signed(oauth)
    assert issuer.forms == [
        {
            "grant_type": ["client_credentials"],
            "scope": ["orders.read orders.write"],
            "audience": ["https://api.example.com"],
            "resource": ["https://a.example.com/x", "urn:b"],
            "tenant": ["é 1"],
        }
    ]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
    ],
    ids=["rsa", "ec"],
)
def test_the_client_proves_itself_by_its_key(issuer: Issuer, key: Any, algorithm: str) -> None:
    issuer.methods = ["private_key_jwt"]
    kind = RSAKey if algorithm == "RS256" else ECKey
    issuer.key = kind.import_key(key).as_dict(private=False)
    settings: dict[str, Any] = {
        "client_secret": None,
        "client_authentication": "private_key_jwt",
        "private_key": pem(key),
        "key_id": "2026",
        "default_lifetime": 1,
    }
    issuer.lifetime = None
    oauth = make(issuer, **settings)
    assert signed(oauth) == f"Bearer {issuer.tokens[0]}"
    assert oauth.renew(rejected(issuer.tokens[0]))
    assert len(issuer.assertions) == 2  # each request has a token of its own
    (assertion,) = issuer.forms[0]["client_assertion"]
    header = jws.extract_compact(assertion.encode()).headers()
    assert header == {"alg": algorithm, "typ": "JWT", "kid": "2026"}
    # another key, and another audience
    other = rsa.generate_private_key(65537, 2048)
    with pytest.raises(BadAnswer, match="refused with invalid_client"):
        signed(make(issuer, **{**settings, "private_key": pem(other)}))
    issuer.audience = "https://login.example.com"
    with pytest.raises(BadAnswer, match="refused with invalid_client"):
        signed(make(issuer, **settings, key_algorithm=""))
    assert signed(make(issuer, **settings, assertion_audience=issuer.audience))


# -- one token for all -----------------------------------------------------------------------------


def test_many_threads_and_workers_ask_once(issuer: Issuer, tmp_path: Path) -> None:
    """The issuer takes 0.2 s; 4 workers of a server, 40 threads each, have no token at first."""
    server = LocalServer(directory=tmp_path)
    issuer.delay = 0.2
    workers = [make(issuer, server) for _ in range(4)]
    together = threading.Barrier(160)

    def ask(number: int) -> str:
        together.wait(20)
        return signed(workers[number % 4])

    with ThreadPoolExecutor(160) as pool:
        sent = set(pool.map(ask, range(160)))
    assert sent == {f"Bearer {issuer.tokens[0]}"}
    assert len(issuer.forms) == 1


def test_an_expired_token_is_asked_for_once_by_all(issuer: Issuer, tmp_path: Path) -> None:
    server = LocalServer(directory=tmp_path)
    workers = [make(issuer, server) for _ in range(3)]
    signed(workers[0])
    age(workers[0], 3600)
    assert not any(worker._token._source.current for worker in workers[1:])
    issuer.delay = 0.1
    with ThreadPoolExecutor(30) as pool:
        sent = set(pool.map(lambda number: signed(workers[number % 3]), range(60)))
    assert sent == {f"Bearer {issuer.tokens[1]}"}
    assert len(issuer.forms) == 2


def test_a_token_outlives_its_worker_and_nobody_can_read_it(issuer: Issuer, tmp_path: Path) -> None:
    server = LocalServer(directory=tmp_path)
    sent = signed(make(issuer, server))
    assert signed(make(issuer, server, timeout=5)) == sent
    assert len(issuer.forms) == 1
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
    assert kept and b"issuer" not in kept
    # other settings begin anew, beside those of workers that do not know them yet
    assert signed(make(issuer, server, scope="orders.read")) != sent
    assert signed(make(issuer, server)) == sent
    assert len(issuer.forms) == 2


def test_a_store_that_does_not_answer_is_done_without(
    issuer: Issuer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LocalServer()

    def unreachable(*_: object) -> None:
        raise ConnectionError("no bus")

    oauth = make(issuer, server)
    for owner, names in (
        (server.bus, ("acquire", "release")),
        (oauth._token._source._store._records, ("read", "write")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, unreachable)
    assert signed(oauth) == f"Bearer {issuer.tokens[0]}"
    assert "for this worker alone" in caplog.text
    # a refresh token that is used twice would be taken for a stolen one
    with pytest.raises(Unavailable):
        signed(make(issuer, server, grant="refresh_token", refresh_token=REFRESH))
    assert len(issuer.forms) == 1


# -- renewal ---------------------------------------------------------------------------------------


def test_a_token_is_renewed_before_its_end_and_nobody_waits(issuer: Issuer) -> None:
    server = LocalServer()
    workers = [make(issuer, server) for _ in range(3)]
    first = signed(workers[0])
    age(workers[0], 3539)
    assert {signed(worker) for worker in workers} == {first}
    assert len(issuer.forms) == 1
    age(workers[0], 2)
    issuer.answering.clear()
    assert {signed(worker) for worker in workers} == {first}
    wait_until(lambda: len(issuer.forms) == 2)
    assert {signed(worker) for worker in workers * 10} == {first}
    issuer.answering.set()
    for worker in workers:
        wait_until(lambda worker=worker: signed(worker) != first)
        worker.stop()
    assert {signed(worker) for worker in workers} == {f"Bearer {issuer.tokens[1]}"}
    assert len(issuer.forms) == 2


def test_an_outage_while_the_token_is_valid_changes_nothing(issuer: Issuer) -> None:
    server = LocalServer()
    oauth = make(issuer, server, retry_interval=0.05)
    first = signed(oauth)
    age(oauth, 3590)
    issuer.stop()
    source = oauth._token._source
    for _ in range(3):
        retry_at = source.retry_at
        wait_until(lambda before=retry_at: signed(oauth) == first and source.retry_at > before)
    assert "cannot be reached" in server.objects.troubles[oauth]
    # no thread begins in vain in between
    patient = make(issuer, server, retry_interval=60)
    wait_until(lambda: signed(patient) == first and patient._token._source.retry_at)
    patient.stop()
    thread = patient._token._thread
    assert signed(patient) == first and patient._token._thread is thread
    issuer.start()
    wait_until(lambda: signed(oauth) != first)
    assert signed(oauth) == f"Bearer {issuer.tokens[1]}"
    wait_until(lambda: oauth not in server.objects.troubles)


def test_a_worker_learns_from_the_token_of_another_that_the_issuer_is_well_again(
    issuer: Issuer, tmp_path: Path
) -> None:
    server = LocalServer(directory=tmp_path)
    one, other = (make(issuer, server, retry_interval=60) for _ in range(2))
    issuer.status = 503
    issuer.answer = b"down"
    with pytest.raises(Unavailable):
        signed(one)
    assert one in server.objects.troubles
    issuer.status = 200
    issuer.answer = None
    token = signed(other)
    assert signed(one) == token
    assert one not in server.objects.troubles
    assert len(issuer.forms) == 2


def test_an_issuer_that_is_down_is_asked_once_in_the_interval(issuer: Issuer) -> None:
    issuer.status = 503
    oauth = make(issuer, retry_interval=60)
    for _ in range(20):
        with pytest.raises(Unavailable, match="answered with status 503"):
            signed(oauth)
    assert len(issuer.forms) == 1


def rejected(token: str) -> OutgoingRequest:
    return OutgoingRequest(
        method="GET", url="http://x/", headers={"Authorization": f"Bearer {token}"}
    )


def test_a_token_that_a_peer_refuses_is_replaced_once_for_all(issuer: Issuer) -> None:
    server = LocalServer()
    oauth = make(issuer, server)
    other = make(issuer, server)
    signed(oauth)
    signed(other)
    first = issuer.tokens[0]
    with ThreadPoolExecutor(20) as pool:
        renewed = list(pool.map(lambda number: oauth.renew(rejected(first)), range(20)))
    assert renewed == [True] * 20
    assert other.renew(rejected(first))
    assert signed(oauth) == signed(other) == f"Bearer {issuer.tokens[1]}"
    assert len(issuer.forms) == 2
    # one that is brand-new is not: the peer refuses whatever comes
    patient = make(issuer, server, retry_interval=60)
    signed(patient)
    assert not patient.renew(rejected(issuer.tokens[1]))
    issuer.status = 500
    assert not oauth.renew(rejected(issuer.tokens[1]))


# -- refresh tokens --------------------------------------------------------------------------------


def test_a_refresh_token_is_rotated_for_all_and_outlives_the_worker(
    issuer: Issuer, tmp_path: Path
) -> None:
    server = LocalServer(directory=tmp_path)
    settings: dict[str, Any] = {"grant": "refresh_token", "refresh_token": REFRESH}
    one = make(issuer, server, **settings)
    other = make(issuer, server, **settings)
    assert signed(one) == signed(other)
    assert issuer.refresh_token != REFRESH
    later = make(issuer, LocalServer(directory=tmp_path), **settings)
    for oauth in (other, one, later):
        oauth.renew(rejected(signed(oauth).removeprefix("Bearer ")))
    used = [form["refresh_token"][0] for form in issuer.forms]
    assert used[0] == REFRESH and len(used) == len(set(used)) == 3
    assert one.renew(rejected(signed(one).removeprefix("Bearer ")))
    assert signed(one) == signed(later) == f"Bearer {issuer.tokens[-1]}"
    assert len(issuer.forms) == 3
    # one that was withdrawn needs a new one
    issuer.refresh_token = "withdrawn"
    assert not one.renew(rejected(issuer.tokens[-1]))
    fresh = "refresh token that an administrator has given"
    issuer.refresh_token = fresh
    assert signed(make(issuer, server, **{**settings, "refresh_token": fresh}))


def test_a_refresh_token_that_cannot_be_stored_is_not_lost(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LocalServer()
    settings: dict[str, Any] = {"grant": "refresh_token", "refresh_token": REFRESH}
    one = make(issuer, server, **settings)
    attempts: list[str] = []

    def full(name: str, value: bytes) -> None:
        attempts.append(name)
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(one._token._source._store._records, "write", full)
        signed(one)
    assert len(attempts) == 1
    # it is stored before the issuer is asked again, whatever that answers
    issuer.status = 503
    assert not one.renew(rejected(issuer.tokens[0]))
    assert signed(make(issuer, server, **settings)) == signed(one)
    issuer.status = 200
    assert one.renew(rejected(issuer.tokens[0]))
    assert [form["refresh_token"][0] for form in issuer.forms][1] != REFRESH
    assert signed(make(issuer, server, **settings)) == signed(one)


def test_servers_that_cannot_share_a_refresh_token_do_not_use_it(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LocalServer()
    settings: dict[str, Any] = {"grant": "refresh_token", "refresh_token": REFRESH}
    reports: dict[str, Any] = {"local/0.1": None, "local/1.1": None}
    monkeypatch.setattr(server.cluster, "reports", lambda: reports)
    make(issuer, server, **settings).start()
    reports["other/0.1"] = None
    with pytest.raises(Unavailable, match="over Redis only"):
        make(issuer, server, **settings).start()
    make(issuer, server).start()


# -- failures --------------------------------------------------------------------------------------

ANSWERS: list[tuple[int, bytes, type[HansaError], str]] = [
    (200, b"", BadAnswer, "no token response"),
    (200, b"[" * 100_000, BadAnswer, "no token response"),
    (200, b'{"access_token": "a"}', BadAnswer, "no token response"),
    (200, b'{"access_token": "a", "token_type": "mac"}', BadAnswer, "another type than Bearer"),
    (
        200,
        b'{"access_token": "a\\r\\nX: 1", "token_type": "bearer"}',
        BadAnswer,
        "a header cannot carry",
    ),
    (
        200,
        b'{"access_token": "a", "token_type": "bearer", "expires_in": -1}',
        BadAnswer,
        "not valid for any time",
    ),
    (200, b" " * 300_000, BadAnswer, "larger than"),
    (302, b"", BadAnswer, "answered with status 302"),
    (400, b"<html>", BadAnswer, "answered with status 400"),
    (400, b'{"error": "invalid_scope"}', BadAnswer, "refused with invalid_scope"),
    (400, b'{"error": "a b\\n"}', BadAnswer, "answered with status 400"),
    (502, b"<html>", Unavailable, "answered with status 502"),
]


@pytest.mark.parametrize(("status", "content", "kind", "text"), ANSWERS)
def test_answers_that_are_no_token(
    issuer: Issuer, status: int, content: bytes, kind: type[HansaError], text: str
) -> None:
    issuer.status = status
    issuer.answer = content
    with pytest.raises(kind, match=text) as caught:
        signed(make(issuer))
    assert "127.0.0.1" not in caught.value.detail and len(caught.value.detail) < 200


def test_lifetimes_as_text_and_none_at_all(issuer: Issuer) -> None:
    issuer.answer = b'{"access_token": "a", "token_type": "BEARER", "expires_in": "3600"}'
    assert signed(make(issuer)) == "Bearer a"
    issuer.answer = b'{"access_token": "b", "token_type": "Bearer"}'
    oauth = make(issuer, default_lifetime=120)
    assert "valid until" in oauth.ping()


def test_errors_and_logs_have_no_secret(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.status = 400
    error = {"error": "invalid_grant", "error_description": f"{REFRESH} is no more\n" + "x" * 500}
    issuer.answer = json.dumps(error).encode()
    settings: dict[str, Any] = {"grant": "refresh_token", "refresh_token": REFRESH}
    oauth = make(issuer, token_url=f"{issuer.url}?key=hidden", **settings)
    with caplog.at_level(logging.DEBUG), pytest.raises(BadAnswer) as caught:
        oauth.ping()
    assert caught.value.reason.startswith("*** is no more")
    shown = f"{caplog.text} {caught.value.explanation}"
    for secret in (SECRET, REFRESH, "hidden"):
        assert secret not in shown
    assert len(caught.value.reason) <= 200


def test_a_caller_in_a_hurry_does_not_end_what_others_wait_for(issuer: Issuer) -> None:
    issuer.delay = 0.4
    oauth = make(issuer, retry_interval=60)
    with deadline(0.1), pytest.raises(TimedOut):
        signed(oauth)
    assert signed(oauth) == f"Bearer {issuer.tokens[0]}"
    assert len(issuer.forms) == 1


def test_an_issuer_that_does_not_answer_is_waited_for_no_longer_than_said(issuer: Issuer) -> None:
    issuer.delay = 3
    with pytest.raises(HansaError) as caught:
        signed(make(issuer, timeout=0.2))
    assert caught.value.status == 504


@pytest.mark.evidence("tls")
def test_the_certificate_of_the_issuer_is_verified(issuer: Issuer, tmp_path: Path) -> None:
    create_authority(tmp_path / "ca")
    issued = issue(tmp_path / "ca", "issuer")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    issuer.stop()
    issuer.start(context)
    url = issuer.url.replace("http:", "https:")
    with pytest.raises(Unavailable, match="certificate is not accepted"):
        signed(make(issuer, token_url=url))
    assert signed(make(issuer, token_url=url, tls_ca=str(certificate_file(tmp_path / "ca"))))


def test_a_proxy_is_called_through(issuer: Issuer) -> None:
    token = b'{"access_token": "by-proxy", "token_type": "Bearer"}'
    with scripted(answer(200, token)) as (address, seen):
        oauth = make(issuer, token_url="http://localhost:9/token", proxy={"url": address})
        assert signed(oauth) == "Bearer by-proxy"
    assert seen[0].startswith(b"POST http://localhost:9/token HTTP/1.1\r\n")


def test_callers_are_refused(issuer: Issuer) -> None:
    with pytest.raises(Refused):
        make(issuer).authenticate(Request())


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"token_url": "http://login.example.com/token"}, {"token_url"}),
        ({"client_secret": None}, {"client_secret"}),
        ({"private_key": "x"}, {"private_key"}),
        ({"client_authentication": "private_key_jwt"}, {"client_secret", "private_key"}),
        ({"grant": "refresh_token"}, {"refresh_token"}),
        ({"refresh_token": "x"}, {"refresh_token"}),
        ({"client_secret": None, "client_authentication": "none"}, {"client_authentication"}),
        (
            {"scope": "a  b", "resource": ["/x", "https://x#y"]},
            {"scope", "resource[0]", "resource[1]"},
        ),
        ({"parameters": {"scope": "x"}, "tls_ca": "/nowhere"}, {"parameters", "tls_ca"}),
        ({"client_id": "é"}, {"client_id"}),
    ],
)
def test_settings_that_cannot_work(
    issuer: Issuer, changed: dict[str, Any], names: set[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        make(issuer, **changed)
    assert set(caught.value.errors) == names


def test_keys_that_suit_no_algorithm(issuer: Issuer) -> None:
    by_key: dict[str, Any] = {"client_secret": None, "client_authentication": "private_key_jwt"}
    key = pem(ed25519.Ed25519PrivateKey.generate())
    assert make(issuer, **by_key, private_key=key)
    with pytest.raises(Invalid, match="does not suit"):
        make(issuer, **by_key, private_key=key, key_algorithm="RS256")
    with pytest.raises(Invalid, match="another curve"):
        make(issuer, **by_key, private_key=pem(ec.generate_private_key(ec.SECP256K1())))
