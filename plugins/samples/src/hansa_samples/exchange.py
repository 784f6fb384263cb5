"""What is taken of a request when its call has ended: no more than is kept, and not masked yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from hansa import HansaError, Request, Response, Secret, problem
from hansa_admin.administration import name_of
from hansa_redaction.found import MASK
from hansa_redaction.redaction import Body

from .sample import Why

JSON = "application/json"
LONGEST = 8000
"""Characters of a path, a header or an error."""
MOST_HEADERS = 100


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer; `size` is about how much memory they take, in bytes."""

    at: float
    why: Why
    ms: float
    cid: str
    channel: str
    by: str
    definition: str
    address: str
    method: str
    path: str
    parameters: Mapping[str, object]
    headers: Mapping[str, str]
    body: Body
    status: int
    outcome: str
    answer_headers: Mapping[str, str]
    answer: Body
    error: str

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        return 2000 + len(self.body.raw) + len(self.answer.raw)


def exchange_of(
    request: Request, ended: Response | BaseException, *, at: float, ms: float, why: Why, limit: int
) -> Exchange:
    """Return what is taken of a request, with at most `limit` bytes of each message."""
    headers = bounded(request.headers)
    binding = request.channel
    response = ended if isinstance(ended, Response) else failure(ended, request.cid)
    error = "" if isinstance(ended, Response) else describe(ended)
    return Exchange(
        at=at,
        why=why,
        ms=ms,
        cid=request.cid[:LONGEST],
        channel=f"{binding.type} {binding.channel}".strip() if binding else "",
        by=name_of(request.principal)[:LONGEST],
        definition=str(getattr(request.principal, "definition", ""))[:LONGEST],
        address=request.peer,
        method=request.method[:LONGEST],
        path=request.path[:LONGEST],
        parameters=bounded_parameters(request.params),
        headers=headers,
        body=body_of(request.raw, request.payload, headers, limit),
        status=response.status,
        outcome=outcome_of(ended),
        answer_headers=bounded(response.headers),
        answer=body_of(
            response.raw, response.payload, {"content-type": response.content_type}, limit
        ),
        error=error,
    )


def outcome_of(ended: Response | BaseException) -> str:
    """Return how a call has ended: `ok`, the code of an error, or `status-404`."""
    if isinstance(ended, HansaError):
        return ended.code
    if isinstance(ended, BaseException):
        return "unexpected"
    return "ok" if ended.status < 400 else f"status-{ended.status}"


def describe(error: BaseException) -> str:
    """Return the text of an error, with its type."""
    return f"{type(error).__name__}: {error}"[:LONGEST]


def failure(error: BaseException, cid: str) -> Response:
    """Return about what the caller is answered: the text of a format may differ."""
    status = error.status if isinstance(error, HansaError) else 500
    return Response(problem(error, cid), status=status, content_type=JSON)


def body_of(raw: bytes, payload: object, headers: Mapping[str, str], limit: int) -> Body:
    """Return the first bytes of a message, or of an object as JSON has it."""
    content_type = str(headers.get("content-type", ""))
    if not raw:
        raw, content_type = written(payload, content_type)
    encoding = str(headers.get("content-encoding", ""))
    return Body(raw[:limit], len(raw), content_type[:LONGEST], encoding[:LONGEST])


def written(payload: object, content_type: str) -> tuple[bytes, str]:
    """Return an object as bytes, and their content type."""
    if payload is None:
        return b"", content_type
    if isinstance(payload, bytes):
        return payload, content_type
    if isinstance(payload, str):
        return payload.encode(errors="backslashreplace"), content_type
    try:
        return msgspec.json.encode(payload, enc_hook=_plain), content_type or JSON
    except (TypeError, ValueError, RecursionError):
        return f"<{type(payload).__name__}>".encode(), "text/plain"


def _plain(value: object) -> object:
    """Return what JSON has no way to write: a mask for a secret, or the name of a type."""
    if isinstance(value, Secret):
        return MASK
    return str(value) if isinstance(value, str) else f"<{type(value).__name__}>"


def bounded(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the first headers, in lower case, each within bounds."""
    return {
        str(name).lower()[:LONGEST]: str(value)[:LONGEST]
        for name, value in list(headers.items())[:MOST_HEADERS]
    }


def bounded_parameters(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the first parameters, each within bounds."""
    return {
        str(name)[:LONGEST]: [str(one)[:LONGEST] for one in _values(value)[:MOST_HEADERS]]
        for name, value in list(parameters.items())[:MOST_HEADERS]
    }


def _values(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
