"""Security types `accounts` and `accounts-login`: the login of the user `admin`, and of everybody
who has an account.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Iterator
from typing import Annotated

from hansa import (
    HansaError,
    Invalid,
    Model,
    PlainSettings,
    Refused,
    Request,
    Secret,
    Security,
    load,
    setting,
)
from hansa_admin.guard import SECURITY as ADMIN
from hansa_admin.reading import read_object
from hansa_security.basic import Basic, basic_challenge

from . import session_login
from .policy import Policy
from .session import token_in

RETRY = "Retry-After"
"""The header of a refusal that says when the next attempt is judged."""
LONGEST = 8192
"""Maximum length of an Authorization header, in characters; longer ones are left to the last to
refuse.
"""
CHALLENGE = basic_challenge("Hansa admin")
"""The WWW-Authenticate header of who logs in without a user name and a password."""


class Accounts(Security):
    """Admits callers with a credential of any account, those whom roles name that permit admin
    services, and the user `admin`.
    """

    type = "accounts"

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return HTTP Basic, which people log in by."""
        return {"type": "http", "scheme": "basic"}

    def authenticate(self, request: Request) -> object:
        """Return who the caller is; raises `Refused`.

        A user name that some definition has is judged by that one alone. Other callers are judged
        by what is not HTTP Basic, such as tokens and directories, and last by a definition whose
        judgement takes as long as that of a name that is known. Before the admin API a token of a
        session does, too, and nothing else judges one.
        """
        token = token_in(request) if self.builtin else None
        if token is not None:
            return session_login.authenticate(self.server, request, token)
        return self.authenticate_anew(request)

    def authenticate_anew(self, request: Request) -> object:
        """Return who the caller is, by a credential of an account; raises `Refused`."""
        refusal: Refused | None = None
        for security in self._judges(request):
            try:
                return security.authenticate(request)
            except Refused as refused:
                if refusal is None or RETRY not in refusal.headers:
                    refusal = refused
        refusal = refusal or Refused("credentials are required", CHALLENGE)
        if _user_in(request.headers.get("authorization", "")) is not None:
            # the realm of the definition that has judged a name would tell whether there is one
            refusal.headers["WWW-Authenticate"] = CHALLENGE
        raise refusal

    def _judges(self, request: Request) -> Iterator[Security]:
        """Return the definitions that may know a caller, one after the other."""
        logins = list(self._logins())
        basics = [one for one in logins if isinstance(one, Basic)]
        user = _user_in(request.headers.get("authorization", ""))
        named = [one for one in basics if _normal(one.config.username) == user]
        if named:
            yield named[0]
        elif user is not None and self._is_admin(user):
            yield self.server.objects.security(ADMIN)
        else:
            yield from (one for one in logins if not isinstance(one, Basic))
            yield basics[0] if basics and user else self.server.objects.security(ADMIN)

    def _is_admin(self, user: str) -> bool:
        admin = self.server.objects.security(ADMIN)
        return isinstance(admin, Basic) and _normal(admin.config.username) == user

    def _logins(self) -> Iterator[Security]:
        """Return the definitions by which people log in, by name; those that do not run are left
        out, and logins of accounts themselves.
        """
        for name in sorted(self.server.resource(Policy).current().logins):
            try:
                found = self.server.objects.security(name)
            except HansaError:
                continue
            if not isinstance(found, Accounts):
                yield found


class LoginInput(Model):
    """Who logs in."""

    user: Annotated[str, setting("Name of the user", min_length=1, max_length=256)]
    password: Annotated[Secret, setting("Its password")]


class AccountsLogin(Accounts):
    """Admits callers with a user name and a password in a JSON body, which an account has, or the
    user `admin`.
    """

    type = "accounts-login"

    def authenticate(self, request: Request) -> object:
        """Return who logs in; judged, and held up, as by HTTP Basic. Raises `Refused`, for a body
        that is malformed, too.
        """
        try:
            given = load(LoginInput, read_object(request.raw))
        except Invalid:
            raise Refused("a user name and a password are required", CHALLENGE) from None
        return self.judge(given.user, given.password, request)

    def judge(self, given_user: str, password: str, request: Request) -> object:
        """Return who has this name and this password, held up by the address of a request; raises
        `Refused`.
        """
        # no user has a name with a colon in it, and HTTP Basic would end the name there
        user = given_user.replace(":", "\0")
        pair = f"{user}:{password}".encode(errors="surrogatepass")
        header = "Basic " + base64.b64encode(pair).decode()
        inner = Request(
            headers={**request.headers, "authorization": header}, peer=request.peer, cid=request.cid
        )
        return self.authenticate_anew(inner)


def _user_in(header: str) -> str | None:
    """Return the user name in an Authorization header of HTTP Basic; None if there is none."""
    scheme, _, encoded = header[:LONGEST].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, _ = pair.partition(":")
    return _normal(user) if colon else None


def _normal(user: str) -> str:
    """Return a user name as hansa-security compares it (RFC 7617, 2.1)."""
    return unicodedata.normalize("NFC", user)
