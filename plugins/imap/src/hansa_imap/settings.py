"""The settings of connections to mail servers by IMAP."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from hansa import Invalid, Model, setting
from hansa_connect.login import ChannelLogin, CredentialSettings, OutgoingLogin
from hansa_connect.pooled import PoolSettings
from hansa_connect.pulling import PullSettings
from hansa_connect.tls import TlsSettings

_FLAG = re.compile(r"\\?[A-Za-z$][A-Za-z0-9_.$-]{0,60}")
_UNCLEAN = re.compile(r"[\x00-\x1f\x7f]")
SEEN = "\\Seen"


class ImapAddressSettings(Model):
    """Address.

    Where a mail server is.
    """

    host: Annotated[
        str,
        setting("Host name or IP address of the server", example="mail.example.com", min_length=1),
    ]
    port: Annotated[
        int, setting("TCP port; 0 for 993 with implicit TLS, else 143", ge=0, le=65535)
    ] = 0


class ImapServerSettings(PoolSettings, TlsSettings, CredentialSettings, ImapAddressSettings):
    """Protocol.

    How to talk to a mail server, and which of its mailboxes.
    """

    tls: Annotated[
        bool,
        setting(
            "Encrypt the connection with TLS and verify the server's certificate; "
            "otherwise password and messages are sent in clear text"
        ),
    ] = True
    implicit: Annotated[
        bool, setting("Begin with TLS at once, instead of after STARTTLS", advanced=True)
    ] = True
    mailbox: Annotated[
        str, setting("Mailbox that is read", example="INBOX/Orders", min_length=1)
    ] = "INBOX"

    @property
    def effective_port(self) -> int:
        """The port, or the one that is usual for the encryption."""
        return self.port or (993 if self.tls and self.implicit else 143)

    def check(self) -> None:
        """Refuse names with control characters; raises `Invalid`."""
        super().check()
        if not is_clean_line(self.mailbox):
            raise Invalid({"mailbox": "has control characters"})


class ReadingSettings(OutgoingLogin, ImapServerSettings):
    """Reading."""

    read_limit: Annotated[
        int, setting("Maximum bytes of a message that is taken into memory", ge=1)
    ] = 64 * 1024 * 1024


class ReceivingSettings(PullSettings, ChannelLogin, ImapServerSettings):
    """Receiving."""

    criteria: Annotated[
        str,
        setting(
            "Which messages to take, as SEARCH has it (RFC 9051), besides those not handled yet",
            example='FROM "orders@example.com" SUBJECT "order"',
        ),
    ] = "ALL"
    deliver: Annotated[
        Literal["mail", "raw"],
        setting(
            "What the service gets: the parsed message, or its bytes in the format of the channel"
        ),
    ] = "mail"
    after: Annotated[
        Literal["flag", "delete", "move"],
        setting("What becomes of a message that was handled: it gets `flag`, or goes"),
    ] = "flag"
    flag: Annotated[
        str,
        setting(
            "Flag of messages that were handled and stay; those that have it are not taken. A "
            "keyword of your own, such as HansaDone, lets people read mail that was not handled yet"
        ),
    ] = SEEN
    done: Annotated[str, setting("Mailbox that handled messages are moved to")] = ""
    failed: Annotated[
        str,
        setting(
            "Mailbox for messages that could not be handled, each with its cause in a header",
            min_length=1,
        ),
    ] = "Failed"
    idle: Annotated[
        bool,
        setting(
            "Have the server tell of new messages at once (IDLE), where it can; else, and besides, "
            "it is asked every `interval` seconds"
        ),
    ] = True

    def check(self) -> None:
        """Refuse settings that cannot work together; raises `Invalid`."""
        super().check()
        faults = {}
        if fault_of_criteria(self.criteria):
            faults["criteria"] = fault_of_criteria(self.criteria)
        if not is_flag(self.flag):
            faults["flag"] = "must be \\Seen, \\Flagged, \\Answered or a keyword"
        if bool(self.done) != (self.after == "move"):
            faults["done"] = 'belongs to after = "move"'
        for name in ("done", "failed"):
            if getattr(self, name) == self.mailbox or not is_clean_line(getattr(self, name)):
                faults[name] = "must be another mailbox"
        if faults:
            raise Invalid(faults)

    @property
    def search(self) -> str:
        """What to search for: the criteria, less what was handled or is about to go."""
        handled = "UNDELETED"
        if self.after == "flag":
            known = self.flag.startswith("\\")
            missing = f"UN{self.flag[1:].upper()}" if known else f"UNKEYWORD {self.flag}"
            handled = f"UNDELETED {missing}"
        return f"{handled} ({self.criteria})" if self.criteria != "ALL" else handled


def fault_of_criteria(criteria: str) -> str:
    """Return what is wrong with what is searched for, before a server is asked; empty if nothing."""
    if not is_clean_line(criteria) or not criteria.isascii() or not criteria.strip():
        return "must be printable ASCII"
    return ""


def is_clean_line(text: str) -> bool:
    """Return whether a text has no control characters, with which another command could begin."""
    return _UNCLEAN.search(text) is None


def is_flag(text: str) -> bool:
    """Return whether a text is a flag of the protocol, or a keyword."""
    return _FLAG.fullmatch(text) is not None
