"""The errors of Hansa: each knows its HTTP-like status and what a broker should do with the message.

Any of them may be raised by services, plugins and core; what is not one of them is an unexpected fault (status 500, retry).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

__all__ = [
    "Conflict",
    "Forbidden",
    "HansaError",
    "Invalid",
    "NotAllowed",
    "NotFound",
    "Refused",
    "TimedOut",
]
__all__ += ["TooLarge", "TooMany", "Unavailable", "problem"]

Outcome = Literal["done", "retry", "reject"]


class HansaError(Exception):
    """A fault whose text may be shown to the caller.

    `status` is an HTTP status code (RFC 9110), `outcome` what a broker does with the message: `retry` counts the attempt and
    tries again, `reject` gives it up at once. `headers` go out with an HTTP answer.
    """

    status: int = 500
    title: str = "Internal error"
    outcome: Outcome = "retry"

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.headers = headers or {}


class Invalid(HansaError):
    """Input that breaks its declaration; `errors` maps each setting or field, by its path, to its fault."""

    status, title, outcome = 400, "Invalid input", "reject"

    def __init__(self, errors: dict[str, str] | str, detail: str = "") -> None:
        self.errors = {"": errors} if isinstance(errors, str) else errors
        told = (f"{name}: {fault}" if name else fault for name, fault in self.errors.items())
        super().__init__(detail or "; ".join(told))


class Refused(HansaError):
    """The caller did not prove who it is; `challenge` is the WWW-Authenticate header, if the mechanism has one."""

    status, title, outcome = 401, "Unauthorized", "reject"

    def __init__(self, detail: str = "", challenge: str = "") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": challenge} if challenge else None)


class Forbidden(HansaError):
    """The caller is known and may not do this."""

    status, title, outcome = 403, "Forbidden", "reject"


class NotFound(HansaError):
    """What was asked for does not exist."""

    status, title, outcome = 404, "Not found", "reject"


class NotAllowed(HansaError):
    """The method is not available here."""

    status, title, outcome = 405, "Method not allowed", "reject"


class Conflict(HansaError):
    """The change contradicts the present state: the name is taken, in use, or was changed by somebody else."""

    status, title, outcome = 409, "Conflict", "reject"


class TooLarge(HansaError):
    """The message is over a size limit."""

    status, title, outcome = 413, "Content too large", "reject"


class TooMany(HansaError):
    """A limit on rate or concurrency is reached; `retry_after` seconds later it may work."""

    status, title = 429, "Too many requests"

    def __init__(self, detail: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Unavailable(HansaError):
    """Something that is needed is down or busy; `retry_after` seconds later it may work."""

    status, title = 503, "Service unavailable"

    def __init__(self, detail: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class TimedOut(HansaError):
    """The other side did not answer within the deadline."""

    status, title = 504, "Timed out"


def describe(error: BaseException) -> str:
    """One line about an error: the detail of one of ours, the type and the text of any other."""
    return error.detail if isinstance(error, HansaError) else f"{type(error).__name__}: {error}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known one, if any is close."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def problem(error: BaseException, cid: str) -> dict[str, object]:
    """The problem details (RFC 9457) of an error; of an unexpected one only that it happened, and the cid to find it by."""
    if not isinstance(error, HansaError):
        error = HansaError(
            "An unexpected error occurred; the server's log tells more under this cid"
        )
    found: dict[str, object] = {
        "status": error.status,
        "title": error.title,
        "detail": error.detail,
        "cid": cid,
    }
    if isinstance(error, Invalid):
        found["errors"] = error.errors
    return found
