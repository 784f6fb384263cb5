"""Security type `apikey`: a key in a header of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Annotated, Any

from hansa import HansaError, Invalid, Model, Refused, Request, Secret, Security, setting

from .credential import Credential, fault_of, fingerprint, hash_key, is_hash, new_key
from .verification import Principal, Verification

LONGEST = 1024
"""Characters of a key that are looked at; longer ones are refused unread."""


class ApiKeySettings(Model):
    """What a definition of an API key holds."""

    key: Annotated[
        Secret | None,
        setting(
            "Key that callers give; stored as a hash, or encrypted if it also signs. Left out: a random one is made"
        ),
    ] = None
    header: Annotated[
        str,
        setting(
            "Header that carries the key",
            pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
            max_length=64,
            example="X-API-Key",
        ),
    ] = "X-API-Key"
    signs: Annotated[
        bool,
        setting("Also signs outgoing calls, for which the key is kept encrypted instead of hashed"),
    ] = False

    def check(self) -> None:
        """Refuse keys that a header cannot carry, and a hash where the key itself is needed."""
        faults = {}
        if self.key is None:
            faults["key"] = (
                "required, and missing; a good one is 32 random bytes, as `openssl rand -hex 32` prints"
            )
        elif fault := fault_of(self.key):
            faults["key"] = fault
        elif not self.key.isascii() or self.key != self.key.strip():
            faults["key"] = "must be ASCII, without spaces at its ends"
        elif self.signs and is_hash(self.key):
            faults["key"] = "is stored as a hash, which cannot sign: give the key again"
        if "\n" in self.header:
            faults["header"] = "must be one line"
        if faults:
            raise Invalid(faults)


class ApiKey(Security):
    """Lets in callers whose header holds the right key, and can sign outgoing calls with it."""

    type = "apikey"
    Config = ApiKeySettings

    def __init__(self, name: str, config: Any, server: Any = None) -> None:
        super().__init__(name, config, server)
        self._header = config.header.lower()
        self._challenge = f'ApiKey realm="hansa", header="{config.header}"'
        self._principal = Principal(name, name)
        self._verification = Verification("", Credential(config.key))
        self._verified = self._verification.verified

    @classmethod
    def generate(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """A random key, if none was given: to be merged into a new definition and told once, in the answer to its creation."""
        return {"key": new_key()} if given.get("key") is None else {}

    @classmethod
    def prepare(cls, config: Any) -> Any:
        """Replace a key that need not sign by its hash: SHA-256 of a long random one, argon2id of one that might be guessed."""
        if config.signs or is_hash(config.key):
            return config
        return replace(config, key=hash_key(config.key))

    def authenticate(self, request: Request) -> Principal:
        """The definition's own name, of a request with the right key; raises `Refused`."""
        key = request.headers.get(self._header)
        if not key:
            raise Refused(f"a key in the header {self.config.header} is needed", self._challenge)
        if len(key) > LONGEST:
            raise Refused("the key is too long", self._challenge)
        attempt = fingerprint(key)
        if self._verified.get(attempt, 0.0) > monotonic():
            return self._principal
        try:
            right = self._verification.accept(attempt, "", key, request.peer)
        except Refused as refused:
            refused.headers["WWW-Authenticate"] = self._challenge
            raise
        if not right:
            raise Refused("the key is wrong", self._challenge)
        return self._principal

    def sign(self, headers: dict[str, str]) -> None:
        """Set the header of an outgoing call; raises `HansaError` unless the setting `signs` is on."""
        if not self.config.signs:
            raise HansaError(
                f"the security definition {self.name} signs no outgoing calls: its setting signs is off"
            )
        headers[self.config.header] = str(self.config.key)
