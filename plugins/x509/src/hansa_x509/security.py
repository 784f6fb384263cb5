"""Security type `x509`: SOAP messages whose Body and Timestamp are signed (OASIS WSS X.509
Certificate Token Profile 1.1.1).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509
from hansa import Invalid, Misused, Request, Security, Server
from hansa_security.nonces import UsedNonces
from hansa_security.verification import Principal
from hansa_soap.message import note_processed, read_envelope
from hansa_soap.related import Package
from hansa_tls.anchors import Anchors
from hansa_tls.expiry import Notices, ending
from hansa_tls.worker import TlsWorker
from hansa_wss.header import Timestamp
from hansa_wss.names import SECURITY
from hansa_wss.security import FUTURE

from .algorithms import Algorithms
from .certificates import TrustedCertificates, certificates_of
from .faults import FailedCheck, InvalidSecurity
from .settings import X509Settings
from .signing import Signer
from .structure import read_signed
from .verification import identity_of, verified_by

NAMESPACE = "x509-signatures"
"""The namespace of the records in which signatures are kept."""


class X509(Security[X509Settings]):
    """Admits callers whose envelope is signed by a certificate that counts, once, and can sign
    outgoing SOAP with one.
    """

    type = "x509"
    signs_messages = True

    def __init__(self, name: str, config: X509Settings, server: Server) -> None:
        super().__init__(name, config, server)
        self._algorithms = Algorithms(sha1=config.allow_sha1)
        self._expiry = server.resource(TlsWorker).expiry
        self._notices = Notices(self.trouble, self.log)
        self._anchors: Anchors | None = None
        if config.authorities:
            self._anchors = Anchors(config.authorities, config.crl, self._notices)
        self._trusted = TrustedCertificates(config.certificates, self._anchors, config.subjects)
        remembered = config.reject_expiry_limit + FUTURE
        self._used = UsedNonces(server.records(NAMESPACE), remembered)

    def start(self) -> None:
        """Read authorities and revocation lists; raises `Invalid` or `Unavailable`."""
        if self._anchors is not None:
            self._anchors.read()
        self._expiry.enter(self, self._look)

    def stop(self) -> None:
        """Stop watching the certificates."""
        self._expiry.leave(self)

    def _look(self) -> None:
        """Report certificates that expire soon, and revocation lists that are outdated."""
        watched = [*self._trusted.pinned, *certificates_of(self.config.certificate)]
        if self._anchors is not None:
            trust = self._anchors.current()
            watched += trust.authorities
            self._notices.set("outdated", trust.revocation.outdated())
        self._notices.set("expiry", ending(watched, datetime.now(UTC)))

    def authenticate(self, request: Request) -> Principal:
        """Return the subject of the certificate that has signed a message; raises `FailedCheck` or
        `InvalidSecurity`, which are `Refused`, and `Unavailable` if nobody knows whether it is the
        first time, or whether the certificate is revoked.
        """
        raw = request.raw
        if isinstance(raw, Package) and (raw.is_xop or raw.attachments.all):
            raise InvalidSecurity("the message has attachments, which are not signed")
        try:
            root = read_envelope(raw)
        except Invalid as invalid:
            raise InvalidSecurity(invalid.detail) from None
        message = read_signed(root, self._algorithms)
        self._check_times(message.timestamp)
        certificate = verified_by(message, self._trusted, self._algorithms)
        subject = _name_of(certificate)
        if not self._used.use(subject, identity_of(message)):
            raise FailedCheck("the message was sent before")
        note_processed(SECURITY)
        return Principal(subject, self.name)

    def _check_times(self, timestamp: Timestamp) -> None:
        """Refuse what was made in the future, is too old, or has expired."""
        now = time.time()
        created_at = timestamp.created_at
        if created_at is None:
            raise InvalidSecurity("the Timestamp has no time of creation")
        if created_at > now + FUTURE:
            raise FailedCheck("the message was made in the future")
        if created_at < now - self.config.reject_expiry_limit:
            raise FailedCheck("the message is too old")
        if timestamp.expires_at is not None and timestamp.expires_at <= now:
            raise FailedCheck("the message has expired")

    def sign(self, headers: dict[str, str]) -> None:
        """Refuse to sign what is not SOAP: the proof is in the envelope."""
        raise Misused(
            f"the security definition {self.name} signs the envelopes of outgoing SOAP, nothing else"
        )

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self.config)

    def sign_message(self, message: bytes) -> bytes:
        """Return an envelope that is signed; raises `Misused` if it is none, or without a key."""
        if self.config.key is None:
            raise Misused(f"the security definition {self.name} has no key that signs")
        return self._signer.sign(message)


def _name_of(certificate: x509.Certificate) -> str:
    """Return the subject of a certificate (RFC 4514); one without any by its serial number."""
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
