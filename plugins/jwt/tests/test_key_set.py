"""A key set over HTTP: fetched once for all, rotated, and kept through an outage of the issuer."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Refused, Request, Unavailable, load
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.local import LocalServer
from hansa_jwt.security import Jwt
from hansa_jwt.settings import JwtSettings

from plugins.jwt.tests.issuer import AUDIENCE, ISSUER, OTHER_RSA, RSA, KeySetServer, jwk, token

OLD = jwk(RSA, kid="old")
NEW = jwk(OTHER_RSA, kid="new")
NEW_SET = json.dumps({"keys": [NEW]}).encode()


@pytest.fixture
def issuer() -> Iterator[KeySetServer]:
    server = KeySetServer(OLD)
    yield server
    server.stop()


@contextmanager
def running(
    issuer: KeySetServer, folder: Path, security: Any = None, **settings: Any
) -> Iterator[Jwt]:
    given = {
        "issuer": ISSUER,
        "audience": [AUDIENCE],
        "algorithms": ["RS256"],
        "jwks_url": issuer.url,
        **settings,
    }
    server = LocalServer(directory=folder, security=security or {})
    made = Jwt("partner", load(JwtSettings, given), server)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def call(security: Jwt, presented: str) -> str:
    return security.authenticate(Request(headers={"authorization": f"Bearer {presented}"}))


def old(**changes: Any) -> str:
    return token(RSA, headers={"kid": "old"}, **changes)


def new(**changes: Any) -> str:
    return token(OTHER_RSA, headers={"kid": "new"}, **changes)


def trouble(security: Jwt) -> str:
    objects: Any = security.server.objects
    return objects.troubles.get(security, "")


def test_one_fetch_serves_all_threads(issuer, tmp_path):
    issuer.delay = 0.1
    with running(issuer, tmp_path) as security, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: call(security, old(jti=str(n))), range(32)))
    assert found == ["alice"] * 32
    assert issuer.fetched == 1


def test_a_new_key_is_found_at_once_under_load(issuer, tmp_path):
    with running(issuer, tmp_path) as security:
        call(security, old())
        issuer.publish(OLD, NEW)
        issuer.delay = 0.1
        with ThreadPoolExecutor(16) as pool:
            tokens = [make(jti=str(n)) for n in range(16) for make in (old, new)]
            assert list(pool.map(lambda one: call(security, one), tokens)) == ["alice"] * 32
        assert issuer.fetched == 2


class Clock:
    """The clock that intervals are measured by, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("hansa_jwt.source.monotonic", made)
    return made


def test_unknown_key_ids_lead_to_one_fetch_in_the_interval(issuer, tmp_path, clock):
    with running(issuer, tmp_path, jwks_interval=3600) as security:
        call(security, old())
        for number in range(20):
            with pytest.raises(Refused):
                call(security, token(RSA, headers={"kid": f"unknown-{number}"}))
        assert issuer.fetched == 2
        issuer.publish(NEW)
        assert not _accepts(security, new())
        clock.ahead += 3600
        assert _accepts(security, new())
        assert issuer.fetched == 3


def _accepts(security: Jwt, presented: str) -> bool:
    try:
        return bool(call(security, presented))
    except Refused:
        return False


def test_a_withdrawn_key_takes_what_it_has_verified_with_it(issuer, tmp_path):
    presented = old()
    with running(issuer, tmp_path) as security:
        assert call(security, presented) == "alice"
        issuer.publish(NEW)
        assert call(security, new()) == "alice"
        with pytest.raises(Refused):
            call(security, presented)


def test_key_sets_are_fetched_again_in_time(issuer, tmp_path):
    presented = old()
    with running(issuer, tmp_path, jwks_refresh=1) as security:
        assert call(security, presented) == "alice"
        issuer.publish(NEW)
        wait_until(lambda: not _accepts(security, presented))


def test_tokens_are_verified_while_the_issuer_is_down_also_after_a_restart(issuer, tmp_path):
    with running(issuer, tmp_path) as security:
        assert call(security, old()) == "alice"
        assert security.ping() == "keys: old"
        issuer.stop()
        with pytest.raises(Unavailable, match="cannot be fetched"):
            security.ping()
        assert "cannot be fetched" in trouble(security)
        assert call(security, old(jti="a")) == "alice"
        with pytest.raises(Refused):
            call(security, new())
    with running(issuer, tmp_path) as security:
        assert call(security, old(jti="b")) == "alice"
        wait_until(lambda: trouble(security))
        assert call(security, old(jti="c")) == "alice"
        issuer.start()
        issuer.publish(NEW)
        assert security.ping() == "keys: new"
        assert not trouble(security)
        assert call(security, new()) == "alice"


