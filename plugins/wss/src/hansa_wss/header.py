"""Reads the Security header of an envelope: one UsernameToken, and a Timestamp if there is one.

Whatever is ambiguous is refused: a second header, token or part of one, and elements that are not
known.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from hansa import Invalid
from hansa_soap.envelope import header_blocks
from hansa_soap.message import read_envelope
from lxml import etree

from .faults import InvalidSecurity
from .moments import read_moment
from .names import (
    BASE64,
    CREATED,
    EXPIRES,
    NONCE,
    PASSWORD,
    PASSWORD_DIGEST,
    PASSWORD_TEXT,
    SECURITY,
    TIMESTAMP,
    USERNAME,
    USERNAME_TOKEN,
)

LONGEST = 1024
"""Maximum length of each text of a token, in characters; longer ones are refused unread."""

_IS_DIGEST = {PASSWORD_TEXT: False, PASSWORD_DIGEST: True}
"""Whether a password is a digest, by its type."""


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """A token as it was sent (UTP 1.1.1, section 3): `password` is a text, or the digest in Base64.

    `nonce` is decoded, empty if there is none; `created` is the text that the digest is made of,
    `created_at` the same in seconds since 1970.
    """

    username: str
    password: str
    is_digest: bool
    nonce: bytes = b""
    created: str = ""
    created_at: float | None = None


@dataclass(frozen=True, slots=True)
class Timestamp:
    """For how long a message is meant (SMS 1.1.1, section 10), in seconds since 1970."""

    created_at: float | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class SecurityHeader:
    """What a Security header holds."""

    token: UsernameToken
    timestamp: Timestamp = Timestamp()


def read_header(raw: bytes) -> SecurityHeader:
    """Return what the Security header of an envelope holds; raises `InvalidSecurity`."""
    try:
        blocks = list(header_blocks(read_envelope(raw), SECURITY))
    except Invalid as invalid:
        raise InvalidSecurity(invalid.detail) from None
    if len(blocks) != 1:
        raise InvalidSecurity(f"the message has {len(blocks)} Security headers")
    found = children_by_name(blocks[0], (USERNAME_TOKEN, TIMESTAMP))
    if USERNAME_TOKEN not in found:
        raise InvalidSecurity("the Security header has no UsernameToken")
    token = _read_token(found[USERNAME_TOKEN])
    if TIMESTAMP not in found:
        return SecurityHeader(token)
    return SecurityHeader(token, read_timestamp(found[TIMESTAMP]))


def _read_token(element: etree._Element) -> UsernameToken:
    found = children_by_name(element, (USERNAME, PASSWORD, NONCE, CREATED))
    if USERNAME not in found or PASSWORD not in found:
        raise InvalidSecurity("the token has no Username, or no Password")
    created = _text(found.get(CREATED)).strip()
    password = found[PASSWORD]
    is_digest = _is_digest(password)
    return UsernameToken(
        _text(found[USERNAME]),
        _text(password).strip() if is_digest else _text(password),
        is_digest,
        _nonce(found.get(NONCE)),
        created,
        _moment(created),
    )


def read_timestamp(element: etree._Element) -> Timestamp:
    """Return what a Timestamp says; raises `InvalidSecurity`."""
    found = children_by_name(element, (CREATED, EXPIRES))
    created_at = _moment(_text(found.get(CREATED)).strip())
    return Timestamp(created_at, _moment(_text(found.get(EXPIRES)).strip()))


def children_by_name(parent: etree._Element, known: tuple[str, ...]) -> dict[str, etree._Element]:
    """Return the children of an element by name, each of which may be there once; raises
    `InvalidSecurity` for others.
    """
    found: dict[str, etree._Element] = {}
    for child in parent:
        tag = str(child.tag)
        if tag not in known:
            raise InvalidSecurity(f"the element {tag[:100]} is not supported")
        if tag in found:
            raise InvalidSecurity(f"the element {tag} is there more than once")
        found[tag] = child
    return found


def _text(element: etree._Element | None) -> str:
    """Return the text of an element; an empty one if it is not there."""
    if element is None:
        return ""
    text = element.text or ""
    if len(element) or len(text) > LONGEST:
        raise InvalidSecurity(f"the element {element.tag} holds elements, or is too long")
    return text


def _is_digest(password: etree._Element) -> bool:
    given = password.get("Type", PASSWORD_TEXT).strip()
    if given not in _IS_DIGEST:
        raise InvalidSecurity(f"the type of the password is {given[:100]!r}")
    return _IS_DIGEST[given]


def _nonce(element: etree._Element | None) -> bytes:
    if element is None:
        return b""
    encoding = element.get("EncodingType", BASE64).strip()
    if encoding != BASE64:
        raise InvalidSecurity(f"the encoding of the nonce is {encoding[:100]!r}")
    try:
        return base64.b64decode("".join(_text(element).split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecurity("the nonce is not Base64") from None


def _moment(text: str) -> float | None:
    if not text:
        return None
    try:
        return read_moment(text)
    except ValueError as error:
        raise InvalidSecurity(f"{text[:40]!r} is wrong: {error}") from None
