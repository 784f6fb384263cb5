"""Security type `ldap`: user name and password (HTTP Basic, RFC 7617), judged by a directory (RFC
4511).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from hansa import PlainSettings, Refused, Request, Security, Server
from hansa_connect.tls import definitions_of, resolved
from hansa_security.basic import basic_challenge, credentials_in
from hansa_security.credential import fingerprint
from hansa_security.tables import drop_oldest
from hansa_security.throttle import Throttle

from .names import comparable
from .principal import DirectoryPrincipal
from .settings import LdapSettings

if TYPE_CHECKING:
    from .directory import Directory

LONGEST_NAME = 256
"""Maximum length of a user name, in characters."""
LONGEST_PASSWORD = 1024
"""Maximum length of a password, in characters."""
REMEMBERED = 4096
"""Maximum number of logins that a definition remembers."""
REFUSED_FOR = 10.0
"""Seconds for which wrong credentials are refused again without asking the directory, which may
count what fails.
"""


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: DirectoryPrincipal
    until: float


class Ldap(Security[LdapSettings]):
    """Admits callers whose user name and password a directory accepts."""

    type = "ldap"
    _directory: Directory

    def __init__(self, name: str, config: LdapSettings, server: Server) -> None:
        super().__init__(name, config, server)
        # PERF: ldap3 takes 100 ms to import, which workers without such a definition save
        from .directory import Directory

        self._challenge = basic_challenge(config.realm)
        self._throttle = server.resource(Throttle)
        self._verified: dict[bytes, _Verified] = {}
        self._refused: dict[bytes, float] = {}
        self._directory = Directory(
            name, config, lambda: resolved(config, server.objects), self.trouble, self.log
        )

    @classmethod
    def logins(cls, config: LdapSettings) -> Iterable[str]:
        """Return the security definitions of TLS that it connects by."""
        return definitions_of(config)

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of HTTP Basic."""
        return {"type": "http", "scheme": "basic"}

    def start(self) -> None:
        """Connect; a directory that does not answer is no failure."""
        self._directory.start()

    def stop(self) -> None:
        """Close all connections."""
        self._directory.stop()

    def ping(self) -> str:
        """Log in to the directory as the account that searches; raises `Unavailable`."""
        return self._directory.check()

    def authenticate(self, request: Request) -> DirectoryPrincipal:
        """Return the user of a request that the directory accepts; raises `Refused`, or
        `Unavailable` while no server of the directory answers.
        """
        header = request.headers.get("authorization")
        if not header:
            raise Refused("a user name and a password are required", self._challenge)
        attempt = fingerprint(header)
        known = self._known(attempt)
        if known is not None:
            return known
        username, password = credentials_in(header, self._challenge)
        if not _is_possible(username, password) or self._refused.get(attempt, 0.0) > monotonic():
            raise self._refusal()
        counted = comparable(username)
        self._check_standing(attempt, counted, request.peer)
        principal = self._directory.login(username, password)
        return self._note(principal, attempt, counted, request.peer)

    def _known(self, attempt: bytes) -> DirectoryPrincipal | None:
        """Return who was verified with the same credentials a while ago."""
        known = self._verified.get(attempt)
        return known.principal if known is not None and known.until > monotonic() else None

    def _check_standing(self, attempt: bytes, username: str, peer: str) -> None:
        """Raise `Refused` with `Retry-After` if this user or address has failed too often; what was
        right before is not held up.
        """
        if attempt not in self._verified:
            self._throttle.look(attempt, username, peer).check(self._challenge)

    def _note(
        self, principal: DirectoryPrincipal | None, attempt: bytes, username: str, peer: str
    ) -> DirectoryPrincipal:
        # looked at anew, since many may have been judged at the same moment
        self._check_standing(attempt, username, peer)
        standing = self._throttle.look(attempt, username, peer)
        if principal is None:
            self._verified.pop(attempt, None)
            drop_oldest(self._refused, REMEMBERED)
            self._refused[attempt] = monotonic() + REFUSED_FOR
            self._throttle.fail(standing).check(self._challenge)
            raise self._refusal()
        self._throttle.succeed(standing)
        drop_oldest(self._verified, REMEMBERED)
        self._verified[attempt] = _Verified(principal, monotonic() + self.config.cache)
        return principal

    def _refusal(self) -> Refused:
        return Refused("the user name or the password is wrong", self._challenge)


def _is_possible(username: str, password: str) -> bool:
    """Whether the directory may be asked at all: an empty password would be an anonymous login,
    which directories accept (RFC 4513, section 5.1.2).
    """
    if not username or not password or not username.isprintable():
        return False
    return len(username) <= LONGEST_NAME and len(password) <= LONGEST_PASSWORD
