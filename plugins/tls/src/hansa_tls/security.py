"""Security type `tls`: the client certificate of a caller's TLS connection (RFC 8446, RFC 9440)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from cryptography import x509
from hansa import PlainSettings, Refused, Request, Security, Server
from hansa_security.tables import drop_oldest
from hansa_security.verification import LIFETIME

from .anchors import Anchors
from .expiry import Notices, ending
from .matching import fingerprint, name_of
from .principal import CertificatePrincipal
from .revocation import NotTrusted
from .settings import ClientCertificateSettings
from .trust import check_period
from .worker import TlsWorker

CHALLENGE = 'ClientCertificate realm="hansa"'
"""The WWW-Authenticate header of refusals. TLS has no scheme of HTTP, and RFC 9110 asks for one."""
REMEMBERED = 1024
"""Maximum number of certificates that a definition remembers as verified."""
LONGEST_CHAIN = 10
"""Maximum number of certificates that a caller may present."""


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: CertificatePrincipal
    until: float


class ClientCertificate(Security[ClientCertificateSettings]):
    """Admits callers whose client certificate is of the authorities, and listed.

    That a caller has the private key of its certificate was proved in the TLS handshake, with this
    server or with the trusted proxy that forwards it. All else is verified here: its chain, its
    period, its revocation, and whether it is listed.
    """

    type = "tls"
    _anchors: Anchors | None

    def __init__(self, name: str, config: ClientCertificateSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self._worker = server.resource(TlsWorker)
        self._matcher = config.matcher()
        self._notices = Notices(self.trouble, self.log)
        self._anchors = None
        if config.authorities:
            self._anchors = Anchors(config.authorities, config.crl, self._notices)
        self._verified: dict[bytes, _Verified] = {}
        self._serial = 0

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return the scheme of TLS."""
        return {"type": "mutualTLS"}

    def start(self) -> None:
        """Read authorities and revocation lists; raises `Invalid` or `Unavailable`."""
        if self._anchors is not None:
            self._anchors.read()
        self._worker.expiry.enter(self, self._look)

    def stop(self) -> None:
        """Stop watching the certificates of the authorities."""
        self._worker.expiry.leave(self)

    def _look(self) -> None:
        if self._anchors is None:
            return
        trust = self._anchors.current()
        self._notices.set("expiry", ending(trust.authorities, datetime.now(UTC)))
        self._notices.set("outdated", trust.revocation.outdated())

    def ping(self) -> str:
        """Return which authorities are trusted, after a look at their files."""
        if self._anchors is None:
            return f"accepts {len(self.config.fingerprints)} certificates by fingerprint"
        trust = self._anchors.read()
        names = [one.subject.rfc4514_string() for one in trust.authorities]
        return f"accepts certificates of {'; '.join(names)}"

    def authenticate(self, request: Request) -> CertificatePrincipal:
        """Return who the client certificate of a request names; raises `Refused`, or `Unavailable`
        while nobody can say whether it is revoked.
        """
        certificates = request.certificates
        if not certificates:
            raise Refused("a client certificate is required", CHALLENGE)
        if self._anchors is not None:
            self._forget_after_change(self._anchors)
        attempt = hashlib.sha256(certificates[0]).digest()
        # what is verified by authorities that change meanwhile goes into a table that is gone
        table = self._verified
        known = table.get(attempt)
        if known is not None and known.until > monotonic():
            return known.principal
        try:
            verified = self._verify(certificates)
        except NotTrusted as refused:
            raise self._refused(refused, attempt, request.peer) from None
        drop_oldest(table, REMEMBERED)
        table[attempt] = verified
        return verified.principal

    def _forget_after_change(self, anchors: Anchors) -> None:
        """Forget who was verified by authorities and lists that have changed since."""
        anchors.refresh()
        if anchors.serial != self._serial:
            self._verified = {}
            self._serial = anchors.serial

    def _verify(self, certificates: tuple[bytes, ...]) -> _Verified:
        if len(certificates) > LONGEST_CHAIN:
            raise NotTrusted("its chain is too long")
        try:
            own, *others = [x509.load_der_x509_certificate(one) for one in certificates]
            if self._anchors is None:
                check_period(own)
            else:
                self._anchors.trust.check(own, others)
            if not self._matcher.matches(own):
                raise NotTrusted(f"it is not listed: {own.subject.rfc4514_string()}")
            name = name_of(own, self.config.principal)
            subject = own.subject.rfc4514_string()
        except ValueError as error:
            raise NotTrusted(f"it cannot be read: {error}") from None
        if not name:
            raise NotTrusted(f"it has no {self.config.principal}, or several")
        rest = (own.not_valid_after_utc - datetime.now(UTC)).total_seconds()
        principal = CertificatePrincipal(name, self.name, subject, fingerprint(own))
        return _Verified(principal, monotonic() + min(LIFETIME, rest))

    def _refused(self, reason: NotTrusted, attempt: bytes, peer: str) -> Refused:
        """Return the refusal of a certificate, which does not say what is wrong with it: the log
        does.

        A certificate that is right is never held up, since it is verified first.
        """
        self.log.info("a client certificate is refused: %s", reason)
        refusal = Refused("the client certificate is not accepted", CHALLENGE)
        seconds = self._worker.count_refused(attempt, self.name, peer)
        if seconds > 0:
            refusal.headers["Retry-After"] = str(int(seconds) + 1)
        return refusal
