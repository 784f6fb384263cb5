"""Security type `oauth1`: requests signed by OAuth 1.0 (RFC 5849), both ways."""

from __future__ import annotations

from hansa import (
    Invalid,
    Misused,
    OutgoingRequest,
    PlainSettings,
    Refused,
    Request,
    Security,
    Server,
)
from hansa_security.credential import check_signs
from hansa_security.nonces import UsedNonces
from hansa_security.proof import ProofVerification
from hansa_security.strength import requirements
from hansa_security.throttle import Throttle
from hansa_security.verification import Principal

from .authorization import InvalidCredentials
from .oauth1_settings import OAuth1Settings

NAMESPACE = "oauth1-nonces"
"""The namespace of the records in which nonces are kept."""


class OAuth1(Security[OAuth1Settings]):
    """Admits callers whose requests are signed with the consumer's secret, each once, and can sign
    outgoing calls.
    """

    type = "oauth1"

    def __init__(self, name: str, config: OAuth1Settings, server: Server) -> None:
        super().__init__(name, config, server)
        # PERF: their libraries take 15 ms to import, which workers without such a definition save
        from .signer import RequestSigner
        from .verifier import RequestVerifier

        self._challenge = f'OAuth realm="{config.realm or "hansa"}"'
        self._principal = Principal(config.consumer_key, name)
        secret = "".join(config.secrets)
        throttle = server.resource(Throttle)
        # a request may come from the future by the skew, and is then accepted for twice as long
        nonces = UsedNonces(server.records(NAMESPACE), 2 * config.clock_skew + 1)
        verification = ProofVerification(secret, self._challenge, throttle)
        self._verifier = RequestVerifier(config, verification, nonces)
        self._signer = RequestSigner(name, config)
        requirements.warn(name, config.consumer_secret, config.consumer_key)

    @classmethod
    def prepare(cls, config: OAuth1Settings) -> OAuth1Settings:
        """Return the settings as they are; raises `Invalid` for a secret of callers that is too
        weak.
        """
        if not config.signs:
            fault = requirements.fault_of(config.consumer_secret, config.consumer_key)
            if fault:
                raise Invalid({"consumer_secret": fault})
        return config

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of the Authorization header."""
        return {"type": "http", "scheme": "OAuth"}

    def authenticate(self, request: Request) -> Principal:
        """Return the consumer of a request with the right signature; raises `Refused`, and
        `Unavailable` if the nonce cannot be checked.
        """
        header = request.headers.get("authorization")
        if not header:
            raise Refused("an OAuth signature is required", self._challenge)
        try:
            self._verifier.verify(header, request)
        except InvalidCredentials as invalid:
            refusal = Refused("the OAuth credentials are not valid", self._challenge)
            refusal.reason = str(invalid)
            raise refusal from None
        return self._principal

    def sign(self, headers: dict[str, str]) -> None:
        """Refuse to sign headers alone: the signature is of the whole request."""
        raise Misused(
            f"the security definition {self.name} signs whole HTTP requests, nothing else"
        )

    def sign_request(self, request: OutgoingRequest) -> None:
        """Set the Authorization header of an outgoing request; raises `Misused` unless `signs` is
        on, or for a request that cannot be signed.
        """
        check_signs(self.name, self.config.signs)
        self._signer.sign(request)
