"""Security type `apikey`: a key in a header of the caller's, or in the query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Annotated, Any

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

from .credential import Credential, check_signs, fault_of, fingerprint, hash_key, is_hash, new_key
from .strength import requirements
from .throttle import Throttle
from .verification import Principal, Verification

LONGEST = 1024
"""Maximum length of a key, in characters; longer ones are refused unread."""


class ApiKeySettings(Model):
    """API key.

    What a definition of an API key holds.
    """

    key: Annotated[
        Secret | None,
        setting(
            "Key of callers; stored as a hash, or encrypted if it also signs. "
            "If left out, a random one is generated"
        ),
    ] = None
    header: Annotated[
        str,
        setting(
            "Header that carries the key; one with _ in its name can only sign, as servers drop it",
            pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
            max_length=64,
            example="X-API-Key",
        ),
    ] = "X-API-Key"
    query: Annotated[
        str,
        setting(
            "Parameter of the query string that carries the key, instead of a header; keys in URLs "
            "are logged by many programs on their way, so prefer a header",
            max_length=64,
            pattern=r"^[A-Za-z0-9._~-]*$",
            example="api_key",
        ),
    ] = ""
    signs: Annotated[
        bool,
        setting(
            "Whether it also signs outgoing calls and logs in to servers, for which the key is "
            "encrypted instead of hashed"
        ),
    ] = False

    def check(self) -> None:
        """Refuse keys that a header cannot carry, and a hash where the key itself is needed."""
        faults: dict[str, str] = {}
        fault = self._fault_of_key()
        if fault:
            faults["key"] = fault
        if "\n" in self.header:
            faults["header"] = "must be one line"
        elif "_" in self.header and not self.signs and not self.query:
            faults["header"] = (
                "headers with _ in their names are dropped on arrival, since others could pass for "
                "them; use -"
            )
        if "\n" in self.query:
            faults["query"] = "must be one line"
        if faults:
            raise Invalid(faults)

    def _fault_of_key(self) -> str:
        key = self.key
        if key is None:
            return "required, and missing; a good one is 32 random bytes, as `openssl rand -hex 32` prints"
        fault = fault_of(key)
        if fault:
            return fault
        if not key.isascii() or key != key.strip():
            return "must be ASCII, without spaces at its ends"
        if self.signs and is_hash(key):
            return "is stored as a hash, which cannot sign: give the key again"
        return ""


class ApiKey(Security[ApiKeySettings]):
    """Admits callers whose header or query string has the right key, and can sign outgoing calls
    with it.
    """

    type = "apikey"

    def __init__(self, name: str, config: ApiKeySettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._header = config.header.lower()
        place = f'query="{config.query}"' if config.query else f'header="{config.header}"'
        self._challenge = f'ApiKey realm="hansa", {place}'
        self._principal = Principal(name, name)
        self._verification = Verification(
            "",
            Credential(config.key or ""),
            self._challenge,
            throttle=server.resource(Throttle),
            name=f"apikey {name}",
        )
        self._verified = self._verification.verified
        requirements.warn(name, config.key or "")

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the header, or the parameter of the query string, that carries the key."""
        query = settings.get("query")
        if query:
            return {"type": "apiKey", "in": "query", "name": query}
        header = settings.get("header", ApiKeySettings.header)
        return {"type": "apiKey", "in": "header", "name": header}

    @classmethod
    def generate(cls, given: PlainSettings) -> PlainSettings:
        """Return a random key, if none was given; it is shown once, in the answer to the creation."""
        return {"key": new_key()} if given.get("key") is None else {}

    @classmethod
    def prepare(cls, config: ApiKeySettings) -> ApiKeySettings:
        """Return the settings with the hash of a key that need not sign: SHA-256 of a long random
        one, argon2id of one that might be guessed.
        """
        key = config.key
        if key is None or config.signs or is_hash(key):
            return config
        fault = requirements.fault_of(key)
        if fault:
            raise Invalid({"key": fault})
        return replace(config, key=hash_key(key))

    def authenticate(self, request: Request) -> Principal:
        """Return the definition's own name for a request with the right key; raises `Refused`.

        A right key in the query string is taken out of the request, so that no service sees it.
        """
        if not self.config.query:
            key = request.headers.get(self._header)
            if not key:
                fault = f"a key in the header {self.config.header} is required"
                raise Refused(fault, self._challenge)
            return self._accept(key, request.peer)
        name = self.config.query
        query = request.extra.get("query") or {}
        key = query.get(name)
        if not isinstance(key, str) or not key:
            fault = f"one key in the parameter {name} of the query string is required"
            raise Refused(fault, self._challenge)
        principal = self._accept(key, request.peer)
        request.extra = {**request.extra, "query": _without(query, name)}
        if name not in request.extra.get("path_params", ()):
            request.params = _without(request.params, name)
        return principal

    def _accept(self, key: str, peer: str) -> Principal:
        if len(key) > LONGEST:
            raise Refused("the key is too long", self._challenge)
        attempt = fingerprint(key)
        if self._verified.get(attempt, 0.0) > monotonic():
            return self._principal
        if not self._verification.accept(attempt, "", key, peer):
            raise Refused("the key is wrong", self._challenge)
        return self._principal

    def sign(self, headers: dict[str, str]) -> None:
        """Set the header of an outgoing call; raises `HansaError` unless the setting `signs` is on."""
        check_signs(self.name, self.config.signs)
        if not self.config.query:
            headers[self.config.header] = str(self.config.key)

    def sign_query(self, query: dict[str, str]) -> None:
        """Set the parameter of an outgoing call, if the key is in the query string; raises
        `HansaError` unless the setting `signs` is on.
        """
        check_signs(self.name, self.config.signs)
        if self.config.query:
            query[self.config.query] = str(self.config.key)

    def login(self) -> Login:
        """Return the key as a token; raises `HansaError` unless the setting `signs` is on."""
        check_signs(self.name, self.config.signs)
        return Login(token=self.config.key)


def _without(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    rest = dict(parameters)
    rest.pop(name, None)
    return rest
