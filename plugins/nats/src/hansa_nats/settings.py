"""The settings of NATS connections."""

from __future__ import annotations

import re
from typing import Annotated

from hansa import Invalid, setting
from hansa_connect.login import ChannelLogin, LoginSettings, OutgoingLogin
from hansa_connect.pulling import PullSettings
from hansa_connect.tls import TlsSettings

NATS_PORT = 4222
NAME = r"^[^\s.*>/\\]{1,200}$"
"""What streams and consumers may be called."""
_SPACE = re.compile(r"[\s\x00-\x1f]")


class ServerSettings(TlsSettings, LoginSettings):
    """Server.

    Where a server is, and how to log in.

    A password without a user name is a token. The port is 4222 if it is 0.
    """

    credentials: Annotated[
        str,
        setting(
            "File with the credentials of a user (JWT and seed), instead of a user name and a "
            "password",
            path=True,
        ),
    ] = ""
    timeout: Annotated[float, setting("Time limit of a call in seconds", gt=0, le=86400)] = 30.0
    connect_timeout: Annotated[
        float, setting("Time limit in seconds for connecting and logging in", gt=0, le=3600)
    ] = 5.0
    heartbeat: Annotated[
        float,
        setting(
            "Seconds between two questions whether the server is there; it is lost when two of "
            "them are not answered",
            gt=0,
            le=3600,
            advanced=True,
        ),
    ] = 10.0

    def check(self) -> None:
        """Refuse a login that is given twice; raises `Invalid`."""
        super().check()
        if self.credentials and (self.username or self.password is not None):
            raise Invalid({"credentials": "give either this or username and password"})


class SubscriptionSettings(PullSettings, ChannelLogin, ServerSettings):
    """Subscription."""

    subject: Annotated[
        str,
        setting(
            "Subject to subscribe to; * is any one word of it, > all that follow", min_length=1
        ),
    ]
    queue: Annotated[
        str,
        setting(
            "Queue group of a subject without a stream: one member gets each message; empty for "
            "hansa.NAME"
        ),
    ] = ""
    stream: Annotated[
        str,
        setting(
            "Stream of JetStream to consume, at least once; empty to subscribe to the subject, at "
            "most once",
            pattern=f"^$|{NAME}",
        ),
    ] = ""
    consumer: Annotated[
        str,
        setting(
            "Durable consumer of the stream, which is created if it does not exist; empty for "
            "hansa-NAME",
            pattern=f"^$|{NAME}",
        ),
    ] = ""
    declare: Annotated[
        bool, setting("Create the stream, and that of dead letters, if it does not exist")
    ] = False
    ack_wait: Annotated[
        float,
        setting(
            "Seconds after which a message is delivered again whose worker has gone silent",
            ge=1,
            le=86400,
        ),
    ] = 30.0
    dead_letter_subject: Annotated[
        str,
        setting(
            "Subject of dead letters, of which a stream must take note; empty to terminate the "
            "message alone, which stays in its stream"
        ),
    ] = ""

    def check(self) -> None:
        """Refuse what cannot be subscribed to; raises `Invalid`."""
        super().check()
        faults = {
            "subject": subject_fault(self.subject, wildcards=True),
            "queue": "must have no spaces" if _SPACE.search(self.queue) else "",
        }
        if self.dead_letter_subject:
            faults["dead_letter_subject"] = subject_fault(self.dead_letter_subject)
        if self.stream and self.queue:
            faults["queue"] = "a stream has a consumer instead"
        if not self.stream:
            unused = {
                "consumer": self.consumer,
                "declare": self.declare,
                "dead_letter_subject": self.dead_letter_subject,
            }
            faults |= {name: "is only used with stream" for name, value in unused.items() if value}
        found = {name: fault for name, fault in faults.items() if fault}
        if found:
            raise Invalid(found)


class PublishingSettings(OutgoingLogin, ServerSettings):
    """Publishing."""

    subject: Annotated[str, setting("Subject of messages that name none")] = ""
    stream: Annotated[
        str,
        setting(
            "Stream that must take what is published to it; empty for whichever takes it",
            pattern=f"^$|{NAME}",
        ),
    ] = ""
    declare: Annotated[bool, setting("Create the stream with the subject if it does not exist")] = (
        False
    )

    def check(self) -> None:
        """Refuse what cannot be published to; raises `Invalid`."""
        super().check()
        faults = {}
        if self.subject and (fault := subject_fault(self.subject)):
            faults["subject"] = fault
        if self.declare:
            faults |= {
                name: "is required with declare"
                for name in ("subject", "stream")
                if not getattr(self, name)
            }
        if faults:
            raise Invalid(faults)


def subject_fault(subject: object, wildcards: bool = False) -> str:
    """Return what is wrong with a subject; wildcards are for subscriptions."""
    if not isinstance(subject, str) or not subject:
        return "must be words separated by dots"
    words = subject.split(".")
    if _SPACE.search(subject) or not all(words):
        return "must be words without spaces, separated by dots"
    try:
        subject.encode()
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    wild = [word for word in words if word in ("*", ">")]
    if wild and not wildcards:
        return "must have no wildcards"
    if ">" in words[:-1]:
        return "may have > only at its end"
    return ""
