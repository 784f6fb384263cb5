"""Security types with one defect each, and the contract applied to them; run by test_conformance.py."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from broken_equals import Equals, Unchecked
from hansa import Model, Refused, Request, Secret, Security, setting
from hansa_devkit import SecurityContract


class Settings(Model):
    """One secret."""

    token: Annotated[Secret, setting("Token")]


class Token(Security):
    """Asks for a token in a header."""

    type, Config = "token", Settings

    def authenticate(self, request: Request) -> Any:
        """Let in who has the token."""
        given = request.headers.get("x-token", "")
        if not hmac.compare_digest(
            given.encode("utf-8", "surrogatepass"), self.config.token.encode()
        ):
            raise Refused(f"the token is wrong{self.hint(given)}")
        return "partner"

    def hint(self, given: str) -> str:
        """What else to tell the refused."""
        return ""

    def sign(self, headers: dict[str, str]) -> None:
        """Add the token."""
        headers["X-Token"] = self.config.token


class TokenContract(SecurityContract):
    good = {"token": "open sesame"}
    right = {"x-token": "open sesame"}
    wrong = [{"x-token": "Open Sesame!"}, {"x-token": "abracadabra"}]
    signing = {}


class TestSoundSecurity(TokenContract):
    cls, fails = Token, set()


class TestNobody(TokenContract):
    class cls(Token):
        """Lets in nobody in particular."""

        def authenticate(self, request: Request) -> Any:
            return super().authenticate(request) and ""

    signing = None  # type: ignore[assignment] # it signs nothing
    fails = {"test_right_credentials_are_accepted"}


class TestRemembersTooMuch(TokenContract):
    class cls(Token):
        """After one came in, so does everybody who gives anything."""

        known = False

        def authenticate(self, request: Request) -> Any:
            if self.known and request.headers:
                return "partner"
            super().authenticate(request)
            self.known = True
            return "partner"

    fails = {"test_wrong_credentials_are_refused"}


class TestAnonymous(TokenContract):
    class cls(Token):
        """Lets in who says nothing."""

        def authenticate(self, request: Request) -> Any:
            return super().authenticate(request) if request.headers else "anonymous"

    fails = {"test_missing_credentials_are_refused"}


class TestBreaksDown(TokenContract):
    class cls(Token):
        """Breaks down over what is no text."""

        def authenticate(self, request: Request) -> Any:
            request.headers.get("x-token", "").encode()
            return super().authenticate(request)

    fails = {"test_malformed_credentials_are_refused"}


class TestTalksBack(TokenContract):
    class cls(Token):
        """Tells the refused what they sent, and all its log readers too."""

        def hint(self, given: str) -> str:
            return f": {given}"

    fails = {"test_refusals_tell_no_secret"}


class TestLogs(TokenContract):
    class cls(Token):
        """Logs what was sent."""

        def hint(self, given: str) -> str:
            self.log.info("refused %s", given)
            return ""

    fails = {"test_secrets_are_in_no_log_line"}


class TestSignsWrongly(TokenContract):
    class cls(Token):
        """Signs with another token."""

        def sign(self, headers: dict[str, str]) -> None:
            headers["X-Token"] = "another"

    fails = {"test_signed_calls_are_accepted"}


class TestEquals(TokenContract):
    cls, fails = Equals, {"test_compares_in_constant_time"}


class TestUnchecked(TokenContract):
    cls, fails = Unchecked, {"test_compares_in_constant_time"}
