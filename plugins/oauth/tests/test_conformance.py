"""The types hold the contract of security types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hansa import Request
from hansa_devkit import SecurityContract
from hansa_devkit.contract import Contract
from hansa_oauth.oauth1 import OAuth1
from hansa_oauth.oauth2 import OAuth2

from plugins.oauth.tests.consumer import KEY, SECRET, Fresh, header, request
from plugins.oauth.tests.issuer import CLIENT, SECRET as CLIENT_SECRET, Issuer

ROOT = "http://127.0.0.1/"


class TestOAuth1(SecurityContract):
    cls = OAuth1
    good = {"consumer_key": KEY, "consumer_secret": SECRET}
    right = Fresh()
    wrong = [
        {"authorization": header(ROOT, "POST", client_secret="another secret")},
        {"authorization": header(ROOT, "POST", client_key="another")},
        {"authorization": header(ROOT, "GET")},
        {"authorization": "Basic YWxpY2U6czNjcmV0"},
        {"x-authorization": header(ROOT, "POST")},
    ]
    signing = {"signs": True}

    def request(self, headers: Mapping[str, str]) -> Request:
        """A POST of the address that the contract signs."""
        plain = super().request(headers)
        made = request("", ROOT, "POST", peer=plain.peer)
        made.headers = plain.headers
        return made


class TestOAuth2(Contract):
    """What every type must hold; it lets no caller in."""

    issuer: ClassVar[Issuer]
    cls = OAuth2
    good = {"client_id": CLIENT, "client_secret": CLIENT_SECRET}

    @classmethod
    def setup_class(cls) -> None:
        cls.issuer = Issuer()

    @classmethod
    def teardown_class(cls) -> None:
        cls.issuer.stop()

    def settings(self) -> dict[str, Any]:
        return {**self.good, "token_url": self.issuer.url}

    def exercise(self, thing: Any) -> None:
        """Sign a call."""
        thing.sign({})
