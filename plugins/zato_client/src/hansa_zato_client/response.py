"""What a call was answered with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from requests import Response as HTTPResponse

from .values import Value

CID_HEADERS: Final = ("X-Zato-CID", "X-Hansa-CID")
ZATO_OK: Final = "ZATO_OK"
NONE: Final = "(None)"


@dataclass(slots=True)
class Answer:
    """What a format reads in a body: the data, and what the envelope says, if there is one."""

    data: Value = None
    ok: bool = True
    details: str = ""
    result: Value = None
    """The whole message, in its envelope."""


@dataclass(slots=True)
class Response:
    """The response to one call: `ok` says whether the service did what it was asked to.

    `data` is what it answered, `details` says what went wrong, `cid` is the correlation id that the
    server's log has, too, `sio_result` is the message with its envelope, and `inner` the response
    of requests. Going over it goes over `data`.
    """

    inner: HTTPResponse
    answer: Answer
    max_response_repr: int = 2500
    max_cid_repr: int = 5
    cid: str = field(init=False)

    def __post_init__(self) -> None:
        headers = self.inner.headers
        self.cid = next((headers[name] for name in CID_HEADERS if name in headers), NONE)

    @property
    def ok(self) -> bool:
        """Whether the call succeeded, by its HTTP status and by what its envelope says."""
        return bool(self.inner.ok) and self.answer.ok

    @property
    def data(self) -> Value:
        """What the service answered; None for nothing, and for an error."""
        return self.answer.data if self.ok else None

    @property
    def has_data(self) -> bool:
        """Whether there is an answer that is not empty."""
        data = self.data
        # an XML element without children is none that is empty
        return data is not None and (hasattr(data, "tag") or bool(data))

    @property
    def details(self) -> str:
        """What went wrong, or nothing."""
        return self.answer.details

    @property
    def sio_result(self) -> Value:
        """The message as it came, with its envelope; None if it could not be read."""
        return self.answer.result

    def __iter__(self) -> Iterator[Value]:
        return iter(self.data if self.has_data else ())

    def __repr__(self) -> str:
        cid = self.cid[: self.max_cid_repr]
        shown = repr(self.data if self.ok else self.details)[: self.max_response_repr]
        name = type(self).__name__
        return f"<{name} ok:[{self.ok}] inner.status_code:[{self.inner.status_code}] cid:[{cid}] {shown}>"
