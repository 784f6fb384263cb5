"""One step of a message, as it is kept."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["channel", "invoke", "async", "outgoing"]
"""What a step is: a request of a channel, a call from service to service, an asynchronous call, or
a call of an outgoing connection.
"""


class Hop(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True):
    """One step: never with what was sent.

    `trace`, `span` and `parent` are hexadecimal, as W3C Trace Context has them. `name` is that of a
    channel or connection, with its type; `outcome` is `ok` or the code of an error. `began` is in
    seconds of the Unix epoch.
    """

    cid: str
    trace: str
    span: str
    parent: str
    kind: Kind
    name: str
    service: str
    began: float
    ms: float
    outcome: str
    attempt: int = 1
    parent_cid: str = ""
    in_reply_to: str = ""


class Batch(msgspec.Struct, omit_defaults=True):
    """The steps that a worker keeps at once.

    `id` is unique, `at` is when it was made, `dropped` counts steps that found no room to wait in.
    """

    id: str
    worker: str
    at: float
    hops: list[Hop]
    dropped: int = 0


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Batch).decode
