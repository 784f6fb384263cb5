"""What is known of a failed message besides its call, and the groups of messages that failed for
one cause.
"""

from __future__ import annotations

import hashlib

import msgspec
from hansa import HansaError
from hansa_admin.causes import pattern

from .call import Attempt

LONGEST_CAUSE = 2000


class Brief(msgspec.Struct):
    """What a list shows of a failed message; times in seconds of the Unix epoch."""

    service: str
    cause: str
    created: float
    at: float
    cid: str = ""
    attempts: int = 0
    worker: str = ""
    group: str = ""


class FailureInfo(Brief, omit_defaults=True):
    """Why, when and where a message failed."""

    traceback: str = ""
    history: list[Attempt] = []

    def assign_group(self) -> None:
        """Set the name of the group that it belongs to by its service and cause."""
        identity = f"{self.service}\0{pattern(self.cause)}"
        self.group = hashlib.sha256(identity.encode()).hexdigest()[:12]

    def encoded(self) -> bytes:
        """Return it as JSON, with its group."""
        self.assign_group()
        return msgspec.json.encode(self)

    def placement(self) -> list[str | bytes]:
        """Return where it stands in the index: its group, what that is about, its correlation id."""
        return [self.group, about(self), self.cid]


class GroupSubject(msgspec.Struct):
    """What the messages of a group have in common: their service, and the pattern of their cause."""

    service: str
    cause: str


def about(brief: Brief) -> bytes:
    """Return what the group of a failed message is about, as JSON."""
    return msgspec.json.encode(GroupSubject(brief.service, pattern(brief.cause)))


def cause_of(error: BaseException) -> str:
    """Return an error as a cause: its type and text, shortened to 2,000 characters."""
    detail = error.detail if isinstance(error, HansaError) else str(error)
    kind = type(error).__name__
    return shortened(f"{kind}: {detail}" if detail else kind)


def shortened(text: str) -> str:
    """Return a text as a cause, shortened to 2,000 characters."""
    return writable(text[:LONGEST_CAUSE])


def writable(text: str) -> str:
    """Return a text that JSON can hold: with lone surrogates, such as those of a file's name that is
    not UTF-8, as their escapes.
    """
    return text.encode(errors="backslashreplace").decode()
