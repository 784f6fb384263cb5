"""What stands in for the service behind a channel under test: it notes each request and answers as
told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from hansa import Invalid, Request, Response, Unavailable

Judge = Callable[[Request], str]


class Inbox:
    """A `dispatch` that never raises; `outcome` answers each request, after `outcomes`, one for
    each, are used up.
    """

    def __init__(self, outcome: str = "done", *, outcomes: Sequence[str] = ()) -> None:
        self.requests: list[Request] = []
        self.outcome = outcome
        self._outcomes = list(outcomes)
        self._arrived = threading.Condition()

    def __call__(self, request: Request) -> Response:
        """Note the request; answer with the next outcome."""
        with self._arrived:
            self.requests.append(request)
            outcome = self._outcomes.pop(0) if self._outcomes else self.outcome
            self._arrived.notify_all()
        return answer(request, outcome)

    def wait(self, count: int, seconds: float) -> list[Request]:
        """The requests so far, once there are `count` of them; fails after `seconds`."""
        if not self.has(count, seconds):
            raise AssertionError(
                f"{len(self.requests)} of {count} messages arrived within {seconds:g} s"
            )
        return list(self.requests)

    def has(self, count: int, seconds: float) -> bool:
        """Whether `count` requests arrive within `seconds`."""
        return self.until(lambda: len(self.requests) >= count, seconds)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether a condition on the requests comes true within `seconds`."""
        with self._arrived:
            return self._arrived.wait_for(condition, seconds)


def answer(request: Request, outcome: str) -> Response:
    """A response as core would give it for this outcome."""
    response = Response(cid=request.cid)
    response.raw = b"ok"
    if outcome == "retry":
        response.error = Unavailable("the conformance kit asks for another attempt")
        response.status, response.raw, response.outcome = 503, b"try again", "retry"
    elif outcome == "reject":
        response.error = Invalid("the conformance kit rejects this message")
        response.status, response.raw, response.outcome = 400, b"rejected", "reject"
    return response
