"""Errors of Hansa as status codes of gRPC, and what goes out with them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from hansa import HansaError, Response, problem

if TYPE_CHECKING:
    import grpc

CID = "x-hansa-cid"
"""The metadata with the correlation id, of requests and of answers."""
CODE = "x-hansa-code"
"""The metadata of an answer with the stable code of its error."""
ERRORS = "x-hansa-errors"
"""The metadata of an answer with the fault of each field, as JSON."""
LONGEST_ERRORS = 4000
"""Characters of `ERRORS`; more are left out, since clients take some 8 KB of metadata in all."""
is_cid = re.compile(r"[A-Za-z0-9._:-]{1,100}").fullmatch
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status_of(status: int) -> grpc.StatusCode:
    """Return the status code of gRPC for that of HTTP: INTERNAL for unexpected errors, and
    FAILED_PRECONDITION for others of the caller.
    """
    import grpc

    default = "FAILED_PRECONDITION" if status < 500 else "INTERNAL"
    return grpc.StatusCode[_STATUS.get(status, default)]


def metadata_of(error: BaseException, cid: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that goes out with an error."""
    about = problem(error, cid)
    found = [(CID, cid), (CODE, str(about["code"]))]
    if "errors" in about:
        text = json.dumps(about["errors"])
        if len(text) <= LONGEST_ERRORS:
            found.append((ERRORS, text))
    return tuple(found)


def text_of(error: BaseException, cid: str) -> str:
    """Return what a caller reads of an error."""
    return str(problem(error, cid)["detail"])


def error_of(response: Response) -> BaseException:
    """Return the error of a response that is none of success."""
    if response.error is not None:
        return response.error
    error = HansaError(f"the service has answered with the status {response.status}")
    error.status = response.status
    return error
