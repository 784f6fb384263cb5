"""Settings are refused by name, all at once."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hansa import Invalid, load
from hansa_otel.settings import OtelSection


def test_all_faults_at_once():
    settings = {
        "endpoint": "http://collector.example.com:4318",
        "tls_ca": "/nowhere/ca.pem",
        "tls_key": "/nowhere/key.pem",
        "headers": {"a b": "x", "Content-Type": "text/plain", "X-Key": "a\nb"},
    }
    with pytest.raises(Invalid) as caught:
        load(OtelSection, settings)
    assert set(caught.value.errors) == {
        "endpoint",
        "tls_ca",
        "tls_key",
        "tls_certificate",
        "headers.a b",
        "headers.Content-Type",
        "headers.X-Key",
    }
    assert "a\nb" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://127.0.0.1", "https://me:secret@collector", "http://127.0.0.1/?key=1", "collector:4318"],
)
def test_addresses_that_are_none(endpoint: str):
    with pytest.raises(Invalid) as caught:
        load(OtelSection, {"endpoint": endpoint})
    assert set(caught.value.errors) == {"endpoint"}


def test_what_is_sent_by_default_stays_on_this_machine():
    section = OtelSection()
    assert not section.enabled
    assert section.endpoint == "http://127.0.0.1:4318"


def test_a_login_comes_from_a_file(tmp_path: Path):
    (tmp_path / "login").write_text("Bearer abc\n")
    from hansa.settings.resolve import resolve

    settings = {"headers": {"Authorization": {"$file": str(tmp_path / "login")}}}
    assert load(OtelSection, resolve(settings)).headers["Authorization"] == "Bearer abc"


def test_files_that_hold_none_of_it(tmp_path: Path):
    certificate, key, junk = (tmp_path / name for name in ("c.pem", "k.pem", "junk.pem"))
    command = (
        f"openssl req -x509 -newkey rsa:2048 -passout pass:abcd -subj /CN=a -out {certificate}"
    )
    subprocess.run(
        [*shlex.split(command), "-keyout", key], check=True, capture_output=True, timeout=60
    )
    junk.write_text("junk")
    # the key is encrypted: nobody is asked for its passphrase
    settings = {"tls_ca": str(junk), "tls_certificate": str(certificate), "tls_key": str(key)}
    with pytest.raises(Invalid) as caught:
        load(OtelSection, settings)
    assert caught.value.errors == {
        "tls_ca": f"{junk} has no certificates in PEM",
        "tls_key": f"{key} has no key without a passphrase that fits {certificate}",
    }
