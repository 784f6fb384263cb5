"""What is written down of sessions: one line in a journal of the operational database (ODB) for
each beginning, each use that is noted, and each end.

All workers of the cluster read the same journal, with and without Redis, so that each knows the
sessions that began at another one, and learns of their end.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from hansa import Model, setting

from .session import Session, SessionPrincipal


class Event(Model):
    """What happened to a session."""

    digest: Annotated[str, setting("Digest of its token")]
    at: Annotated[float, setting("Time, in seconds of the Unix epoch")]


class Begun(Event):
    """A session began."""

    name: Annotated[str, setting("Name of the user")]
    definition: Annotated[str, setting("Security definition that vouches for the user")]
    groups: Annotated[list[str], setting("Groups of the user in a directory")] = []
    account: Annotated[str, setting("Account of the user, if it has one")] = ""
    revision: Annotated[int, setting("Newest revision of the definitions of the user")] = 0
    proof: Annotated[str, setting("What ties it to a password; empty if nothing does")] = ""
    address: Annotated[str, setting("Address that the login came from")] = ""
    agent: Annotated[str, setting("Program that logged in, as it calls itself")] = ""

    @classmethod
    def of(cls, session: Session) -> Begun:
        """Return the beginning of a session."""
        principal = session.principal
        return cls(
            digest=session.digest,
            at=session.began,
            name=principal.name,
            definition=principal.definition,
            groups=list(principal.groups),
            account=session.account,
            revision=session.revision,
            proof=session.proof,
            address=session.address,
            agent=session.agent,
        )

    def session(self) -> Session:
        """Return the session that began."""
        principal = SessionPrincipal(
            self.name, self.definition, tuple(self.groups), session=self.digest
        )
        return Session(
            digest=self.digest,
            principal=principal,
            account=self.account,
            began=self.at,
            revision=self.revision,
            proof=self.proof,
            address=self.address,
            agent=self.agent,
        )


class Used(Event):
    """A session was used."""


class Ended(Event):
    """A session ended before its time."""


AnyEvent: TypeAlias = Begun | Used | Ended

_EVENTS: dict[str, type[AnyEvent]] = {"begun": Begun, "used": Used, "ended": Ended}
_WORDS = {event: word for word, event in _EVENTS.items()}


def text_of(event: AnyEvent) -> str:
    """Return an event as a line of the journal."""
    found = {"event": _WORDS[type(event)], **{key: getattr(event, key) for key in _keys(event)}}
    return msgspec.json.encode(found).decode()


def _keys(event: AnyEvent) -> list[str]:
    return list(type(event).__dataclass_fields__)


def event_in(text: str) -> AnyEvent | None:
    """Return the event in a line of the journal; None for one that a newer version has written."""
    data = msgspec.json.decode(text)
    model = _EVENTS.get(data.pop("event", ""))
    if model is None:
        return None
    return msgspec.convert(data, model)
