"""The admin API: a gateway service behind `POST /hansa/api/{service}`, for the user `admin` alone."""

from __future__ import annotations

from typing import ClassVar, cast

from hansa import (
    Format,
    HansaError,
    Invalid,
    NotFound,
    RegisteredService,
    Request,
    Response,
    Service,
    problem,
)
from hansa_json import writing

from .operation import Operation
from .reading import read_object
from .rights import Right
from .writable import writable

PREFIX = "/hansa/api"
PROBLEM = "application/problem+json"
NAME = "admin.api"


def write_json(value: object) -> bytes:
    """Return the JSON of plain data; a lone surrogate in a text is written as `?`.

    Raises TypeError for what JSON cannot hold, such as NaN.
    """
    try:
        return writing.write_json(value)
    except Invalid:
        pass
    try:
        return writing.write_json(_encodable(value))
    except Invalid as invalid:
        raise TypeError(f"the answer cannot be written: {invalid}") from None


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value


class AdminEndpoint(Service):
    """What is served under `/hansa/api`: errors are problem details (RFC 9457), nothing is cached.

    `right` is what its callers must be allowed, None for what any caller may who is let in.
    """

    abstract = True
    right: ClassVar[Right | None] = "view"

    @classmethod
    def fail(cls, error: BaseException, request: Request, format: Format | None) -> Response | None:
        """Return the response to an error, wherever on the way it happened."""
        return problem_response(error, request)


def problem_response(error: BaseException, request: Request) -> Response:
    """Return the problem details of an error as a response."""
    details = problem(error, request.cid)
    if isinstance(error, HansaError):
        details["detail"] = error.explanation
    response = Response(details, status=cast(int, details["status"]), content_type=PROBLEM)
    response.headers.update(getattr(error, "headers", {}))
    response.headers["Cache-Control"] = "no-store"
    response.raw = write_json(details)
    return response


class AdminApi(AdminEndpoint):
    """Hand a request to the admin service that its path names, which says what it needs of callers."""

    name = NAME
    right = None

    def handle(self) -> bytes:
        """Call the service and return its answer as JSON, or its error as problem details."""
        service = self._service()
        is_operation = issubclass(service.cls, Operation)
        if not is_operation:
            read_object(self.request.raw)
        inner = Request(
            self.request.raw, cid=self.cid, peer=self.request.peer, environ=self.request.environ
        )
        inner.principal = self.request.principal
        format = "" if is_operation else "json"
        answer = self.server.handle(service.name, inner, channel=NAME, format=format)
        if answer.error is not None:
            return self._refuse(answer.error)
        self.response.headers["Cache-Control"] = "no-store"
        self.response.content_type = "application/json"
        return write_json(answer.payload) if is_operation else answer.raw

    def _service(self) -> RegisteredService:
        """Return the admin service that the path names; raises `NotFound` for any other."""
        parameters = self.request.extra.get("path_params", self.request.params)
        name = str(parameters["service"])
        if not name.startswith("admin.") or name == NAME:
            raise NotFound(f"{name!r} is no admin service; admin.service.invoke calls any other")
        return self.server.registry.service(name)

    def _refuse(self, error: BaseException) -> bytes:
        answer = problem_response(error, self.request)
        self.response.status = answer.status
        self.response.content_type = answer.content_type
        self.response.headers.update(answer.headers)
        return answer.raw
