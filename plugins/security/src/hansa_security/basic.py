"""Security type `basic`: user name and password in the Authorization header (HTTP Basic, RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import replace
from time import monotonic
from typing import Annotated

from hansa import Invalid, Login, Model, Refused, Request, Secret, Security, Server, setting

from .credential import Credential, check_signs, fault_of, fingerprint, hash_password, is_hash
from .strength import requirements
from .throttle import Throttle
from .verification import Principal, Verification

LONGEST = 8192
"""Maximum length of an Authorization header, in characters; longer ones are refused unread."""


class BasicSettings(Model):
    """HTTP Basic.

    What a definition of HTTP Basic holds.
    """

    username: Annotated[
        str, setting("User name of callers", min_length=1, max_length=256, example="partner")
    ]
    password: Annotated[
        Secret,
        setting("Password of callers; stored as an argon2id hash, or encrypted if it also signs"),
    ]
    realm: Annotated[
        str,
        setting(
            "Name of the protected area as callers see it (RFC 7617); empty is hansa",
            max_length=128,
            pattern=r"^[ -~]*$",
        ),
    ] = ""
    signs: Annotated[
        bool,
        setting(
            "Whether it also signs outgoing calls and logs in to servers, for which the password is "
            "encrypted instead of hashed"
        ),
    ] = False

    def check(self) -> None:
        """Refuse what HTTP Basic cannot carry, and a hash where the password itself is needed."""
        faults: dict[str, str] = {}
        if ":" in self.username or not self.username.isprintable():
            faults["username"] = "must not contain a colon or control characters (RFC 7617)"
        fault = fault_of(self.password)
        if fault:
            faults["password"] = fault
        elif self.signs and is_hash(self.password):
            faults["password"] = "is stored as a hash, which cannot sign: give the password again"
        if "\n" in self.realm:
            faults["realm"] = "must be one line"
        if faults:
            raise Invalid(faults)


class Basic(Security[BasicSettings]):
    """Admits callers with the right user name and password, and can sign outgoing calls with them
    (RFC 7617).
    """

    type = "basic"

    def __init__(self, name: str, config: BasicSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._challenge = basic_challenge(config.realm)
        self._principal = Principal(config.username, name)
        self._verification = Verification(
            _normal(config.username),
            Credential(_normal(config.password)),
            self._challenge,
            throttle=server.resource(Throttle),
        )
        self._verified = self._verification.verified
        requirements.warn(name, config.password, config.username)

    @classmethod
    def prepare(cls, config: BasicSettings) -> BasicSettings:
        """Return the settings with the argon2id hash of a password that need not sign; raises
        `Invalid` for one that is too weak.
        """
        if config.signs or is_hash(config.password):
            return config
        fault = requirements.fault_of(config.password, config.username)
        if fault:
            raise Invalid({"password": fault})
        return replace(config, password=hash_password(_normal(config.password)))

    def authenticate(self, request: Request) -> Principal:
        """Return the user of a request with the right credentials; raises `Refused`."""
        header = request.headers.get("authorization")
        if not header:
            raise Refused("a user name and a password are required", self._challenge)
        attempt = fingerprint(header)
        if self._verified.get(attempt, 0.0) > monotonic():
            return self._principal
        user, password = credentials_in(header, self._challenge)
        if not self._verification.accept(attempt, user, password, request.peer):
            raise Refused("the user name or the password is wrong", self._challenge)
        return self._principal

    def sign(self, headers: dict[str, str]) -> None:
        """Set the Authorization header of an outgoing call; raises `HansaError` unless the setting
        `signs` is on.
        """
        check_signs(self.name, self.config.signs)
        pair = f"{_normal(self.config.username)}:{_normal(self.config.password)}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def login(self) -> Login:
        """Return the user name and the password; raises `HansaError` unless `signs` is on."""
        check_signs(self.name, self.config.signs)
        return Login(username=self.config.username, password=self.config.password)


def basic_challenge(realm: str) -> str:
    """Return the WWW-Authenticate header of HTTP Basic; an empty realm is `hansa`."""
    quoted = (realm or "hansa").replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'


def credentials_in(header: str, challenge: str) -> tuple[str, str]:
    """Return the user name and password in an Authorization header; raises `Refused` for anything
    else.
    """
    if len(header) > LONGEST:
        raise Refused("the Authorization header is too long", challenge)
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Refused("the Authorization header is not of the scheme Basic", challenge)
    malformed = Refused("the Authorization header is malformed", challenge)
    try:
        pair = base64.b64decode(encoded.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError):
        raise malformed from None
    user, colon, password = pair.partition(":")
    if not colon:
        raise malformed
    return _normal(user), _normal(password)


def _normal(text: str) -> str:
    """Return text as it is compared: an accented letter is one character, whichever way the
    keyboard made it (RFC 7617, 2.1).
    """
    return unicodedata.normalize("NFC", text)
