"""One message as a broker delivered it: the request that its service gets, and the headers of the copy when it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from hansa import Request, new_cid

PREFIX = "x-hansa-"
HISTORY, LONGEST_CAUSE = 20, 1000  # entries, characters
_cid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as a broker delivered it: `tag` is what it is acknowledged by, `headers` are its own.

    `redelivered`: an earlier delivery was lost, with its worker or its connection; `identity` is a text that the next one has, too.
    `origin` are texts that say where it came from, by name; a copy keeps those of the first delivery. `extra` is what else the
    service is to see, `properties` is the connector's. `fault` says why it cannot be handled. `attempt` counts from 1.
    """

    tag: Any
    body: bytes
    headers: dict[Any, Any]
    redelivered: bool = False
    origin: dict[str, str] = field(default_factory=dict)
    identity: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    properties: Any = None
    fault: str = ""
    attempt: int = field(init=False)
    cid: str = field(init=False)
    state: Literal["open", "handled", "acknowledged"] = field(init=False, default="open")

    def __post_init__(self) -> None:
        failed, told = self.headers.get(PREFIX + "attempts"), self.headers.get(PREFIX + "cid")
        self.attempt = max(0, failed) + 1 if isinstance(failed, int) else 1
        self.cid = told if isinstance(told, str) and _cid(told) else new_cid()
        self.origin = {
            name: self.headers.get(PREFIX + name, value) for name, value in self.origin.items()
        }

    def request(self) -> Request:
        """What the service gets; the names of headers are lower-case, their values text."""
        headers = {_text(name).lower(): _text(value) for name, value in self.headers.items()}
        extra = {**self.extra, "headers": self.headers, "origin": self.origin}
        return Request(self.body, headers=headers, extra=extra, cid=self.cid, attempt=self.attempt)

    def told(self, error: Any, channel: str) -> dict[Any, Any]:
        """The headers of a copy: the message's own, and what became of it so far."""
        now, cause = (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            f"{type(error).__name__}: {error}"[:LONGEST_CAUSE],
        )
        known = self.headers.get(PREFIX + "history")
        history = [
            *(known if isinstance(known, list) else []),
            f"{now} attempt {self.attempt}: {cause}",
        ][-HISTORY:]
        told = {
            "cid": self.cid,
            "attempts": self.attempt,
            "cause": cause,
            "last": now,
            "history": history,
        }
        first = self.headers.get(PREFIX + "first", now)
        told |= {"first": first, "channel": channel, **self.origin}
        return {**self.headers, **{PREFIX + name: value for name, value in told.items()}}

    def shortened(self, headers: dict[Any, Any]) -> dict[Any, Any]:
        """Of the headers of a copy only what was added here, where all of them are too much for the broker."""
        added = {name: value for name, value in headers.items() if str(name).startswith(PREFIX)}
        return {
            name: value
            for name, value in added.items()
            if isinstance(value, str | int) and len(str(value)) <= LONGEST_CAUSE
        }


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
