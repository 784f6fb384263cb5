"""GraphQL over HTTP: what a request asks, and in which shape it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from hansa import HansaError, Invalid, Request, Response, problem
from hansa_http.charset import media_type_of, to_utf8
from hansa_http.errors import UnsupportedMediaType

if TYPE_CHECKING:
    from graphql import GraphQLError

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
UNFIT = "unfit-value"
"""The code of a field whose value, or one of whose arguments, is none of its type."""
Shaped: TypeAlias = dict[str, object]
"""An error as GraphQL has it."""
_ANY = ("*/*", "application/*", RESPONSE)


class NotAcceptable(HansaError):
    """The caller takes no form in which it can be answered."""

    code = "not-acceptable"
    status = 406
    title = "Not acceptable"
    outcome = "reject"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: a document, the operation in it, and values of variables."""

    query: str
    operation: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def asked_by(request: Request) -> Asked:
    """Return what a request asks, by GET or POST; raises `Invalid`, or what refuses its type."""
    if request.method == "POST":
        return _asked(_body(request))
    given = dict(request.extra.get("query", {}))
    for name in ("variables", "extensions"):
        text = given.get(name)
        if isinstance(text, str):
            given[name] = _decoded(text.encode(), name)
    return _asked(given)


def _body(request: Request) -> object:
    content_type = request.headers.get("content-type", "")
    # a page of another origin cannot send this type unless CORS permits it
    if media_type_of(content_type) != JSON:
        raise UnsupportedMediaType(f"the body must be {JSON}", headers={"Accept": JSON})
    return _decoded(to_utf8(request.raw, content_type), "the body")


def _decoded(raw: bytes, what: str) -> object:
    try:
        found: object = msgspec.json.decode(raw)
        return found
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{what} is not JSON: {error}") from None


def _asked(given: object) -> Asked:
    if not isinstance(given, dict):
        raise Invalid("a request is a JSON object; lists of several are not taken")
    query = given.get("query")
    operation = given.get("operationName")
    variables = given.get("variables")
    faults = {}
    if not isinstance(query, str) or not query:
        faults["query"] = "required: a text with a document"
    if not isinstance(operation, str | None):
        faults["operationName"] = "must be a text"
    if not isinstance(variables, dict | None):
        faults["variables"] = "must be an object"
    if faults:
        raise Invalid(faults)
    return Asked(str(query), operation or None, variables or {})


def content_type_for(headers: Mapping[str, str]) -> str:
    """Return the content type of the answer, by what a caller accepts; raises `NotAcceptable`."""
    accepted = headers.get("accept", "").strip()
    if not accepted:
        return RESPONSE
    best = ("", 0.0)
    for part in accepted.split(","):
        media_type, _, parameters = part.partition(";")
        media_type = media_type.strip().lower()
        found = RESPONSE if media_type in _ANY else JSON if media_type == JSON else ""
        weight = _weight(parameters)
        if found and weight > best[1]:
            best = (found, weight)
    if not best[0]:
        raise NotAcceptable(f"answers are {RESPONSE} or {JSON}")
    return best[0]


def _weight(parameters: str) -> float:
    for one in parameters.split(";"):
        name, _, value = one.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def shaped(error: BaseException, cid: str) -> Shaped:
    """Return an error of Hansa as GraphQL has it, with its code and the cid."""
    about = problem(error, cid)
    extensions = {"code": about["code"], "cid": cid}
    if "errors" in about:
        extensions["errors"] = about["errors"]
    return {"message": about["detail"], "extensions": extensions}


def shaped_graphql(error: GraphQLError, cid: str) -> Shaped:
    """Return an error of graphql-core as a caller reads it: what a service has raised by its code,
    and nothing of an unexpected one.
    """
    from graphql import GraphQLError as Plain

    found: Shaped
    original = error.original_error
    if original is None or isinstance(original, Plain):
        # with a path: a value of a service, or an argument, that is none of its type
        code, message = "invalid", error.message
        if error.path:
            # after the colon is the value itself, which may be more than its member ought to show
            code, message = UNFIT, message.partition(": ")[0]
        found = {"message": message, "extensions": {"code": code, "cid": cid}}
    else:
        found = shaped(original, cid)
    if error.locations:
        found["locations"] = [one.formatted for one in error.locations]
    if error.path:
        found["path"] = error.path
    return found


def answer(body: Mapping[str, object], content_type: str, status: int, cid: str) -> Response:
    """Return the response with a body; as application/json, any well-formed one has status 200."""
    response = Response(status=status, cid=cid, content_type=f"{content_type}; charset=utf-8")
    response.raw = msgspec.json.encode(body)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return response


def failure(error: BaseException, request: Request) -> Response:
    """Return the response to an error before anything was executed."""
    status = error.status if isinstance(error, HansaError) and not error.internal else 500
    try:
        content_type = content_type_for(request.headers)
    except NotAcceptable:
        content_type = JSON
    response = answer({"errors": [shaped(error, request.cid)]}, content_type, status, request.cid)
    if isinstance(error, HansaError):
        response.headers.update(error.headers)
        response.outcome = error.outcome
    response.error = error
    return response
