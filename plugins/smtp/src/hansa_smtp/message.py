"""Messages: what a service gives to be sent, in the form of RFC 5322 and MIME (RFC 2045 to 2049)."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from typing import TypeAlias

from hansa import Invalid
from hansa_connect.files import is_clean

from .addresses import parse_addresses

Recipients: TypeAlias = str | Iterable[str]
"""Addresses separated by commas, or a list of them."""

_OF_THE_MESSAGE = frozenset(
    (
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "reply-to",
    )
)
"""Headers that have arguments of their own, or are made here."""
_HEADER_NAME = re.compile(r"[!-9;-~]{1,70}")
"""Printable ASCII without a colon (RFC 5322, section 2.2)."""
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message: its name, content, and media type, by default that of the name.

    One with a `content_id` is shown in the HTML text, which refers to it as `cid:CONTENT_ID`.
    """

    name: str
    content: bytes | str
    media_type: str = ""
    content_id: str = ""

    @property
    def type_parts(self) -> tuple[str, str]:
        """The media type in its two parts; text that is not known otherwise is text/plain."""
        fallback = "text/plain" if isinstance(self.content, str) else "application/octet-stream"
        named = self.media_type or mimetypes.guess_type(self.name)[0] or fallback
        main, _, sub = named.partition("/")
        return main, sub or "octet-stream"

    @property
    def parameters(self) -> dict[str, str]:
        """Those of the media type: the charset of text, which is US-ASCII where none is named."""
        is_text = isinstance(self.content, str) and self.type_parts[0] == "text"
        return {"charset": "utf-8"} if is_text else {}

    @property
    def data(self) -> bytes:
        """The content; text as UTF-8."""
        return self.content.encode() if isinstance(self.content, str) else self.content


File: TypeAlias = Attachment | tuple[str, bytes | str]
"""A file to attach, or its name and content."""


def as_attachments(files: Iterable[File]) -> tuple[Attachment, ...]:
    """Return files as attachments."""
    return tuple(one if isinstance(one, Attachment) else Attachment(*one) for one in files)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP transports: a message as bytes, from whom and for whom, each address once."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    data: bytes
    needs_utf8: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as a service gives it, with the arguments of `SmtpOutgoing.send`."""

    sender: str
    to: Recipients = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    cc: Recipients = ()
    bcc: Recipients = ()
    reply_to: Recipients = ()
    attachments: Iterable[Attachment] = ()
    headers: Mapping[str, str] | None = None

    def envelope(self) -> Envelope:
        """Return it in the form to be sent; raises `Invalid` with all that is wrong, by argument."""
        faults: dict[str, str] = {}
        sender = _checked(faults, "sender", [self.sender])
        groups = {
            "to": _checked(faults, "to", self.to),
            "cc": _checked(faults, "cc", self.cc),
            "bcc": _checked(faults, "bcc", self.bcc),
            "reply_to": _checked(faults, "reply_to", self.reply_to),
        }
        recipients = (*groups["to"], *groups["cc"], *groups["bcc"])
        if not recipients and not faults:
            faults["to"] = "a message has at least one recipient"
        faults |= self._faults()
        if faults:
            raise Invalid(faults, _summary(faults))
        message = EmailMessage(SMTP)
        message["Subject"] = self.subject
        for name, value in (self.headers or {}).items():
            message[name] = value
        message["From"] = sender
        for header, name in (("To", "to"), ("Cc", "cc"), ("Reply-To", "reply_to")):
            if groups[name]:
                message[header] = groups[name]
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=sender[0].domain.encode("idna").decode("ascii"))
        self._write_content(message)
        addresses = (sender[0].addr_spec, *dict.fromkeys(one.addr_spec for one in recipients))
        needs_utf8 = not all(address.isascii() for address in addresses)
        policy = SMTP.clone(utf8=True) if needs_utf8 else SMTP
        return Envelope(
            str(message["Message-ID"]),
            addresses[0],
            addresses[1:],
            message.as_bytes(policy=policy),
            needs_utf8,
        )

    def _faults(self) -> dict[str, str]:
        """Return what is wrong besides the addresses, by argument.

        What is part of a header has no control characters: they would begin another one.
        """
        lines = {"subject": self.subject}
        for name, value in (self.headers or {}).items():
            lines[f"headers.{name}"] = f"{name}{value}"
        for number, attachment in enumerate(self.attachments):
            about = (attachment.name, attachment.media_type, attachment.content_id)
            lines[f"attachments[{number}]"] = "".join(about)
        faults = {
            name: "has control characters" for name, line in lines.items() if not is_clean(line)
        }
        for name in self.headers or {}:
            if name.lower() in _OF_THE_MESSAGE or name.lower().startswith("content-"):
                faults[f"headers.{name}"] = "is made from the other arguments"
            elif not _HEADER_NAME.fullmatch(name):
                faults[f"headers.{name}"] = "cannot be the name of a header"
        for name, text in {"text": self.text, "html": self.html}.items():
            if _LONE_SURROGATE.search(text):
                faults[name] = "has characters that UTF-8 does not have"
        return faults

    def _write_content(self, message: EmailMessage) -> None:
        message.set_content(self.text)
        if self.html:
            message.add_alternative(self.html, subtype="html")
        attached = []
        for attachment in self.attachments:
            if attachment.content_id and self.html:
                self._write_inline(message, attachment)
            else:
                attached.append(attachment)
        for attachment in attached:
            main, sub = attachment.type_parts
            message.add_attachment(
                attachment.data,
                maintype=main,
                subtype=sub,
                filename=attachment.name,
                params=attachment.parameters,
            )

    def _write_inline(self, message: EmailMessage, attachment: Attachment) -> None:
        body = message.get_body(("html",))
        assert isinstance(body, EmailMessage)
        main, sub = attachment.type_parts
        body.add_related(
            attachment.data,
            maintype=main,
            subtype=sub,
            filename=attachment.name,
            cid=f"<{attachment.content_id}>",
            disposition="inline",
        )


def _checked(faults: dict[str, str], name: str, given: Recipients) -> tuple[Address, ...]:
    try:
        return parse_addresses(given)
    except ValueError as error:
        faults[name] = str(error)
        return ()


def _summary(faults: Mapping[str, str]) -> str:
    text = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
    return f"the message cannot be sent: {text}"
