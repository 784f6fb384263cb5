"""One record of the audit log: what it holds, and the text that is stored and hashed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hansa_admin.writable import writable

PlainRecord = dict[str, Any]
"""A record as plain data."""

OK = "ok"
"""The outcome of what was done."""
BEGUN = "begun"
"""The outcome of what is about to be done, where records are required."""
LONGEST = 200
"""Characters of one name."""
MOST = 1000
"""Names of one kind in a record."""


@dataclass(slots=True)
class Entry:
    """What is to be recorded of one action.

    `by` is the name of the caller, `definition` the security definition that vouches for it,
    `address` where it called from. `service` is the admin service, empty for a change that was made
    without one, as by the pickup folder. `names` are those that the caller gave, `settings` the
    names of the settings that it gave: never their values. `changes` is what was stored, under
    `revision`. `outcome` is `ok`, or the code of an error. `count` is the number of attempts that
    are recorded as one. `more` has what only some records have.
    """

    by: str = ""
    definition: str = ""
    address: str = ""
    channel: str = ""
    service: str = ""
    names: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    outcome: str = OK
    revision: int | None = None
    cid: str = ""
    count: int = 1
    more: PlainRecord = field(default_factory=dict)


def text_of(entry: Entry, number: int, at: float, server: str, previous: str) -> str:
    """Return the text of a record: JSON in one line, sorted by key, with the digest of the record
    before.
    """
    data: PlainRecord = {
        "number": number,
        "at": round(at, 6),
        "server": server,
        "by": shortened(entry.by),
        "definition": shortened(entry.definition),
        "address": shortened(entry.address),
        "channel": shortened(entry.channel),
        "service": shortened(entry.service),
        "names": bounded(entry.names),
        "settings": bounded(entry.settings),
        "changes": bounded(entry.changes),
        "outcome": shortened(entry.outcome),
        "revision": entry.revision,
        "cid": shortened(entry.cid),
        "count": entry.count,
        **entry.more,
        "previous": previous,
    }
    return msgspec.json.encode(data, order="sorted").decode()


def digest_of(text: str) -> str:
    """Return the SHA-256 digest of a record's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def shortened(text: str) -> str:
    """Return a text that JSON can hold, at most as long as a name may be."""
    return writable(text[:LONGEST])


def bounded(names: list[str]) -> list[str]:
    """Return names, each of them and all together within bounds."""
    kept = [shortened(name) for name in names[:MOST]]
    if len(names) > MOST:
        kept.append(f"and {len(names) - MOST} more")
    return kept
