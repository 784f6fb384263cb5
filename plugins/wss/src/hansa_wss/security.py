"""Security type `wss`: a UsernameToken in the Security header of SOAP envelopes (OASIS WSS
UsernameToken Profile 1.1.1).
"""

from __future__ import annotations

import time
from dataclasses import replace

from hansa import Invalid, Misused, Request, Security, Server
from hansa_security.credential import check_signs, hash_password, is_hash
from hansa_security.nonces import UsedNonces
from hansa_security.strength import requirements
from hansa_security.throttle import Throttle
from hansa_security.verification import Principal
from hansa_soap.message import note_processed

from .faults import FailedAuthentication, InvalidSecurity
from .header import SecurityHeader, UsernameToken, read_header
from .names import SECURITY
from .passwords import DigestPasswords, Passwords, TextPasswords
from .settings import WssSettings
from .signing import sign_envelope

NAMESPACE = "wss-nonces"
"""The namespace of the records in which nonces are kept."""
FUTURE = 60
"""Seconds by which the clock of a caller may be ahead."""


class Wss(Security[WssSettings]):
    """Admits callers whose envelope has the right UsernameToken, once, and can sign outgoing SOAP
    with one.
    """

    type = "wss"
    signs_messages = True

    _passwords: Passwords

    def __init__(self, name: str, config: WssSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._principal = Principal(config.username, name)
        throttle = server.resource(Throttle)
        if config.password_type == "digest":
            self._passwords = DigestPasswords(config.username, config.password, throttle)
        else:
            self._passwords = TextPasswords(config.username, config.password, throttle)
        remembered = config.nonce_freshness_time
        if config.reject_stale_tokens:
            remembered = max(remembered, config.reject_expiry_limit + FUTURE)
        self._nonces = UsedNonces(server.records(NAMESPACE), remembered)
        requirements.warn(name, config.password, config.username)

    @classmethod
    def prepare(cls, config: WssSettings) -> WssSettings:
        """Return the settings with the argon2id hash of a password that is only compared; raises
        `Invalid` for one of callers that is too weak.
        """
        if not config.signs:
            fault = requirements.fault_of(config.password, config.username)
            if fault:
                raise Invalid({"password": fault})
        if config.needs_password or is_hash(config.password):
            return config
        return replace(config, password=hash_password(config.password))

    def authenticate(self, request: Request) -> Principal:
        """Return the user of a request whose envelope has the right token; raises
        `FailedAuthentication` or `InvalidSecurity`, which are `Refused`, and `Unavailable` if the
        nonce cannot be checked.
        """
        header = read_header(request.raw)
        token = header.token
        self._check_presence(token)
        self._check_times(header)
        if not self._passwords.accept(token, request.peer):
            raise FailedAuthentication("the user name or the password is wrong")
        if token.nonce and not self._nonces.use(token.username, token.nonce):
            raise FailedAuthentication("the nonce was used before")
        note_processed(SECURITY)
        return self._principal

    def _check_presence(self, token: UsernameToken) -> None:
        if not self.config.reject_empty_nonce_creat:
            return
        if not token.nonce or token.created_at is None:
            raise InvalidSecurity("the token has no nonce, or no time of creation")

    def _check_times(self, header: SecurityHeader) -> None:
        """Refuse what was made in the future, is too old, or has expired."""
        now = time.time()
        created_at = header.token.created_at
        timestamp = header.timestamp
        for moment in (created_at, timestamp.created_at):
            if moment is not None and moment > now + FUTURE:
                raise FailedAuthentication("the token or message was made in the future")
        if timestamp.expires_at is not None and timestamp.expires_at <= now:
            raise FailedAuthentication("the message has expired")
        if created_at is None or not self.config.reject_stale_tokens:
            return
        if created_at < now - self.config.reject_expiry_limit:
            raise FailedAuthentication("the token is too old")

    def sign(self, headers: dict[str, str]) -> None:
        """Refuse to sign what is not SOAP: the proof is in the envelope."""
        raise Misused(
            f"the security definition {self.name} signs the envelopes of outgoing SOAP, nothing else"
        )

    def sign_message(self, message: bytes) -> bytes:
        """Return an envelope with a Security header; raises `Misused` if it is none, or
        unless the setting `signs` is on.
        """
        check_signs(self.name, self.config.signs)
        return sign_envelope(message, self.config)
