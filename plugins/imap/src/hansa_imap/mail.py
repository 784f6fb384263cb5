"""Messages as services get them: read from their bytes (RFC 5322, MIME), leniently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import Address, AddressHeader, DateHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, default as policy
from functools import lru_cache
from typing import Annotated

from hansa import Model, fields, setting

KEPT = 32
"""Headers of a message that are kept as they were read, at most: what was read takes some hundred times
as much memory as its text.
"""
LONGEST_KEPT = 1024
"""Characters of a header that is kept, at most."""


class MailFile(Model):
    """A file in a message."""

    name: Annotated[str, setting("Its name; empty if it has none")]
    media_type: Annotated[str, setting("Its media type", example="application/pdf")]
    content: Annotated[bytes, setting("Its content")]
    content_id: Annotated[
        str, setting("Id by which the HTML text refers to it, without brackets")
    ] = ""


class Mail(Model):
    """A message: a service may declare it as its Input, or a model with some of its fields."""

    uid: Annotated[int, setting("Number of the message in its mailbox")] = 0
    mailbox: Annotated[str, setting("Mailbox that it came from")] = ""
    message_id: Annotated[str, setting("Message-ID")] = ""
    sender: Annotated[str, setting("Address of the sender, without a name")] = ""
    sender_name: Annotated[str, setting("Display name of the sender")] = ""
    to: Annotated[list[str], setting("Addresses of the recipients")] = []
    cc: Annotated[list[str], setting("Addresses of those who get a copy")] = []
    reply_to: Annotated[list[str], setting("Addresses that answers go to")] = []
    subject: Annotated[str, setting("Subject")] = ""
    date: Annotated[datetime | None, setting("When it was written, as it says")] = None
    text: Annotated[str, setting("Plain text")] = ""
    html: Annotated[str, setting("HTML text, as it came: not safe to be shown")] = ""
    attachments: Annotated[list[MailFile], setting("Files in it")] = []


def parse_mail(raw: bytes, mailbox: str = "", uid: int = 0) -> Mail:
    """Return a message; what is malformed in it is read as far as it can be."""
    message = message_from_bytes(raw, policy=_keeping())
    senders = _addresses(message, "From")
    return Mail(
        uid=uid,
        mailbox=mailbox,
        message_id=_header(message, "Message-ID"),
        sender=_spec(senders[0]) if senders else "",
        sender_name=_clean(senders[0].display_name) if senders else "",
        to=[_spec(one) for one in _addresses(message, "To")],
        cc=[_spec(one) for one in _addresses(message, "Cc")],
        reply_to=[_spec(one) for one in _addresses(message, "Reply-To")],
        subject=_header(message, "Subject"),
        date=_date(message),
        text=_text(message, "plain"),
        html=_text(message, "html"),
        attachments=[_file(part) for part in _files(message)],
    )


def _keeping() -> EmailPolicy[EmailMessage]:
    """Return the policy for one message, which keeps headers."""
    # PERF: the library parses a header each time that it is asked for, that of the content nine times
    # in a message; with each kept, a message of 1 KB takes half the time
    read: Callable[[str, str], str] = policy.header_factory
    kept = lru_cache(KEPT)(read)

    def header(name: str, value: str) -> str:
        return kept(name, value) if len(value) <= LONGEST_KEPT else read(name, value)

    return policy.clone(header_factory=header)


def plain_mail(mail: Mail) -> dict[str, object]:
    """Return a message as a dictionary, in which contents stay bytes, and the date a datetime."""
    return {**_values(mail), "attachments": [_values(one) for one in mail.attachments]}


def _values(model: Model) -> dict[str, object]:
    return {field.name: getattr(model, field.name) for field in fields(type(model))}


def _clean(text: str) -> str:
    """Return a text without lone surrogates, which stand for bytes that could not be decoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _header(message: EmailMessage, name: str) -> str:
    try:
        return _clean(str(message.get(name, "")))
    except Exception:  # the parser of the standard library fails on some malformed headers
        return ""


def _addresses(message: EmailMessage, name: str) -> list[Address]:
    try:
        headers = message.get_all(name, [])
    except Exception:  # as above
        return []
    found: list[Address] = []
    for header in headers:
        if isinstance(header, AddressHeader):
            found += header.addresses
    return found


def _spec(address: Address) -> str:
    return _clean(address.addr_spec)


def _date(message: EmailMessage) -> datetime | None:
    try:
        header = message.get("Date")
    except Exception:  # as above
        return None
    found = header.datetime if isinstance(header, DateHeader) else None
    return found if isinstance(found, datetime) else None


def _text(message: EmailMessage, kind: str) -> str:
    """Return the body of a kind; of several, the first."""
    try:
        body = message.get_body((kind,))
    except Exception:  # as above
        body = None
    if not isinstance(body, EmailMessage):
        return ""
    return _decoded(body).replace("\r\n", "\n")


def _decoded(part: EmailMessage) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset that nobody knows
        return raw.decode("utf-8", "replace")


def _files(message: EmailMessage) -> Iterable[EmailMessage]:
    """Return the parts that are files: with a name, attached, or neither text nor a container."""
    for part in message.walk():
        if not isinstance(part, EmailMessage) or part.is_multipart():
            continue
        attached = part.get_content_disposition() == "attachment"
        if attached or part.get_filename() or part.get_content_maintype() != "text":
            yield part


def _file(part: EmailMessage) -> MailFile:
    content = part.get_payload(decode=True)
    return MailFile(
        name=_clean(part.get_filename() or ""),
        media_type=part.get_content_type(),
        content=content if isinstance(content, bytes) else b"",
        content_id=_header(part, "Content-ID").strip("<> "),
    )
