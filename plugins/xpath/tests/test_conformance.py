"""The type `xpath` holds the contract of security types."""

from __future__ import annotations

from collections.abc import Mapping

from hansa import Request
from hansa_devkit import SecurityContract
from hansa_xpath.security import XPathSecurity

from plugins.xpath.tests.messages import PATHS, order


class TestXPath(SecurityContract):
    """What callers present are user name and password, inside of a message."""

    cls = XPathSecurity
    good = {"username": "alice", "password": "correct horse é", **PATHS}
    right = {"username": "alice", "password": "correct horse é"}
    wrong = [
        {"username": "alice", "password": "Correct horse é"},
        {"username": "bob", "password": "correct horse é"},
        {"username": "alice", "password": ""},
        {"username": "", "password": "correct horse é"},
    ]

    def request(self, headers: Mapping[str, str]) -> Request:
        """Put them into a message; what XML cannot write arrives as bytes that are no XML."""
        request = super().request({})
        request.raw = order(headers.get("username", ""), headers.get("password", ""))
        return request
