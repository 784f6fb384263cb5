"""Security type `bearer`: an opaque token in the Authorization header (RFC 6750)."""

from __future__ import annotations

import re
from dataclasses import replace
from time import monotonic
from typing import Annotated

from hansa import (
    Invalid,
    Login,
    Model,
    PlainSettings,
    Refused,
    Request,
    Secret,
    Security,
    Server,
    setting,
)

from .credential import (
    AnyCredential,
    check_signs,
    fault_of,
    fingerprint,
    hash_key,
    is_hash,
    new_key,
)
from .strength import requirements
from .throttle import Throttle
from .verification import Principal, Verification

LONGEST = 1100
"""Maximum length of an Authorization header, in characters; longer ones are refused unread."""
CHALLENGE = 'Bearer realm="hansa"'
"""The WWW-Authenticate header of callers without a token (RFC 6750, section 3)."""
INVALID_TOKEN = f'{CHALLENGE}, error="invalid_token"'
"""That of callers whose token is not accepted (RFC 6750, section 3.1)."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*").fullmatch


class BearerSettings(Model):
    """Bearer tokens.

    What a definition of bearer tokens holds.
    """

    tokens: Annotated[
        list[Secret],
        setting(
            "Tokens of callers, all valid at once, so that one can replace another without a gap; "
            "stored as hashes, or encrypted if they also sign. If left out, one is generated",
            max_length=20,
        ),
    ] = []
    signs: Annotated[
        bool,
        setting(
            "Whether the first token also signs outgoing calls and logs in to servers, for which "
            "tokens are encrypted instead of hashed"
        ),
    ] = False

    def check(self) -> None:
        """Refuse tokens that the header cannot carry, and a hash where a token itself is needed."""
        faults: dict[str, str] = {}
        if not self.tokens:
            faults["tokens"] = "at least one is required"
        for index, token in enumerate(self.tokens):
            fault = fault_of(token)
            if not fault and not is_hash(token) and not _TOKEN(token):
                fault = "must be letters, digits and -._~+/ with = at its end only (RFC 6750)"
            if not fault and self.signs and index == 0 and is_hash(token):
                fault = "is stored as a hash, which cannot sign: give the token again"
            if fault:
                faults[f"tokens[{index}]"] = fault
        if faults:
            raise Invalid(faults)


def token_in(header: str) -> str:
    """Return the token in an Authorization header; raises `Refused` for one of another scheme."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("the Authorization header is not of the scheme Bearer", CHALLENGE)
    return token.strip(" ")


class Bearer(Security[BearerSettings]):
    """Admits callers with one of the tokens, and can sign outgoing calls with the first (RFC 6750)."""

    type = "bearer"

    def __init__(self, name: str, config: BearerSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._principal = Principal(name, name)
        self._verification = Verification(
            "",
            AnyCredential(config.tokens),
            CHALLENGE,
            throttle=server.resource(Throttle),
            name=f"bearer {name}",
        )
        self._verified = self._verification.verified
        for token in config.tokens:
            requirements.warn(name, token)

    @classmethod
    def generate(cls, given: PlainSettings) -> PlainSettings:
        """Return a random token, if none was given; it is shown once, in the answer to the
        creation.
        """
        return {} if given.get("tokens") else {"tokens": [new_key()]}

    @classmethod
    def prepare(cls, config: BearerSettings) -> BearerSettings:
        """Return the settings with hashes of tokens that need not sign: SHA-256 of long random
        ones, argon2id of those that might be guessed.
        """
        if config.signs:
            return config
        faults: dict[str, str] = {}
        for index, token in enumerate(config.tokens):
            fault = requirements.fault_of(token)
            if fault:
                faults[f"tokens[{index}]"] = fault
        if faults:
            raise Invalid(faults)
        hashes = [token if is_hash(token) else hash_key(token) for token in config.tokens]
        return replace(config, tokens=hashes)

    def authenticate(self, request: Request) -> Principal:
        """Return the definition's own name for a request with one of the tokens; raises `Refused`."""
        header = request.headers.get("authorization")
        if not header:
            raise Refused("a bearer token is required", CHALLENGE)
        if len(header) > LONGEST:
            raise Refused("the Authorization header is too long", CHALLENGE)
        attempt = fingerprint(header)
        if self._verified.get(attempt, 0.0) > monotonic():
            return self._principal
        if not self._verification.accept(attempt, "", token_in(header), request.peer):
            raise Refused("the token is wrong", INVALID_TOKEN)
        return self._principal

    def sign(self, headers: dict[str, str]) -> None:
        """Set the Authorization header of an outgoing call; raises `HansaError` unless the setting
        `signs` is on.
        """
        check_signs(self.name, self.config.signs)
        headers["Authorization"] = f"Bearer {self.config.tokens[0]!s}"

    def login(self) -> Login:
        """Return the first token; raises `HansaError` unless the setting `signs` is on."""
        check_signs(self.name, self.config.signs)
        return Login(token=self.config.tokens[0])
