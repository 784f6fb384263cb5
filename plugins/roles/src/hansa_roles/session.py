"""A session: what a caller is known by from its login to its logout, or until it is too old."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import SupportsIndex

from hansa import Refused, Request
from hansa_security.verification import Principal

PREFIX = "hansa-session-"
"""What each token begins with, so that no other definition is asked about it, and what looks for
leaked secrets finds it.
"""
RANDOM_BYTES = 32
_TOKEN = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
_LONGEST = 1100
"""Maximum length of an Authorization header with a token, in characters."""
CHALLENGE = 'Bearer realm="Hansa admin", error="invalid_token"'
"""The WWW-Authenticate header of callers whose session has ended (RFC 6750, section 3.1)."""
ENDED = "the session has ended, or never was"


def new_token() -> str:
    """Return a new token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(token: str) -> str:
    """Return the SHA-256 digest of a token, in hexadecimal: all that is ever stored of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_in(request: Request) -> str | None:
    """Return the token of a session in the Authorization header of a request, or None.

    Raises `Refused` for one that is malformed.
    """
    header = request.headers.get("authorization", "")
    scheme, _, token = header[:_LONGEST].partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token.startswith(PREFIX):
        return None
    if len(header) > _LONGEST or not _TOKEN.fullmatch(token):
        raise refused()
    return token


def refused() -> Refused:
    """Return the refusal of a token, which is the same whatever is wrong with it."""
    return Refused(ENDED, CHALLENGE)


class SessionPrincipal(Principal):
    """Who called: the user who has logged in, the definition that vouches for it, its groups if it
    has any, and the digest of the session's token.
    """

    __slots__ = ("groups", "session")
    groups: tuple[str, ...]
    session: str

    def __new__(
        cls, name: str, definition: str, groups: tuple[str, ...] = (), session: str = ""
    ) -> SessionPrincipal:
        """Make the principal `name`, never empty."""
        self = str.__new__(cls, name)
        object.__setattr__(self, "definition", definition)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "session", session)
        return self

    def __reduce_ex__(
        self, protocol: SupportsIndex
    ) -> tuple[type[SessionPrincipal], tuple[str, str, tuple[str, ...], str]]:
        """Let it be copied."""
        return SessionPrincipal, (str(self), self.definition, self.groups, self.session)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored.

    `digest` is that of its token. `revision` is the newest revision of the user's definitions at
    the login: it ends when they change. `proof` ties it to the password of a user that comes with
    Hansa, whose definition has no revision. Times are in seconds of the Unix epoch.
    """

    digest: str
    principal: SessionPrincipal
    account: str
    began: float
    revision: int
    proof: str
    address: str
    agent: str


def proof_of(token: str, password: str) -> str:
    """Return what ties a session to a password; nobody can check a guess who does not have the
    token, which is stored nowhere.
    """
    return hmac.new(token.encode(), password.encode(), hashlib.sha256).hexdigest()
