"""Authorities and keys of connections: pasted and in files, told of before they end."""

from __future__ import annotations

import gc
import logging
import os
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from hansa import Invalid, Refused, Request, Security, Unavailable, load
from hansa_devkit import LocalServer
from hansa_devkit.contract import Contract
from hansa_devkit.harness.waiting import wait_until
from hansa_tls.authority import TlsAuthority
from hansa_tls.expiry import ExpiryWatch, Notices, ending
from hansa_tls.key import TlsKey
from hansa_tls.memory_file import MemoryFile
from hansa_tls.worker import TlsWorker

from plugins.tls.tests.authority import Authority, Issued

CA = Authority("root")
OWN = CA.issue("CN=hansa")
OTHER = CA.issue("CN=other")
ENCRYPTED = OWN.key.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
).decode()


def make(cls: Any, **settings: object) -> Security[Any]:
    found: Security[Any] = cls("partner", cls.prepare(load(cls.Config, settings)), LocalServer())
    return found


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    certificate, key = OWN.write(tmp_path, "own")
    return {"certificate": str(certificate), "key": str(key)}


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    return CA.write(tmp_path, "authority")[0]


PASTED = {"certificate": OWN.pem, "key": OWN.key_pem}
ODD_KEY = """\
-----BEGIN EC PRIVATE KEY-----
MGkCAQEEHQB8xyO5iUwiWzvK3vMa/qiHA/pZ7mpH0p920nFFoAcGBSuBBAAgoTwD
OgAE4fPBopIiqfTDA6nIiVTgYAEs6KpVd5l23593e/bnqpcAMvLLuisT4qdf5ShG
aMZf9gk6QzxsfiE=
-----END EC PRIVATE KEY-----
"""
"""A key on the curve secp224k1, made by OpenSSL, which cryptography does not know."""
ODD_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBXzCCAQ6gAwIBAgIURxWM5KI+s9DIa1HRcyL0blyDAlcwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb2RkMCAXDTI2MTEzMDA0MjMwMVoYDzIxMDkwMTE5MDQyMzAx
WjAOMQwwCgYDVQQDDANvZGQwTjAQBgcqhkjOPQIBBgUrgQQAIAM6AATh88GikiKp
9MMDqciJVOBgASzoqlV3mXbfn3d79ueqlwAy8su6KxPip1/lKEZoxl/2CTpDPGx+
IaNTMFEwHQYDVR0OBBYEFJxVJdZZRxmmsx+NlCoOorKXfh6rMB8GA1UdIwQYMBaA
FJxVJdZZRxmmsx+NlCoOorKXfh6rMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0E
AwIDPwAwPAIcWdAndhPfj1dHCDjtIgD2psBiG1AIyM6bA7OnnAIcAtrAKIjMBqQA
pDcP1zgwwgODwFXhdHtVN7oS5Q==
-----END CERTIFICATE-----
"""
"""Its certificate."""


@pytest.mark.parametrize("given", ["pasted", "files", "encrypted"])
def test_a_key_supplies_files_that_openssl_reads(files, given):
    settings = {
        "pasted": PASTED,
        "files": files,
        "encrypted": {**PASTED, "key": ENCRYPTED, "passphrase": "open sesame"},
    }[given]
    one = make(TlsKey, **settings, username="ada")
    one.start()
    login = one.login()
    assert (login.means, login.username) == ("certificate", "ada")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(login.certificate, login.key)
    assert one.ping().startswith("presents CN=hansa, valid until 20")
    assert "PRIVATE" not in repr(one.config) and "sesame" not in repr(one.config)
    with pytest.raises(Refused) as caught:
        one.authenticate(Request())
    assert "does not authenticate callers" in caught.value.reason
    one.stop()
    # a connection that still has the login may connect once more
    context.load_cert_chain(login.certificate, login.key)


def test_a_file_in_memory_is_for_its_user_alone_and_goes_with_its_path():
    file = MemoryFile("key", b"secret")
    status = os.stat(file)
    assert (status.st_mode & 0o777, Path(file).read_bytes()) == (0o600, b"secret")
    path = str(file)
    del file
    gc.collect()
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    ("changes", "faulty"),
    [
        ({"key": OTHER.key_pem}, "is not the key of the first certificate"),
        ({"certificate": OWN.key_pem}, "has no certificate in PEM"),
        ({"key": OWN.pem}, "is not a private key in PEM"),
        ({"key": ENCRYPTED}, "passphrase: required"),
        ({"key": ENCRYPTED, "passphrase": "x"}, "or the passphrase is another one"),
        ({"passphrase": "x"}, "passphrase: the key is not encrypted"),
        ({"key": ODD_KEY}, "key: cannot be used: Curve"),
        ({"certificate": ODD_CERTIFICATE}, "certificate: has a key that cannot be used: Curve"),
    ],
)
def test_what_does_not_fit_is_told_when_it_is_set(changes, faulty):
    with pytest.raises(Invalid, match=faulty) as caught:
        load(TlsKey.Config, {**PASTED, **changes})
    assert "sesame" not in str(caught.value)


def test_what_does_not_fit_in_files_is_told_when_it_starts(files, tmp_path):
    _, other = OTHER.write(tmp_path, "other")
    with pytest.raises(Invalid, match="is not the key of"):
        make(TlsKey, **{**files, "key": str(other)}).start()
    with pytest.raises(Unavailable, match="No such file"):
        make(TlsKey, **{**files, "key": f"{tmp_path}/none"}).start()


def test_authorities_supply_a_file_of_all_of_them(tmp_path):
    file, _ = Authority("second").write(tmp_path, "second")
    for given in (CA.pem + file.read_text(), str(file)):
        one = make(TlsAuthority, certificates=given)
        one.start()
        context = ssl.create_default_context(cafile=one.authorities())
        assert len(context.get_ca_certs()) == given.count("BEGIN") or given == str(file)
        assert "CN=second,O=Hansa tests" in one.ping()
        one.stop()
    with pytest.raises(Invalid, match="has no certificate in PEM"):
        make(TlsAuthority, certificates="-----BEGIN CERTIFICATE-----")


def ends_in(days: float) -> Issued:
    return CA.issue("CN=soon", days=(-1, days))


def test_what_ends_within_30_days_is_told():
    now = datetime.now(UTC)
    assert ending([ends_in(31).certificate], now) == ""
    assert ending([], now) == ""
    soon = ending([OWN.certificate, ends_in(29.5).certificate], now)
    assert soon.startswith("the certificate CN=soon expires on ") and soon.endswith(", in 29 days")
    gone = ends_in(-0.5).certificate
    assert "CN=soon expired on" in ending([gone], now)


def test_the_state_tells_of_an_end_and_the_log_once_a_day(caplog):
    one = ends_in(5)
    server = LocalServer()
    told: list[str] = []
    definitions: list[tuple[Any, dict[str, str]]] = [
        (TlsKey, {"certificate": one.pem, "key": one.key_pem}),
        (TlsAuthority, {"certificates": one.pem}),
    ]
    for cls, settings in definitions:
        thing = cls("partner", load(cls.Config, settings), server)
        thing.trouble = told.append
        with caplog.at_level(logging.WARNING):
            thing.start()
        thing.stop()
    assert [text.partition(" expires")[0] for text in told] == ["the certificate CN=soon"] * 2
    assert caplog.text.count("CN=soon expires on") == 2


def test_notices_are_reported_once_and_joined(caplog, monkeypatch):
    told: list[str] = []
    notices = Notices(told.append, logging.getLogger("test"))
    for _ in range(3):
        notices.set("a", "one")
        notices.set("b", "two")
    notices.set("a", "")
    notices.set("a", "")
    assert told == ["one", "one; two", "two"]
    assert caplog.text.count("two") == 1
    monkeypatch.setattr("hansa_tls.expiry.REPEAT", timedelta(0))
    notices.set("b", "two")
    assert caplog.text.count("two") == 2


def test_the_watch_looks_again_until_its_owner_leaves():
    watch = ExpiryWatch(interval=0.01)
    looks: list[int] = []
    seen_twice = threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) > 2:
            seen_twice.set()
        raise_in_thread = len(looks) == 2
        if raise_in_thread:
            raise OSError("a look that fails ends nothing")

    watch.enter("owner", look)
    assert seen_twice.wait(5)
    watch.leave("owner")
    assert watch._thread is None


def started_later(cls: Any, settings: dict[str, str], server: LocalServer) -> Any:
    """A definition that is not started yet, in a server of the test."""
    return cls("partner", load(cls.Config, settings), server)


def test_files_that_are_replaced_are_read_again(files, authorities):
    worker = TlsWorker()
    worker.expiry = ExpiryWatch(interval=0.01)
    server = LocalServer(resources=[worker])
    told: list[str] = []
    one = started_later(TlsKey, files, server)
    ca = started_later(TlsAuthority, {"certificates": str(authorities)}, server)
    one.trouble = told.append
    one.start()
    ca.start()
    try:
        assert server.losses == {}
        Path(files["certificate"]).write_text(OTHER.pem)
        wait_until(lambda: told and "is not the key of" in told[-1], 5)
        assert "what was read before is in use" in told[-1]
        assert server.losses == {}
        Path(files["key"]).write_text(OTHER.key_pem)
        authorities.write_text(OTHER.pem + CA.pem)
        wait_until(lambda: len(server.losses) == 2, 5)
    finally:
        one.stop()
        ca.stop()
    assert "replaced" in str(server.losses)


class TestKey(Contract):
    cls = TlsKey
    good = PASTED


class TestAuthority(Contract):
    cls = TlsAuthority
    good = {"certificates": CA.pem}
