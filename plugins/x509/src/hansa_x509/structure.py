"""Reads a Security header with a signature, and finds what is signed.

Whatever is ambiguous is refused, so that what was verified is what is processed (signature
wrapping): IDs that are there twice, references to anything but whole elements, transforms other
than exclusive canonicalization, and elements that are not known.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

from hansa import Invalid
from hansa_soap.envelope import Version, header_blocks, version_of
from hansa_wss.faults import InvalidSecurity as UnreadableHeader
from hansa_wss.header import Timestamp, children_by_name, read_timestamp
from hansa_wss.names import BASE64, SECURITY, TIMESTAMP
from hansa_xml.parser import local_name
from lxml import etree

from .algorithms import Algorithms
from .faults import InvalidSecurity
from .names import (
    BINARY_TOKEN,
    CANONICALIZATION_METHOD,
    DIGEST_METHOD,
    DIGEST_VALUE,
    DIRECT_REFERENCE,
    EXC_C14N,
    ID_NAMES,
    INCLUSIVE_NAMESPACES,
    KEY_INFO,
    REFERENCE,
    SIGNATURE,
    SIGNATURE_METHOD,
    SIGNATURE_VALUE,
    SIGNED_INFO,
    TOKEN_REFERENCE,
    TRANSFORM,
    TRANSFORMS,
    X509_CERTIFICATE,
    X509_V3,
)

MOST_REFERENCES = 10
"""Maximum number of elements that one signature covers."""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A signature with what it covers; `certificate` is the one that the message has, as DER, or
    nothing.

    `signed` are the elements by the attribute that has their ID; `timestamp` is among them, and so
    is the Body.
    """

    signature: etree._Element
    signed_info: etree._Element
    signed: list[tuple[etree._Element, str]]
    timestamp: Timestamp
    certificate: bytes


def read_signed(root: etree._Element, algorithms: Algorithms) -> SignedMessage:
    """Return the signature of an envelope, which is to be verified; raises `InvalidSecurity`."""
    try:
        return _read_signed(root, algorithms)
    except UnreadableHeader as error:
        raise InvalidSecurity(error.reason) from None
    except Invalid as invalid:
        raise InvalidSecurity(invalid.detail) from None


def _read_signed(root: etree._Element, algorithms: Algorithms) -> SignedMessage:
    blocks = list(header_blocks(root, SECURITY))
    if len(blocks) != 1:
        raise InvalidSecurity(f"the message has {len(blocks)} Security headers")
    found = children_by_name(blocks[0], (BINARY_TOKEN, TIMESTAMP, SIGNATURE))
    if TIMESTAMP not in found or SIGNATURE not in found:
        raise InvalidSecurity("the Security header has no Timestamp, or no Signature")
    parts = _exactly(found[SIGNATURE], (SIGNED_INFO, SIGNATURE_VALUE, KEY_INFO))
    references = _references(parts[SIGNED_INFO], algorithms)
    signed = [_element(root, reference) for reference in references]
    for name, element in (("Body", _body(root)), ("Timestamp", found[TIMESTAMP])):
        if not any(one is element for one, _ in signed):
            raise InvalidSecurity(f"the signature does not cover the {name}")
    return SignedMessage(
        found[SIGNATURE],
        parts[SIGNED_INFO],
        signed,
        read_timestamp(found[TIMESTAMP]),
        _certificate(parts[KEY_INFO], found.get(BINARY_TOKEN)),
    )


def _body(root: etree._Element) -> etree._Element:
    version: Version | None = version_of(root)
    body = None if version is None else root.find(version.body)
    if body is None:
        raise InvalidSecurity("the message has no Body")
    return body


def _exactly(parent: etree._Element, names: Collection[str]) -> dict[str, etree._Element]:
    """Return the children of an element by name: these, each once, and no others."""
    found = children_by_name(parent, tuple(names))
    missing = [name for name in names if name not in found]
    if missing:
        raise InvalidSecurity(f"{parent.tag} has no {missing[0]}")
    return found


_is_id = " or ".join(f"local-name() = '{name}'" for name in ID_NAMES)
_with_id = etree.XPath(f"//*[@*[. = $id and ({_is_id})]]")


