"""One message as a broker delivered it, and the headers of its copy after a failure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from hansa import Request, new_cid

Headers: TypeAlias = dict[Any, Any]
"""The headers of a message as its broker has them.

What others sent may have names and values of any type.
"""

PREFIX = "x-hansa-"
HISTORY = 20
"""Entries that the history of a message keeps at most."""
LONGEST_CAUSE = 1000
"""Characters of a cause, at most."""
_is_cid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as a broker delivered it.

    `tag` is what it is acknowledged by, `headers` are its own. `redelivered` says that an earlier
    delivery was lost, with its worker or its connection; `identity` is a text that the next
    delivery has, too. `origin` are texts that say where the message came from, by name; a copy
    keeps those of the first delivery. `extra` is what else the service is to see, `properties`
    belongs to the connector, `fault` says why the message cannot be handled. `attempt` counts from
    1.
    """

    tag: Any
    body: bytes
    headers: Headers
    redelivered: bool = False
    origin: dict[str, str] = field(default_factory=dict)
    identity: str = ""
    extra: dict[str, object] = field(default_factory=dict)
    properties: Any = None
    fault: str = ""
    attempt: int = field(init=False)
    cid: str = field(init=False)
    state: Literal["open", "handled", "acknowledged"] = field(init=False, default="open")

    def __post_init__(self) -> None:
        failed = self.headers.get(PREFIX + "attempts")
        self.attempt = max(0, failed) + 1 if isinstance(failed, int) else 1
        cid = self.headers.get(PREFIX + "cid")
        self.cid = cid if isinstance(cid, str) and _is_cid(cid) else new_cid()
        self.origin = {
            name: self.headers.get(PREFIX + name, value) for name, value in self.origin.items()
        }

    def request(self) -> Request:
        """Return what the service gets; the names of headers are lower-case, their values text."""
        headers = {_text(name).lower(): _text(value) for name, value in self.headers.items()}
        extra = {**self.extra, "headers": self.headers, "origin": self.origin}
        return Request(self.body, headers=headers, extra=extra, cid=self.cid, attempt=self.attempt)

    def failure_headers(self, error: BaseException | None, channel: str) -> Headers:
        """Return the headers of a copy: the message's own, and why and how often it failed."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        cause = cause_of(error)
        known = self.headers.get(PREFIX + "history")
        history = list(known) if isinstance(known, list) else []
        history.append(f"{now} attempt {self.attempt}: {cause}")
        added = {
            "cid": self.cid,
            "attempts": self.attempt,
            "cause": cause,
            "first": self.headers.get(PREFIX + "first", now),
            "last": now,
            "history": history[-HISTORY:],
            "channel": channel,
            **self.origin,
        }
        return {**self.headers, **{PREFIX + name: value for name, value in added.items()}}


def cause_of(error: BaseException | None) -> str:
    """Return an error as a cause that any broker takes: lone surrogates, as in names of files that are
    not UTF-8, are escaped.
    """
    text = f"{type(error).__name__}: {error}"[:LONGEST_CAUSE]
    return text.encode(errors="backslashreplace").decode()[:LONGEST_CAUSE]


def essential_headers(headers: Headers) -> Headers:
    """Return the few headers of a copy that any broker takes: short ones that were added here."""
    essential: Headers = {}
    for name, value in headers.items():
        short = isinstance(value, str | int) and len(str(value)) <= LONGEST_CAUSE
        if short and str(name).startswith(PREFIX):
            essential[name] = value
    return essential


def _text(value: object) -> str:
    """Return a header's name or value as text: lists and dicts as JSON."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | dict):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value)


def _plain(value: object) -> object:
    """Return a value with all that JSON does not have as text."""
    if isinstance(value, dict):
        return {_text(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _text(value)
