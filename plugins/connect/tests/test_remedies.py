"""The setting to change is found in what a library has wrapped."""

from __future__ import annotations

import socket
import ssl

import pytest
from hansa_connect.remedies import CHECK_ADDRESS, MAYBE_TLS, NO_TLS, advised, remedy_of


class Wrapped(Exception):
    """As libraries wrap what went wrong."""


@pytest.mark.parametrize(
    ("error", "tls", "remedy"),
    [
        (ConnectionRefusedError(), False, CHECK_ADDRESS),
        (socket.gaierror(-2, "unknown"), True, "check the setting host"),
        (ConnectionResetError(), False, MAYBE_TLS),
        (EOFError(), True, NO_TLS),
        (EOFError(), None, CHECK_ADDRESS),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), True, NO_TLS),
        (Wrapped(Wrapped(TimeoutError())), False, CHECK_ADDRESS),
        (ValueError("anything"), False, ""),
    ],
)
def test_the_setting_to_change(error, tls, remedy):
    assert remedy_of(error, tls=tls) == remedy


def test_what_is_not_known_is_left_as_it_is():
    assert advised("it failed", "") == "it failed"
    assert advised("it failed", "change this") == "it failed; change this"
