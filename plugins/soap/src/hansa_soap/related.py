"""Messages of several parts: an envelope with attachments as multipart/related (RFC 2387), for SOAP
with Attachments (W3C Note, 2000) and XOP packages (W3C Recommendation, 2005).

The parser of `email` reads the headers of parts and not the parts: it would make text of binary
content, and more messages of attached ones.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
import secrets
from collections.abc import Iterable, Iterator
from email.parser import BytesHeaderParser
from typing import Self

from hansa import Invalid
from hansa_http.charset import media_type_of, parameter_of, to_utf8

from .attachments import NO_ATTACHMENTS, Attachment, Attachments

RELATED = "multipart/related"
XOP_TYPE = "application/xop+xml"
MOST_ATTACHMENTS = 100
"""Maximum number of attachments of a message, where no setting says otherwise."""

_MOST_HEADER = 8192
_OWN_HEADERS = ("content-type", "content-id", "content-transfer-encoding", "content-length")
_is_header = re.compile(r"[\x20-\x7e]+").fullmatch
_parse_header = BytesHeaderParser().parsebytes


class Package(bytes):
    """An envelope, as bytes in UTF-8, with the attachments that belong to it.

    `is_xop` says that the xop:Include elements in the envelope stand for attachments.
    """

    attachments: Attachments
    is_xop: bool

    def __new__(
        cls, envelope: bytes, attachments: Attachments = NO_ATTACHMENTS, *, is_xop: bool = False
    ) -> Self:
        """Make a package of an envelope and its attachments."""
        made = super().__new__(cls, envelope)
        made.attachments = attachments
        made.is_xop = is_xop
        return made


def is_related(content_type: str) -> bool:
    """Return whether a Content-Type header is that of a message of several parts."""
    return media_type_of(content_type) == RELATED


def envelope_type(content_type: str) -> str:
    """Return the content type of the envelope of a message, of one part or several.

    It is what names the version of SOAP, and for SOAP 1.2 maybe the action.
    """
    if not is_related(content_type):
        return content_type
    root = parameter_of(content_type, "type")
    if media_type_of(root) == XOP_TYPE:
        return parameter_of(content_type, "start-info")
    return root


# -- reading ---------------------------------------------------------------------------------------


def read_package(
    content: bytes, content_type: str, most_attachments: int = MOST_ATTACHMENTS
) -> Package:
    """Return the envelope of a message with its attachments.

    The envelope is the part that the parameter `start` names, or else the first one. Raises
    `Invalid` for a message that is cut off, or breaks RFC 2046 or RFC 2387, for one with more
    attachments, and for an envelope that is not in the charset of its content type.
    """
    boundary = parameter_of(content_type, "boundary")
    if not boundary:
        raise Invalid(f"the content type {RELATED} has no boundary")
    parts: list[Attachment] = []
    for part in _parts(content, boundary.encode("latin-1", "replace")):
        if len(parts) > most_attachments:
            raise Invalid(f"the message has more than {most_attachments} attachments")
        parts.append(part)
    start = _without_brackets(parameter_of(content_type, "start"))
    root = _root(parts, start)
    attachments = Attachments(part for part in parts if part is not root)
    if root.content_id in attachments:
        raise Invalid(f"two parts have the Content-ID {root.content_id[:100]!r}")
    types = (media_type_of(root.content_type), media_type_of(parameter_of(content_type, "type")))
    envelope = to_utf8(root.content, root.content_type)
    return Package(envelope, attachments, is_xop=XOP_TYPE in types)


def _root(parts: list[Attachment], start: str) -> Attachment:
    if not parts:
        raise Invalid("the message has no parts")
    if not start:
        return parts[0]
    for part in parts:
        if part.content_id == start:
            return part
    raise Invalid(f"the message starts with the part {start[:100]!r}, which it does not have")


def _parts(content: bytes, boundary: bytes) -> Iterator[Attachment]:
    """Yield the parts between the boundaries, whose lines end as the first one does."""
    marker = re.escape(b"--" + boundary)
    first = re.search(rb"(?:\A|\n)" + marker + rb"[ \t]*(\r?\n)", content)
    if first is None:
        raise Invalid("the message has no part with the boundary that its content type names")
    newline = first[1]
    delimiter = re.compile(newline + marker + rb"(--)?[ \t]*(?=" + newline + rb"|\Z)")
    position = first.end()
    number = 1
    while True:
        found = delimiter.search(content, position - len(newline))
        if found is None:
            raise Invalid("the message is cut off: its last boundary is missing")
        yield _part(content, position, found.start(), newline, number)
        if found[1]:
            return
        position = found.end() + len(newline)
        number += 1


def _part(content: bytes, start: int, end: int, newline: bytes, number: int) -> Attachment:
    """Return the part between two places; its headers end with the first empty line."""
    if content.startswith(newline, start):
        head = b""
        body = start + len(newline)
    else:
        blank = content.find(newline + newline, start, end + len(newline))
        if blank < 0:
            raise Invalid(f"part {number} of the message has no empty line after its headers")
        head = content[start:blank]
        body = blank + 2 * len(newline)
    headers = _headers(head, number)
    decoded = _decoded(content[body:end], headers.get("content-transfer-encoding", ""), number)
    content_type = headers.get("content-type", "text/plain")
    return Attachment(
        decoded, content_type, _without_brackets(headers.get("content-id", "")), headers
    )


def _headers(head: bytes, number: int) -> dict[str, str]:
    if len(head) > _MOST_HEADER:
        raise Invalid(f"the headers of part {number} are larger than {_MOST_HEADER} bytes")
    message = _parse_header(head)
    if message.defects or message.get_payload():
        raise Invalid(f"part {number} of the message has a malformed header")
    headers: dict[str, str] = {}
    for name, value in message.items():
        headers.setdefault(name.lower(), " ".join(str(value).split()))
    return headers


def _decoded(content: bytes, encoding: str, number: int) -> bytes:
    """Return the content of a part without its Content-Transfer-Encoding (RFC 2045, section 6)."""
    encoding = encoding.lower()
    if encoding in ("", "7bit", "8bit", "binary"):
        return content
    if encoding == "quoted-printable":
        return quopri.decodestring(content)
    if encoding != "base64":
        raise Invalid(f"part {number} has the unknown transfer encoding {encoding[:40]!r}")
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        raise Invalid(f"part {number} of the message is not valid Base64") from None


def _without_brackets(name: str) -> str:
    name = name.strip()
    if name.startswith("<") and name.endswith(">"):
        return name[1:-1]
    return name


# -- writing ---------------------------------------------------------------------------------------


def write_package(package: Package, envelope_type: str, action: str = "") -> tuple[bytes, str]:
    """Return a message of several parts, and its content type.

    `envelope_type` is the content type of the envelope by itself, `action` that of SOAP 1.2. An
    attachment without a Content-ID gets one. Raises `Invalid` for an attachment whose headers
    cannot be written.
    """
    unique = secrets.token_hex(12)
    boundary = f"hansa-{unique}"
    start = f"envelope.{unique}@hansa"
    media_type = media_type_of(envelope_type)
    if package.is_xop:
        root_type = f'{XOP_TYPE}; charset=utf-8; type="{media_type}"'
        described = f'type="{XOP_TYPE}"; start-info="{media_type}"'
    else:
        root_type = envelope_type
        described = f'type="{media_type}"'
    content_type = f'{RELATED}; {described}; start="<{start}>"; boundary="{boundary}"'
    if action:
        content_type += f'; action="{action}"'
    parts = [Attachment(bytes(package), root_type, start)]
    for number, attachment in enumerate(package.attachments.all, 1):
        parts.append(_identified(attachment, f"part{number}.{unique}@hansa"))
    return b"".join(_written(parts, boundary.encode())), content_type


def _identified(attachment: Attachment, content_id: str) -> Attachment:
    if attachment.content_id:
        return attachment
    return Attachment(attachment.content, attachment.content_type, content_id, attachment.headers)


def _written(parts: Iterable[Attachment], boundary: bytes) -> Iterator[bytes]:
    """Yield the pieces of a message; the boundary is random, so that no part has it."""
    for part in parts:
        headers = {
            "Content-Type": part.content_type,
            "Content-ID": f"<{part.content_id}>",
            "Content-Transfer-Encoding": "binary",
        }
        for name, value in part.headers.items():
            if name.lower() not in _OWN_HEADERS:
                headers[name] = value
        yield b"--" + boundary + b"\r\n"
        for name, value in headers.items():
            if not _is_header(name) or not _is_header(value) or ":" in name:
                raise Invalid(f"the header {name[:60]!r} of an attachment is not printable ASCII")
            yield f"{name}: {value}\r\n".encode()
        yield b"\r\n"
        yield part.content
        yield b"\r\n"
    yield b"--" + boundary + b"--\r\n"
