"""MTOM (SOAP Message Transmission Optimization Mechanism, W3C Recommendation, 2005): binary values
of a call as attachments.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterable

from hansa_soap.attachments import Attachment
from hansa_soap.xop import include

from .typed import Typed, is_base64

LEAST_LENGTH = 1024
"""The length of Base64 text from which on it becomes an attachment, in characters."""

_CONTENT_TYPE = "{http://www.w3.org/2005/05/xmlmime}contentType"
_BINARY = "application/octet-stream"


def take_binaries(typed: Iterable[Typed]) -> list[Attachment]:
    """Replace the longer binary values among elements by xop:Include, and return them.

    The content type of each is that of its attribute xmime:contentType, if it has one.
    """
    attachments = []
    for element, declared in typed:
        text = element.text or ""
        if len(text) < LEAST_LENGTH or not is_base64(declared):
            continue
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue  # a caller's own text, which stays as it is
        content_type = element.get(_CONTENT_TYPE, _BINARY)
        attachment = Attachment(content, content_type, f"{uuid.uuid4()}@hansa")
        include(element, attachment)
        attachments.append(attachment)
    return attachments