def test_an_outage_is_bridged_only_for_so_long(issuer, tmp_path):
    presented = old()
    with running(issuer, tmp_path, jwks_outage=0.2) as security:
        assert call(security, presented) == "alice"
        issuer.stop()
        time.sleep(0.2)
        with pytest.raises(Unavailable):
            security.ping()
        with pytest.raises(Unavailable) as caught:
            call(security, presented)
        assert caught.value.status == 503 and caught.value.headers["Retry-After"]
    with running(issuer, tmp_path, jwks_outage=0.2) as security:
        with pytest.raises(Unavailable):
            call(security, presented)


def test_nobody_waits_for_an_issuer_that_does_not_answer(issuer, tmp_path, clock):
    with running(issuer, tmp_path, jwks_timeout=0.3, jwks_interval=1) as security:
        assert call(security, old()) == "alice"
        issuer.delay = 1.0
        with pytest.raises(Refused):
            call(security, new())  # waits for the fetch, at most for its time-out
        wait_until(lambda: trouble(security))
        began = time.monotonic()
        for _ in range(20):
            clock.ahead += 1  # so that each of them has the issuer asked again
            with pytest.raises(Refused):
                call(security, new())
        assert call(security, old(jti="a")) == "alice"
        assert time.monotonic() - began < 20 * 0.3 / 2


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, NEW_SET),
        (302, NEW_SET),
        (200, b"<html>"),
        (200, NEW_SET + b" " * 524_288),
        (200, b'{"keys": 1}'),
    ],
    ids=["not found", "moved", "HTML", "too long", "no keys"],
)
def test_answers_that_are_no_key_set_count_as_an_outage(issuer, tmp_path, status, answer):
    with running(issuer, tmp_path) as security:
        assert call(security, old()) == "alice"
        issuer.status = status
        issuer.answer = answer
        with pytest.raises(Unavailable, match="cannot be fetched"):
            security.ping()
        assert call(security, old(jti="a")) == "alice"


def test_a_key_set_may_come_through_a_proxy(issuer, tmp_path):
    port = free_port()
    through = {"jwks_url": f"http://127.0.0.1:{port}/keys", "jwks_proxy": {"url": issuer.url[:-5]}}
    with running(issuer, tmp_path, **through) as security:
        assert call(security, old()) == "alice"
        assert security.ping() == "keys: old"


@pytest.mark.evidence("tls")
def test_only_the_authorities_in_a_file_are_trusted(tmp_path):
    files = ["-keyout", "key.pem", "-out", "issuer.pem"]
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2"
    name = ["-subj", "/CN=issuer", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [*command.split(), *name, *files]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True, timeout=20)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "issuer.pem", tmp_path / "key.pem")
    issuer = KeySetServer(OLD, context=context)
    try:
        file = f"{tmp_path}/issuer.pem"
        trusted = SimpleNamespace(authorities=lambda: file)
        for ca in (file, "trusted"):
            with running(issuer, tmp_path, security={"trusted": trusted}, jwks_ca=ca) as security:
                assert call(security, old()) == "alice"
                security.ping()
        with running(issuer, tmp_path) as security:
            with pytest.raises(Unavailable, match="cannot be fetched"):
                security.ping()
    finally:
        issuer.stop()


def test_a_key_set_without_keys_refuses_everybody(issuer, tmp_path):
    with running(issuer, tmp_path) as security:
        assert call(security, old()) == "alice"
        issuer.publish()
        with pytest.raises(Unavailable, match="no key for the algorithms"):
            security.ping()
        with pytest.raises(Refused):
            call(security, old())


def test_what_was_kept_and_cannot_be_read_is_fetched_anew(issuer, tmp_path):
    with running(issuer, tmp_path) as security:
        call(security, old())
    (kept,) = (tmp_path / "jwks").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    for content in (b"", b"{}", b'{"fetched": "x", "keys": 1}', b'{"fetched": 9e99, "keys": "{}"}'):
        kept.write_bytes(content)
        with running(issuer, tmp_path) as security:
            assert call(security, old()) == "alice"


def test_stopping_ends_the_thread(issuer, tmp_path):
    with running(issuer, tmp_path) as security:
        call(security, old())
    assert not [one for one in threading.enumerate() if "partner" in one.name]
