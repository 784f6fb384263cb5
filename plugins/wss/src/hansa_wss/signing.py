"""Writes the Security header of an outgoing envelope: a UsernameToken, and a Timestamp if wanted."""

from __future__ import annotations

import base64
import os
import time

from lxml import etree

from .moments import write_moment
from .names import (
    BASE64,
    CREATED,
    NONCE,
    PASSWORD,
    PASSWORD_DIGEST,
    PASSWORD_TEXT,
    USERNAME,
    USERNAME_TOKEN,
)
from .outgoing_envelope import OutgoingEnvelope, add_timestamp
from .passwords import digest_of
from .settings import WssSettings


def sign_envelope(message: bytes, config: WssSettings) -> bytes:
    """Return an envelope with the Security header that these settings describe, as its first
    header.

    Raises `Misused` for a message that is no envelope, or has such a header already.
    """
    envelope = OutgoingEnvelope(message)
    security = envelope.add_security(must_understand=config.must_understand)
    now = time.time()
    if config.timestamp:
        add_timestamp(security, now, config.timestamp)
    _add_token(security, now, config)
    return envelope.to_bytes()


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
