"""Security type `jwt`: a JSON Web Token in the Authorization header (RFC 6750, 7519)."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from hansa import FileRecords, Misused, PlainSettings, Refused, Request, Security, Server
from hansa_security.bearer import CHALLENGE, INVALID_TOKEN, token_in
from hansa_security.credential import fingerprint

from .forged import ForgedTokens
from .principal import TokenPrincipal
from .settings import JwtSettings

if TYPE_CHECKING:
    from .checker import InvalidToken, TokenChecker
    from .ring import Verified
    from .signer import TokenSigner
    from .source import ConfiguredKeys, FetchedKeys

LONGEST = 16_384
"""Maximum length of an Authorization header, in characters; longer ones are refused unread."""


class Jwt(Security[JwtSettings]):
    """Admits callers with a JSON Web Token of the issuer, and can sign outgoing calls with one made
    from a key (RFC 6750, 7519).
    """

    type = "jwt"
    _checker: TokenChecker
    _source: ConfiguredKeys | FetchedKeys
    _signer: TokenSigner | None

    def __init__(self, name: str, config: JwtSettings, server: Server) -> None:
        super().__init__(name, config, server)
        # PERF: its libraries take 150 ms to import, which workers without such a definition save
        from .checker import TokenChecker
        from .signer import TokenSigner
        from .source import ConfiguredKeys, FetchedKeys

        self._forged = server.resource(ForgedTokens)
        self._checker = TokenChecker(name, config)
        self._signer = None if config.signing_key is None else TokenSigner(config)
        if config.jwks_url:
            records = FileRecords(server.dir / "jwks")
            self._source = FetchedKeys(
                f"security jwt {name!r}", config, server.objects, records, self.trouble, self.log
            )
        else:
            self._source = ConfiguredKeys(config)

    def start(self) -> None:
        """Begin to fetch the key set, if there is one; an issuer that is down is no failure."""
        self._source.start()

    def stop(self) -> None:
        """Stop fetching."""
        self._source.stop()

    def ping(self) -> str:
        """Fetch the key set, and return the key IDs in it; raises `Unavailable`."""
        return self._source.check()

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of bearer tokens, with their format."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

    def authenticate(self, request: Request) -> TokenPrincipal:
        """Return who the token names, with its claims; raises `Refused`, or `Unavailable` while
        there are no keys to verify by.
        """
        header = request.headers.get("authorization")
        if not header:
            raise Refused("a bearer token is required", CHALLENGE)
        if len(header) > LONGEST:
            raise _refusal()
        attempt = fingerprint(header)
        known = self._source.ring.verified.get(attempt)
        if known is not None and known.until > time():
            return known.principal
        return self._verify(attempt, token_in(header), request.peer).principal

    def _verify(self, attempt: bytes, token: str, peer: str) -> Verified:
        from .checker import InvalidToken, subject_of

        subject = ""
        try:
            found = self._checker.read(token)
            subject = subject_of(found)
            header = found.headers()
            kid = header.get("kid")
            ring = self._source.for_key_id(kid)
            verified = self._checker.verify(found, ring.find(header["alg"], kid))
        except InvalidToken as invalid:
            raise self._refused(invalid, attempt, subject, peer) from None
        ring.remember(attempt, verified)
        return verified

    def _refused(self, invalid: InvalidToken, attempt: bytes, subject: str, peer: str) -> Refused:
        """Return the refusal of a token, which does not say what is wrong with it: the log does.

        A token that is right is never held up, since it is verified first.
        """
        self.log.info("a token is refused: %s", invalid)
        refusal = _refusal()
        if invalid.is_forged:
            seconds = self._forged.count(attempt, self.name, subject, peer)
            if seconds > 0:
                refusal.headers["Retry-After"] = str(int(seconds) + 1)
        return refusal

    def sign(self, headers: dict[str, str]) -> None:
        """Set the Authorization header of an outgoing call; raises `Misused` without a
        `signing_key`.
        """
        if self._signer is None:
            raise Misused(
                f"the security definition {self.name} signs no outgoing calls: it has no signing_key"
            )
        headers["Authorization"] = f"Bearer {self._signer.token()}"


def _refusal() -> Refused:
    """Return the refusal of any token that is not valid."""
    return Refused("the token is not valid", INVALID_TOKEN)
