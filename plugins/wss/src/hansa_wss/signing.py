"""Writes the Security header of an outgoing envelope: a UsernameToken, and a Timestamp if wanted."""

from __future__ import annotations

import base64
import os
import time

from hansa import Misused
from hansa_soap.envelope import header_blocks, version_of
from hansa_xml.format import DECLARATION
from hansa_xml.parser import parse
from lxml import etree

from .moments import write_moment
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
    WSSE,
    WSU,
)
from .passwords import digest_of
from .settings import WssSettings

_NAMESPACES = {"wsse": WSSE, "wsu": WSU}


def sign_envelope(message: bytes, config: WssSettings) -> bytes:
    """Return an envelope with the Security header that these settings describe, as its first
    header.

    Raises `Misused` for a message that is no envelope, or has such a header already.
    """
    root = parse(message, huge=True)
    version = version_of(root)
    if version is None:
        raise Misused(f"only envelopes of SOAP can be signed, and not {root.tag}")
    if list(header_blocks(root, SECURITY)):
        raise Misused("the envelope has a Security header already")
    header = root.find(version.header)
    if header is None:
        header = etree.Element(version.header)
        root.insert(0, header)
    security = etree.Element(SECURITY, nsmap=_NAMESPACES)
    header.insert(0, security)
    if config.must_understand:
        security.set(f"{{{version.namespace}}}mustUnderstand", "1")
    now = time.time()
    if config.timestamp:
        _add_timestamp(security, now, config.timestamp)
    _add_token(security, now, config)
    declaration = DECLARATION.encode() if message.lstrip().startswith(b"<?xml") else b""
    return declaration + etree.tostring(root, encoding="utf-8")


def _add_timestamp(security: etree._Element, now: float, seconds: int) -> None:
    timestamp = etree.SubElement(security, TIMESTAMP)
    _add_text(timestamp, CREATED, write_moment(now))
    _add_text(timestamp, EXPIRES, write_moment(now + seconds))


def _add_token(security: etree._Element, now: float, config: WssSettings) -> None:
    token = etree.SubElement(security, USERNAME_TOKEN)
    nonce = os.urandom(16)
    created = write_moment(now)
    _add_text(token, USERNAME, config.username)
    if config.password_type == "digest":
        digest = digest_of(nonce, created, config.password)
        _add_text(token, PASSWORD, _encoded(digest)).set("Type", PASSWORD_DIGEST)
    else:
        _add_text(token, PASSWORD, config.password).set("Type", PASSWORD_TEXT)
    _add_text(token, NONCE, _encoded(nonce)).set("EncodingType", BASE64)
    _add_text(token, CREATED, created)


def _add_text(parent: etree._Element, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, name)
    element.text = text
    return element


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
