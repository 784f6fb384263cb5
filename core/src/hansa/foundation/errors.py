"""The errors of Hansa: each knows a stable code, its HTTP-like status, and what a broker should do
with the message.

Any of them may be raised by services, plugins and core; what is not one of them is an unexpected
fault (status 500, retry).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Literal

Outcome = Literal["done", "retry", "reject"]

TEXT_LIMIT = 2000
"""Maximum length of one text of an error, in characters."""
CALLER_TEXT_LIMIT = 300
"""Maximum length of what a caller reads of a fault that is not its own, in characters: such texts
may quote libraries and other systems.
"""
_ADDRESS = re.compile(
    r"""
    \b[a-z][a-z0-9+.-]{0,30}://[^\s'"<>]*              # a URL
    | \[[0-9a-f]{0,4}:[0-9a-f:.]+\](:\d{1,5})?          # IPv6
    | \b(?:\d{1,3}\.){3}\d{1,3}\b(:\d{1,5})?           # IPv4
    | (?<![\w.:-])(?=[\d.-]*[a-z])[a-z0-9][a-z0-9.-]{0,253}:\d{2,5}(?![\w.])   # host and port
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Where another system is."""


def shortened(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return a text of at most about `limit` characters, which says how many were left out.

    Texts of libraries may quote all that a peer has sent; callers and logs get the beginning.
    """
    if len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text) - limit:,} more characters)"


class HansaError(Exception):
    """A fault whose text may be shown to the caller.

    `code` names the kind of fault for programs and never changes; texts may. `status` is an HTTP
    status code (RFC 9110), `outcome` what a broker does with the message: `retry` counts the
    attempt and tries again, `reject` gives it up at once. `headers` go out with an HTTP answer.
    `detail` is cut off after `TEXT_LIMIT` characters. `reason` is for the log and for
    administrators alone. One that is `internal` is a fault of the server or of its service: callers
    learn no more of it than of an unexpected error.
    """

    code: str = "internal-error"
    status: int = 500
    title: str = "Internal error"
    outcome: Outcome = "retry"
    internal: bool = False
    reason: str = ""

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.detail = shortened(detail) or self.title
        super().__init__(self.detail)
        self.headers = headers or {}

    @property
    def explanation(self) -> str:
        """The detail and the reason, for the log and for administrators alone."""
        return f"{self.detail}: {self.reason}" if self.reason else self.detail


class Invalid(HansaError):
    """Input that breaks its declaration; `errors` maps each setting or field, by its path, to its
    fault.
    """

    code = "invalid"
    status = 400
    title = "Invalid input"
    outcome: Outcome = "reject"

    def __init__(self, errors: dict[str, str] | str, detail: str = "") -> None:
        given = {"": errors} if isinstance(errors, str) else errors
        self.errors = {shortened(name): shortened(fault) for name, fault in given.items()}
        faults = (f"{name}: {fault}" if name else fault for name, fault in self.errors.items())
        super().__init__(detail or "; ".join(faults))


class MissingModule(Invalid):
    """A source that imports what is not there, or not yet."""

    code = "missing-module"


class Misused(Invalid):
    """A service uses a part of the server in a way that cannot work, whatever its caller sends."""

    code = "misused"
    status = 500
    title = "Used incorrectly"
    outcome = "retry"
    internal = True


CHALLENGE = "WWW-Authenticate"
"""The header of a refusal that says how to prove who one is."""
NO_SCHEME = 'Credentials realm="hansa"'
"""What it says where no scheme of HTTP is meant: RFC 9110, section 15.5.2, asks for one in each
answer with status 401.
"""


class Refused(HansaError):
    """The caller did not prove who it is; `challenge` is the WWW-Authenticate header, by default one
    that names no scheme of HTTP.
    """

    code = "unauthorized"
    status = 401
    title = "Unauthorized"
    outcome = "reject"

    def __init__(self, detail: str = "", challenge: str = NO_SCHEME) -> None:
        super().__init__(detail, headers={CHALLENGE: challenge})


class Forbidden(HansaError):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403
    title = "Forbidden"
    outcome: Outcome = "reject"


class NotFound(HansaError):
    """What was asked for does not exist."""

    code = "not-found"
    status = 404
    title = "Not found"
    outcome: Outcome = "reject"


class Undefined(NotFound):
    """A service, or another part of the server, refers to what is not defined there, such as an
    outgoing connection.
    """

    code = "undefined"
    status = 500
    title = "Not defined"
    outcome = "retry"
    internal = True

    @classmethod
    def of(cls, missing: NotFound) -> Undefined:
        """Return the error for a reference to what a look-up did not find."""
        undefined = cls(missing.detail)
        undefined.reason = missing.reason
        return undefined


class NotAllowed(HansaError):
    """The method is not available here."""

    code = "method-not-allowed"
    status = 405
    title = "Method not allowed"
    outcome = "reject"


class Conflict(HansaError):
    """The change contradicts the present state: the name is taken, in use, or was changed by
    somebody else.
    """

    code = "conflict"
    status = 409
    title = "Conflict"
    outcome: Outcome = "reject"


class TooLarge(HansaError):
    """The message is over a size limit."""

    code = "too-large"
    status = 413
    title = "Content too large"
    outcome: Outcome = "reject"


class ResultTooLarge(TooLarge):
    """What a service asked another system for is over a size limit."""

    code = "result-too-large"
    status = 500
    title = "Result too large"
    outcome = "retry"
    internal = True


class TooMany(HansaError):
    """A limit on rate or concurrency is reached; `retry_after` seconds later it may work."""

    code = "too-many-requests"
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Unavailable(HansaError):
    """Something that is needed is down or busy; `retry_after` seconds later it may work."""

    code = "unavailable"
    status = 503
    title = "Service unavailable"

    def __init__(self, detail: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Inactive(Unavailable):
    """Something that is needed was switched off."""

    code = "inactive"


class OtherWriter(Unavailable):
    """Another writer of the database was in the way: what was begun may be done again at once."""

    code = "other-writer"


class TimedOut(HansaError):
    """The other side did not answer within the deadline."""

    code = "timed-out"
    status = 504
    title = "Timed out"


def describe(error: BaseException) -> str:
    """Return one line about an error, for the log and for administrators: the detail and the reason
    of one of ours, the type and the text of any other.
    """
    if isinstance(error, HansaError):
        return error.explanation
    return shortened(f"{type(error).__name__}: {error}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the closest known one, if any is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _for_callers(detail: str) -> str:
    """Return a text about another system without its address."""
    return _ADDRESS.sub("(address)", shortened(detail, CALLER_TEXT_LIMIT))


def problem(error: BaseException, cid: str) -> dict[str, object]:
    """Return the problem details (RFC 9457) of an error, with its `code` and the `cid`.

    Of an unexpected and of an internal error they say only that it happened, and the cid to find it
    by in the server's log. Of another fault that is not the caller's (status 500 and above) they
    have no URL, host and port, or IP address, since callers need not know where a back end is, and
    at most about `CALLER_TEXT_LIMIT` characters.
    """
    if not isinstance(error, HansaError) or error.internal:
        error = HansaError(
            "An unexpected error occurred; the server's log tells more under this cid"
        )
    found: dict[str, object] = {
        "status": error.status,
        "code": error.code,
        "title": error.title,
        "detail": error.detail if error.status < 500 else _for_callers(error.detail),
        "cid": cid,
    }
    if isinstance(error, Invalid):
        found["errors"] = error.errors
    return found
