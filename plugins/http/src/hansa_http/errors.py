"""Errors as answers: problem details (RFC 9457), rendered here for whatever fails outside of a
channel.
"""

from __future__ import annotations

import msgspec
from hansa import HansaError, Invalid, NotFound, Response, problem

PROBLEM = "application/problem+json"


class NoChannel(NotFound):
    """No channel of this server has the path."""

    code = "no-channel"


class UnsupportedMediaType(HansaError):
    """A request has a body of a kind that is not read here; the answer names those that are."""

    code = "unsupported-media-type"
    status = 415
    title = "Unsupported media type"
    outcome = "reject"


class NotAcceptable(HansaError):
    """A request accepts no form in which it could be answered."""

    code = "not-acceptable"
    status = 406
    title = "Not acceptable"
    outcome = "reject"


def malformed(detail: str, status: int = 400, title: str = "Malformed request") -> HansaError:
    """Return the error for a request that is not HTTP as this server reads it."""
    error = Invalid({}, detail)
    error.status = status
    error.title = title
    return error


def header_too_large(what: str) -> HansaError:
    """Return the error for a head or a trailer over the limit; `what` is its subject and verb."""
    detail = f"{what} larger than this server takes"
    return malformed(detail, 431, "Request header fields too large")


def problem_response(error: BaseException, cid: str) -> Response:
    """Return the problem details of an error as a response; of an unexpected one they reveal
    nothing but the cid.
    """
    response = Response(status=500, cid=cid, content_type=PROBLEM)
    if isinstance(error, HansaError):
        response.status = error.status
        response.headers.update(error.headers)
    details = problem(error, cid)
    try:
        response.raw = msgspec.json.encode(details)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot say
        plain = str(details["detail"]).encode("ascii", "replace").decode()
        response.raw = msgspec.json.encode({**details, "detail": plain})
    response.error = error
    return response
