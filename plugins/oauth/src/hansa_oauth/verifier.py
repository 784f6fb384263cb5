"""Decides whether the signature of a request is right, and used for the first time (RFC 5849,
section 3.2).
"""

from __future__ import annotations

import hmac
from functools import partial
from time import time

from hansa import Request
from hansa_security.credential import fingerprint
from hansa_security.nonces import UsedNonces
from hansa_security.proof import ProofVerification

from .authorization import Credentials, InvalidCredentials, read_authorization
from .oauth1_settings import OAuth1Settings
from .signature import PLAINTEXT, base_string, is_hash_of, sign
from .signed_request import ReceivedRequest


class RequestVerifier:
    """Verifies requests by the settings of a definition."""

    def __init__(
        self, settings: OAuth1Settings, verification: ProofVerification, nonces: UsedNonces
    ) -> None:
        self._settings = settings
        self._verification = verification
        self._nonces = nonces

    def verify(self, header: str, request: Request) -> None:
        """Raise `InvalidCredentials` unless a request with this Authorization header is signed by
        the consumer; `Refused` with `Retry-After` for who has guessed too often, and `Unavailable`
        if the nonce cannot be checked.
        """
        credentials = read_authorization(header)
        received = ReceivedRequest(request, self._settings.address)
        self._check_method(credentials, received)
        self._check_timestamp(credentials)
        attempt = fingerprint(credentials.signature)
        is_right = partial(self._is_right, credentials, received)
        name = credentials.consumer_key
        if not self._verification.accept(attempt, name, request.peer, is_right):
            raise InvalidCredentials("consumer key, token or signature are wrong")
        # after the signature, so that only a consumer has large bodies hashed
        self._check_body_hash(credentials, received)
        self._use_nonce(credentials)

    def _check_method(self, credentials: Credentials, received: ReceivedRequest) -> None:
        method = credentials.signature_method
        if method not in self._settings.signature_methods:
            raise InvalidCredentials("the signature method is not accepted")
        if method == PLAINTEXT and not received.is_encrypted:
            raise InvalidCredentials("PLAINTEXT is accepted over TLS only")

    def _check_timestamp(self, credentials: Credentials) -> None:
        """Refuse what is too old or was made in the future; PLAINTEXT needs neither timestamp nor
        nonce.
        """
        timestamp = credentials.timestamp
        if credentials.signature_method == PLAINTEXT and not timestamp and not credentials.nonce:
            return
        is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
        if not is_number or not credentials.nonce:
            raise InvalidCredentials("timestamp or nonce are missing, or malformed")
        if abs(time() - int(timestamp)) > self._settings.clock_skew:
            raise InvalidCredentials("the timestamp is too far from the server's time")

    def _check_body_hash(self, credentials: Credentials, received: ReceivedRequest) -> None:
        presented = credentials.body_hash
        if not presented:
            if self._settings.require_body_hash and received.body and not received.has_form:
                raise InvalidCredentials("the body is not signed (oauth_body_hash)")
            return
        if received.has_form:
            raise InvalidCredentials("the body of a form is signed by its fields, not by its hash")
        if not is_hash_of(received.body, presented):
            raise InvalidCredentials("the body is not the one that was signed")

    def _is_right(self, credentials: Credentials, received: ReceivedRequest) -> bool:
        """Whether a request was signed by this consumer, with its token if there is one."""
        settings = self._settings
        parameters = received.parameters + credentials.parameters
        text = base_string(received.method, received.url, parameters)
        right = sign(credentials.signature_method, text, settings.secrets)
        same_consumer = _is_same(credentials.consumer_key, settings.consumer_key)
        same_token = _is_same(credentials.token, str(settings.token or ""))
        same_signature = _is_same(credentials.signature, right)
        return same_consumer and same_token and same_signature

    def _use_nonce(self, credentials: Credentials) -> None:
        """Refuse what was presented before."""
        if not credentials.nonce:
            return
        nonce = f"{credentials.token}\0{credentials.timestamp}\0{credentials.nonce}"
        if not self._nonces.use(credentials.consumer_key, nonce.encode()):
            raise InvalidCredentials("the nonce was used before")


def _is_same(presented: str, right: str) -> bool:
    return hmac.compare_digest(presented.encode(), right.encode())
