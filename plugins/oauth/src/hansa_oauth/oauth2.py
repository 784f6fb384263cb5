"""Security type `oauth2`: access tokens of an issuer for outgoing calls and for logins of
connections (RFC 6749, 6750).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hansa import (
    HansaError,
    Login,
    OutgoingRequest,
    PlainSettings,
    Refused,
    Request,
    Secret,
    Security,
    Server,
    Unavailable,
)

from .oauth2_settings import OAuth2Settings

if TYPE_CHECKING:
    from .shared_token import SharedToken

NAMESPACE = "oauth2-tokens"
"""The namespace of the records in which tokens are kept."""
_SPARE = 5.0
"""Seconds that a worker may take beyond the time-out before another asks the issuer in its place.
"""


class OAuth2(Security[OAuth2Settings]):
    """Signs outgoing calls with an access token, and supplies it to connections as their login; it
    lets no caller in.
    """

    type = "oauth2"
    _token: SharedToken

    def __init__(self, name: str, config: OAuth2Settings, server: Server) -> None:
        super().__init__(name, config, server)
        # PERF: their libraries take 150 ms to import, which workers without such a definition save
        from .fetch_lease import FetchLease
        from .shared_token import SharedToken
        from .token_endpoint import TokenEndpoint
        from .token_source import TokenSource
        from .token_store import TokenStore

        label = f"security oauth2 {name!r}"
        is_needed = config.grant == "refresh_token"
        source = TokenSource(
            label,
            config,
            TokenEndpoint(label, config, server.objects),
            TokenStore(server.records(NAMESPACE), name, config),
            FetchLease(server, name, config.timeout + _SPARE, self.log, is_needed=is_needed),
            self.trouble,
            self.log,
        )
        self._token = SharedToken(label, config, source)

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of bearer tokens."""
        return {"type": "http", "scheme": "bearer"}

    def start(self) -> None:
        """Check that all who use a refresh token can share it; raises `Unavailable` where several
        servers have no Redis.
        """
        if self.config.grant != "refresh_token" or self.server.bus.records(NAMESPACE) is not None:
            return
        workers = self.server.cluster.reports()
        if any(worker.partition("/")[0] != self.server.name for worker in workers):
            raise Unavailable("several servers share a refresh token over Redis only (hansa-redis)")

    def stop(self) -> None:
        """Wait for a renewal in progress."""
        self._token.stop()

    def ping(self) -> str:
        """Return until when the token is valid, after fetching one if there is none; raises
        `HansaError`.
        """
        token = self._token.get()
        until = datetime.fromtimestamp(token.expires_at, UTC)
        return f"access token valid until {until:%Y-%m-%d %H:%M:%S} UTC"

    def authenticate(self, request: Request) -> object:
        """Refuse: whether a token is right is for its issuer to say, or for the type `jwt`."""
        raise Refused("callers cannot prove here who they are")

    def sign(self, headers: dict[str, str]) -> None:
        """Set the Authorization header of an outgoing call; raises `HansaError` if there is no
        token.
        """
        headers["Authorization"] = f"Bearer {self._token.get().value}"

    def renew(self, rejected: OutgoingRequest) -> bool:
        """Return whether there is another token than the one that the peer has refused."""
        token = rejected.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            return self._token.replace(token)
        except HansaError as error:
            self.log.warning("a token that a peer refused is not replaced: %s", error.explanation)
            return False

    def login(self) -> Login:
        """Return the token, and the user name that goes with it; raises `HansaError` if there is no
        token.
        """
        return Login(username=self.config.username, token=Secret(self._token.get().value))
