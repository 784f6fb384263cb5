"""Security type `xpath`: user name and password inside XML messages, each found by a location path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from time import monotonic

from hansa import Invalid, Refused, Request, Security, Server
from hansa_security.credential import Credential, fingerprint, hash_password, is_hash
from hansa_security.strength import requirements
from hansa_security.throttle import Throttle
from hansa_security.verification import Principal, Verification
from hansa_xml.document import read_document, share_document

from .location import Location
from .settings import XPathSettings

CHALLENGE = 'XPath realm="hansa"'
"""The WWW-Authenticate header of refusals; no RFC registers a scheme for what is in messages."""


class XPathSecurity(Security[XPathSettings]):
    """Admits callers whose XML message has the right user name and password where the two location
    paths lead.
    """

    type = "xpath"

    def __init__(self, name: str, config: XPathSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._principal = Principal(config.username, name)
        self._username = Location(config.username_expr, config.namespaces)
        self._password = Location(config.password_expr, config.namespaces)
        self._verification = Verification(
            config.username,
            Credential(config.password),
            CHALLENGE,
            throttle=server.resource(Throttle),
        )
        self._verified = self._verification.verified
        requirements.warn(name, config.password, config.username)

    @classmethod
    def prepare(cls, config: XPathSettings) -> XPathSettings:
        """Return the settings with the argon2id hash of the password; raises `Invalid` for one that
        is too weak.
        """
        if is_hash(config.password):
            return config
        fault = requirements.fault_of(config.password, config.username)
        if fault:
            raise Invalid({"password": fault})
        return replace(config, password=hash_password(config.password))

    @classmethod
    def credential_paths(cls, config: XPathSettings) -> Iterable[str]:
        """Return the path of the password."""
        return [config.password_expr]

    def authenticate(self, request: Request) -> Principal:
        """Return the user of a message with the right credentials; raises `Refused`."""
        try:
            root = read_document(request.raw)
            user = self._username.text_in(root)
            password = self._password.text_in(root)
        except Invalid as invalid:
            refused = Refused("credentials inside of an XML message are required", CHALLENGE)
            refused.reason = invalid.detail
            raise refused from None
        attempt = fingerprint(f"{user}\0{password}")
        known = self._verified.get(attempt, 0.0) > monotonic()
        if not known and not self._verification.accept(attempt, user, password, request.peer):
            raise Refused("the user name or the password is wrong", CHALLENGE)
        if request.format == "xml":
            share_document(request.raw, root)
        return self._principal