def _element(root: etree._Element, reference: str) -> tuple[etree._Element, str]:
    """Return the one element of an ID, and the attribute that has it."""
    found = _with_id(root, id=reference)
    if not isinstance(found, list) or len(found) != 1:
        raise InvalidSecurity("a signed ID is not that of exactly one element")
    (element,) = found
    assert isinstance(element, etree._Element)  # that is what the path finds
    attribute = next(name for name, value in _ids(element) if value == reference)
    return element, attribute


def _ids(element: etree._Element) -> list[tuple[str, str]]:
    """Return the attributes of an element that may be its ID, with their values."""
    items = [(str(name), str(value)) for name, value in element.items()]
    return [(name, value) for name, value in items if local_name(name) in ID_NAMES]


def _references(signed_info: etree._Element, algorithms: Algorithms) -> list[str]:
    """Return the IDs of what a signature covers; all its algorithms are ones that are accepted."""
    if len(signed_info) < 3:
        raise InvalidSecurity("SignedInfo is incomplete")
    canonicalization, method, *references = signed_info
    _check_canonicalization(canonicalization, CANONICALIZATION_METHOD)
    _check_algorithm(method, SIGNATURE_METHOD, algorithms.signatures)
    if not 1 <= len(references) <= MOST_REFERENCES:
        raise InvalidSecurity(f"the signature has {len(references)} references")
    return [_reference(reference, algorithms) for reference in references]


def _reference(reference: etree._Element, algorithms: Algorithms) -> str:
    uri = reference.get("URI", "")
    if reference.tag != REFERENCE or not uri.startswith("#") or len(uri) < 2:
        raise InvalidSecurity("a reference is not to an ID")
    parts = _exactly(reference, (TRANSFORMS, DIGEST_METHOD, DIGEST_VALUE))
    transforms = list(parts[TRANSFORMS])
    if len(transforms) != 1:
        raise InvalidSecurity(f"a reference has {len(transforms)} transforms")
    _check_canonicalization(transforms[0], TRANSFORM)
    _check_algorithm(parts[DIGEST_METHOD], DIGEST_METHOD, algorithms.digests)
    return uri[1:]


def _check_canonicalization(element: etree._Element, name: str) -> None:
    if element.tag != name or element.get("Algorithm") != EXC_C14N:
        raise InvalidSecurity("a canonicalization other than the exclusive one is used")
    if any(child.tag != INCLUSIVE_NAMESPACES for child in element):
        raise InvalidSecurity("a canonicalization has parameters that are not known")


def _check_algorithm(element: etree._Element, name: str, accepted: Collection[str]) -> None:
    algorithm = element.get("Algorithm", "")
    if element.tag != name or algorithm not in accepted or len(element):
        raise InvalidSecurity(f"the algorithm {algorithm[:100]} is not accepted")


def _certificate(key_info: etree._Element, binary: etree._Element | None) -> bytes:
    """Return the certificate of a message, as DER: in its token, or in the signature itself;
    nothing where the signature only names it.
    """
    reference = _exactly(key_info, (TOKEN_REFERENCE,))[TOKEN_REFERENCE]
    direct = reference.findall(DIRECT_REFERENCE)
    embedded = list(reference.iter(X509_CERTIFICATE))
    if binary is not None:
        uri = direct[0].get("URI") if len(direct) == 1 else None
        ids = [f"#{value}" for _, value in _ids(binary)]
        if embedded or uri is None or uri not in ids:
            raise InvalidSecurity("the signature does not refer to the one token")
        if binary.get("ValueType") != X509_V3 or binary.get("EncodingType", BASE64) != BASE64:
            raise InvalidSecurity("the token is not an X.509 certificate in Base64")
        return _decoded(binary)
    if direct or len(embedded) > 1:
        raise InvalidSecurity("the signature does not refer to one certificate")
    return _decoded(embedded[0]) if embedded else b""


def _decoded(element: etree._Element) -> bytes:
    if len(element):
        raise InvalidSecurity("the certificate holds elements")
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecurity("the certificate is not Base64") from None
