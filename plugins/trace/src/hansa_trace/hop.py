"""The steps of messages, as they are kept and as they are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["channel", "invoke", "async", "outgoing"]
"""What a step is: a request of a channel, a call from service to service, an asynchronous call, or
a call of an outgoing connection.
"""


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where steps happen: `name` is that of a channel or connection, with its type."""

    kind: Kind
    name: str
    service: str = ""


class Queued(msgspec.Struct, array_like=True, frozen=True):
    """What is known of an asynchronous call besides."""

    attempt: int
    parent_cid: str
    in_reply_to: str


Stored: TypeAlias = tuple[str, str, int, int, int, int, int, str, Queued | None]
"""The correlation id, the trace in hexadecimal, the numbers of the step and of its parent (0 for
none), the index of its place, when it began and how long it took in microseconds, its outcome, and
what is known of an asynchronous call.

PERF: plain tuples, and numbers as they are: what is written is seldom read, and costs a third.
"""


class Batch(msgspec.Struct, omit_defaults=True):
    """The steps that a worker keeps at once.

    `id` is unique, `at` is when it was made, `dropped` counts steps that found no room to wait in.
    """

    id: str
    worker: str
    at: float
    places: list[Place]
    steps: list[Stored]
    dropped: int = 0

    def hops(self) -> Iterator[Hop]:
        """Yield the steps."""
        for cid, trace, span, parent, place, began, took, outcome, queued in self.steps:
            yield Hop(
                cid=cid,
                trace=trace,
                span=f"{span:016x}",
                parent=f"{parent:016x}" if parent else "",
                place=self.places[place],
                began=began / 1e6,
                ms=took / 1e3,
                outcome=outcome,
                queued=queued or NOT_QUEUED,
            )


class Hop(msgspec.Struct, frozen=True):
    """One step: never with what was sent.

    `trace`, `span` and `parent` are hexadecimal, as W3C Trace Context has them; `outcome` is `ok` or
    the code of an error. `began` is in seconds of the Unix epoch.
    """

    cid: str
    trace: str
    span: str
    parent: str
    place: Place
    began: float
    ms: float
    outcome: str
    queued: Queued

    @property
    def names(self) -> tuple[str, str, str, str]:
        """The ids by which it is found: its own, its trace's, and of the messages it comes from."""
        return self.cid, self.trace, self.queued.parent_cid, self.queued.in_reply_to


NOT_QUEUED = Queued(1, "", "")
decode = msgspec.json.Decoder(Batch).decode
