"""Tests of hansa_http.secure_url."""

from __future__ import annotations

import pytest
from hansa_http.secure_url import fault_of_secure_url


@pytest.mark.parametrize(
    "url",
    [
        "https://vault.example.com",
        "https://vault.example.com:8200/v1?a=b",
        "http://127.0.0.1:8200",
        "http://[::1]:8200/",
        "http://localhost/jwks",
    ],
)
def test_https_and_this_machine_are_secure(url):
    assert fault_of_secure_url(url, "x") == ""


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://vault.example.com", "must begin with https://, since it carries secrets"),
        ("http://127.0.0.1.example.com", "must begin with https://, since it carries secrets"),
        ("ftp://127.0.0.1", "must begin with https://, since it carries secrets"),
        ("vault.example.com", "names no host"),
        ("https://", "names no host"),
        ("https://vault.example.com:0", "names no host"),
        ("https://vault.example.com:99999", "Port out of range 0-65535"),
        ("https://u:p@vault.example.com", "must not contain credentials or a fragment"),
        ("https://vault.example.com#top", "must not contain credentials or a fragment"),
        ("https://vault.example.com/a b", "contains characters that a URL cannot have"),
        ("https://vault.example.com/ä", "contains characters that a URL cannot have"),
    ],
)
def test_other_urls_are_refused(url, fault):
    assert fault_of_secure_url(url, "it carries secrets") == fault
