"""The refusals of WS-Security (SMS 1.1.1, section 12): callers learn the code, the log why.

They are answered with status 401, like those of any other mechanism.
"""

from __future__ import annotations

from hansa import Refused
from hansa_soap.envelope import CodedFault

from .names import WSSE

CHALLENGE = 'WSSE realm="hansa", profile="UsernameToken"'
"""The WWW-Authenticate header of refusals."""


class FailedAuthentication(CodedFault, Refused):
    """The token is not accepted: wrong, expired, or used before; `reason` is for the log."""

    fault_code = f"{{{WSSE}}}FailedAuthentication"

    def __init__(self, reason: str) -> None:
        super().__init__("the security token could not be authenticated", CHALLENGE)
        self.reason = reason


class InvalidSecurity(CodedFault, Refused):
    """There is no Security header that can be read; `reason` is for the log."""

    fault_code = f"{{{WSSE}}}InvalidSecurity"

    def __init__(self, reason: str) -> None:
        super().__init__("a valid Security header with one UsernameToken is required", CHALLENGE)
        self.reason = reason
