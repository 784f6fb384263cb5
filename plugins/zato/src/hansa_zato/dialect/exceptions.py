"""The exceptions of Zato.

Those with an HTTP status are errors of Hansa, too, so every channel knows what to do with them.
"""

from __future__ import annotations

import sys
from http.client import responses
from typing import Final

from hansa import HansaError, Invalid, TimedOut, Unavailable

_CODES: Final = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    429: "too-many-requests",
    503: "unavailable",
    504: "timed-out",
}
"""The codes of Hansa's errors with these statuses."""


class ZatoException(Exception):
    """Base of all.

    `cid` is the correlation id, `msg` the text. To clients it is an unexpected error, status 500.
    """

    def __init__(self, cid: str | None = None, msg: str | None = None, *args: object) -> None:
        super().__init__(msg or "")
        self.cid = cid
        self.msg = msg

    def __repr__(self) -> str:
        return f"<{type(self).__name__} cid:`{self.cid}`, msg:`{self.msg}`>"


class Reportable(ZatoException, HansaError):
    """An error whose text is for the caller.

    `status` is the HTTP status, `reason` its standard phrase.
    """

    def __init__(
        self,
        cid: str | None,
        msg: str | None,
        status: int,
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        HansaError.__init__(self, str(msg or ""), headers=headers)
        self.cid = cid
        self.msg = msg
        self.status = int(status)
        self.code = _CODES.get(self.status, "internal-error")
        self.reason = responses.get(self.status, "Error")
        self.title = self.reason
        if 400 <= self.status < 500 and self.status != 429:
            self.outcome = "reject"
        else:
            self.outcome = "retry"
        if not msg:
            self.detail = self.reason


class HTTPException(Reportable):
    """Base of errors that stand for one HTTP status each, and, given a status, any other."""

    def __init__(self, cid: str | None = None, msg: str | None = None, status: int = 500) -> None:
        super().__init__(cid, msg, status)


class ClientHTTPError(HTTPException):
    """An error that is the client's fault, 4xx."""

    def __init__(self, cid: str | None = None, msg: str | None = None, status: int = 400) -> None:
        super().__init__(cid, msg, status)


class BadRequest(ClientHTTPError):
    """400; the text is shown whatever `needs_msg` says."""

    def __init__(
        self, cid: str | None = None, msg: str = "Received a bad request", needs_msg: bool = False
    ) -> None:
        super().__init__(cid, msg, 400)
        self.needs_msg = needs_msg


class Unauthorized(ClientHTTPError):
    """401; `challenge` is the header WWW-Authenticate."""

    def __init__(
        self, cid: str | None = None, msg: str = "Unauthorized", challenge: str | None = None
    ) -> None:
        super().__init__(cid, msg, 401)
        self.challenge = challenge
        if challenge:
            self.headers["WWW-Authenticate"] = challenge


class Forbidden(ClientHTTPError):
    """403."""

    def __init__(
        self,
        cid: str | None = None,
        msg: str = "You are not allowed to access this resource",
        *args: object,
    ) -> None:
        super().__init__(cid, msg, 403)


class NotFound(ClientHTTPError):
    """404."""

    def __init__(
        self, cid: str | None = None, msg: str = "No such resource", *args: object
    ) -> None:
        super().__init__(cid, msg, 404)


class MethodNotAllowed(ClientHTTPError):
    """405."""

    def __init__(
        self, cid: str | None = None, msg: str = "Method is not allowed", *args: object
    ) -> None:
        super().__init__(cid, msg, 405)


class Conflict(ClientHTTPError):
    """409."""

    def __init__(self, cid: str | None = None, msg: str = "Conflict", *args: object) -> None:
        super().__init__(cid, msg, 409)


class TooManyRequests(ClientHTTPError):
    """429."""

    def __init__(
        self, cid: str | None = None, msg: str = "Too many requests", *args: object
    ) -> None:
        super().__init__(cid, msg, 429)


class InternalServerError(HTTPException):
    """500, with a text for the caller."""

    def __init__(
        self, cid: str | None = None, msg: str = "Internal server error", *args: object
    ) -> None:
        super().__init__(cid, msg, 500)


class ServiceUnavailable(HTTPException):
    """503."""

    def __init__(
        self, cid: str | None = None, msg: str = "Service unavailable", *args: object
    ) -> None:
        super().__init__(cid, msg, 503)


class ParsingException(ZatoException):
    """A message could not be read."""


class ValidationException(ParsingException):
    """A message does not fit its declaration."""


class InvalidInput(ValidationException, Invalid):
    """Input that breaks its declaration, status 400.

    `errors` maps each declared name to its fault.
    """

    def __init__(self, cid: str | None, errors: dict[str, str] | str) -> None:
        Invalid.__init__(self, errors)
        self.cid = cid
        self.msg = self.detail


class ServiceMissingException(ZatoException, KeyError):
    """No service has that name."""

    def __str__(self) -> str:
        return self.msg or ""


class RuntimeInvocationError(ZatoException):
    """A service could not be invoked."""


class ClientSecurityException(ZatoException):
    """A client is not who it claims to be."""


class NoDistributionFound(ZatoException):
    """A library is missing."""

    def __init__(self, path: str = "") -> None:
        super().__init__(None, f"No distribution found in path {path!r}")


class ConnectionException(ZatoException, Unavailable):
    """The other side cannot be reached; status 503."""

    def __init__(self, cid: str | None = None, msg: str | None = None) -> None:
        Unavailable.__init__(self, msg or "")
        self.cid = cid
        self.msg = msg


class TimeoutException(ZatoException, TimedOut):
    """The other side, or a service invoked with a time-out, did not answer in time; status 504."""

    def __init__(self, cid: str | None = None, msg: str | None = None) -> None:
        TimedOut.__init__(self, msg or "")
        self.cid = cid
        self.msg = msg


class Inactive(ConnectionException):
    """The connection or service `name` is inactive."""

    code = "inactive"

    def __init__(self, name: str = "") -> None:
        super().__init__(None, f"{name} is inactive")
        self.name = name


def requests_too(
    error: type[ConnectionException | TimeoutException], name: str
) -> type[ConnectionException | TimeoutException]:
    """Return the class of `error` that `except requests.exceptions.NAME` catches, too.

    That is `error` itself unless something in this process has imported requests. Services written
    for Zato catch the exceptions of requests, since it was requests that made their calls.
    """
    theirs = getattr(sys.modules.get("requests.exceptions"), name, None)
    if theirs is None:
        return error
    return type(
        error.__name__,
        (error, theirs),
        {"__doc__": error.__doc__, "__module__": __name__, "__str__": Exception.__str__},
    )
