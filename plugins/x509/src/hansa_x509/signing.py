"""Signs an outgoing envelope: its Body, a Timestamp, and the certificate that goes along."""

from __future__ import annotations

import base64
import secrets
import time

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hansa import Misused
from hansa_soap.xop import INCLUDE
from hansa_wss.names import BASE64, WSU
from hansa_wss.outgoing_envelope import OutgoingEnvelope, add_timestamp
from lxml import etree

from .algorithms import method_for
from .names import BINARY_TOKEN, DIRECT_REFERENCE, TOKEN_REFERENCE, WSU_ID, X509_V3
from .settings import X509Settings


class Signer:
    """Signs envelopes by one key; usable from many threads."""

    def __init__(self, config: X509Settings) -> None:
        self._config = config
        certificate = x509.load_pem_x509_certificates(config.certificate.encode())[0]
        self._key_pem = str(config.key)
        self._method = method_for(certificate.public_key())
        self._token = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()

    def sign(self, message: bytes) -> bytes:
        """Return an envelope with a Security header, as its first header.

        Raises `Misused` for a message that is no envelope, has such a header already, or refers to
        attachments, which a signature does not cover.
        """
        envelope = OutgoingEnvelope(message)
        if next(envelope.root.iter(INCLUDE), None) is not None:
            raise Misused("a message with attachments cannot be signed: switch mtom off")
        self._add_security(envelope)
        return envelope.to_bytes()

    def _add_security(self, envelope: OutgoingEnvelope) -> None:
        security = envelope.add_security(must_understand=self._config.must_understand)
        token = etree.SubElement(security, BINARY_TOKEN, ValueType=X509_V3, EncodingType=BASE64)
        token.text = self._token
        timestamp = add_timestamp(security, time.time(), self._config.timestamp)
        body = envelope.root.find(envelope.version.body)
        assert body is not None  # OutgoingEnvelope has looked for its headers
        self._add_signature(security, token, [timestamp, body])

    def _add_signature(
        self, security: etree._Element, token: etree._Element, signed: list[etree._Element]
    ) -> None:
        signature = xmlsec.template.create(
            security, xmlsec.Transform.EXCL_C14N, self._method, ns="ds"
        )
        security.append(signature)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self._key_pem, xmlsec.KeyFormat.PEM)
        for element in signed:
            reference = xmlsec.template.add_reference(
                signature, xmlsec.Transform.SHA256, uri=f"#{_identify(element)}"
            )
            xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
            context.register_id(element, "Id", WSU)
        key_info = xmlsec.template.ensure_key_info(signature)
        token_reference = etree.SubElement(key_info, TOKEN_REFERENCE)
        uri = f"#{_identify(token)}"
        etree.SubElement(token_reference, DIRECT_REFERENCE, URI=uri, ValueType=X509_V3)
        context.sign(signature)


def _identify(element: etree._Element) -> str:
    """Return the wsu:Id of an element, which gets one if it has none."""
    found = element.get(WSU_ID)
    if found is None:
        found = f"id-{secrets.token_hex(16)}"
        element.set(WSU_ID, found)
    return found
