"""Which setting to change when an outgoing connection cannot reach its server."""

from __future__ import annotations

from urllib.parse import urlsplit

USE_ANOTHER_METHOD = "if the server does not answer HEAD, set ping_method to GET"

_OTHER_NAME = ("hostname mismatch", "ip address mismatch")
_NOT_TRUSTED = ("self-signed", "self signed", "unable to get local issuer", "unable to verify")
_NO_TLS = ("wrong version number", "record layer", "unexpected eof", "http request")
_NOT_THERE = ("connection refused", "unreachable", "timed out", "cannot be looked up")
_CUT_OFF = ("reset by peer", "disconnected")


def remedy_of(reason: str, url: str) -> str:
    """Return what to change, by what the library says of a failure; empty if it does not tell."""
    text = reason.casefold()
    encrypted = urlsplit(url).scheme == "https"
    if _has(text, _OTHER_NAME):
        return "begin address with a name that is in the certificate"
    if _has(text, _NOT_TRUSTED):
        return "set tls_ca to the authority that has signed the certificate"
    if encrypted and _has(text, _NO_TLS):
        return (
            "the server does not speak TLS here: check the port in address, or begin it with http:"
        )
    if _has(text, _NOT_THERE):
        return "check the setting address"
    if not encrypted and _has(text, _CUT_OFF):
        return "if the server expects TLS here, begin address with https:"
    return ""


def _has(text: str, parts: tuple[str, ...]) -> bool:
    return any(part in text for part in parts)
