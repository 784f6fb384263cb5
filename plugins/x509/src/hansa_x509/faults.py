"""The refusals of signed messages (SMS 1.1.1, section 12): callers learn the code, the log why."""

from __future__ import annotations

from hansa import Refused
from hansa_soap.envelope import CodedFault
from hansa_wss.names import WSSE

CHALLENGE = 'WSSE realm="hansa", profile="X509Token"'
"""The WWW-Authenticate header of refusals."""


class FailedCheck(CodedFault, Refused):
    """The signature is not accepted: wrong, of nobody known, expired or used before; `reason` is
    for the log.
    """

    fault_code = f"{{{WSSE}}}FailedCheck"

    def __init__(self, reason: str) -> None:
        super().__init__("the signature of the message is not accepted", CHALLENGE)
        self.reason = reason


class InvalidSecurity(CodedFault, Refused):
    """There is no Security header with a signature that can be read; `reason` is for the log."""

    fault_code = f"{{{WSSE}}}InvalidSecurity"

    def __init__(self, reason: str) -> None:
        super().__init__("a valid Security header with a signature is required", CHALLENGE)
        self.reason = reason
