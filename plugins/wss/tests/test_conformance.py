"""The type `wss` holds the contract of security types, in each form of password and storage."""

from __future__ import annotations

from collections.abc import Mapping

from hansa import Request
from hansa_devkit import SecurityContract
from hansa_wss.security import Wss

from plugins.wss.tests.envelopes import envelope, security, token


class TestText(SecurityContract):
    """What callers present are user name and password, in a fresh token each time."""

    cls = Wss
    good = {"username": "alice", "password": "correct horse é"}
    right = {"username": "alice", "password": "correct horse é"}
    wrong = [
        {"username": "alice", "password": "Correct horse é"},
        {"username": "bob", "password": "correct horse é"},
        {"username": "alice", "password": ""},
        {"username": "", "password": "correct horse é"},
    ]
    signing = {"signs": True}
    as_digest = False

    def request(self, headers: Mapping[str, str]) -> Request:
        """Put them into an envelope; what XML cannot write arrives as bytes that are no XML."""
        request = super().request({})
        given = token(
            headers.get("username", ""), headers.get("password", ""), as_digest=self.as_digest
        )
        request.raw = envelope(security(given))
        return request

    def test_signed_calls_are_accepted(self) -> None:
        """What it signs, it accepts, once."""
        with self.running(**self.signing) as wss:
            request = super().request({})
            request.raw = wss.sign_message(envelope(""))
            assert wss.authenticate(request) == "alice"


class TestTextThatSigns(TestText):
    good = {**TestText.good, "signs": True}


class TestDigest(TestText):
    good = {**TestText.good, "password_type": "digest"}
    as_digest = True
