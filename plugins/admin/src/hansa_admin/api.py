"""The admin API: one gateway service behind `POST /hansa/api/{service}`, open to the user `admin` alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from hansa import Forbidden, Format, NotFound, Request, Response, Service, problem

from .operation import Operation
from .reading import read_object

PREFIX = "/hansa/api"
PROBLEM = "application/problem+json"
NAME = "admin.api"


def write_json(value: Any) -> bytes:
    """JSON of plain data; a text with a lone surrogate in it is written with `?` instead."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_printable(value))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


class Behind(Service):
    """What is served under `/hansa/api`: errors are problem details (RFC 9457), answers are not kept by caches."""

    abstract = True

    @classmethod
    def fail(cls, error: BaseException, request: Request, format: Format | None) -> Response | None:
        """The response to an error, wherever on the way it happened."""
        details = problem(error, request.cid)
        response = Response(details, status=int(str(details["status"])), content_type=PROBLEM)
        response.headers.update(getattr(error, "headers", {}))
        response.headers["Cache-Control"] = "no-store"
        response.raw = write_json(details)
        return response


class AdminApi(Behind):
    """Hand a request to the admin service that its path names."""

    name = NAME

    def handle(self) -> Any:
        refuse_other_sites(self.request)
        name = str(self.request.extra.get("path_params", self.request.params)["service"])
        service = (
            self.server.registry.service(name).cls
            if name.startswith("admin.") and name != NAME
            else None
        )
        if service is None:
            raise NotFound(f"{name!r} is no admin service; admin.service.invoke calls any other")
        typed = issubclass(service, Operation)
        if not typed:
            read_object(self.request.raw)
        inner = Request(
            self.request.raw, cid=self.cid, peer=self.request.peer, environ=self.request.environ
        )
        inner.principal = self.request.principal
        answer = self.server.handle(name, inner, channel=NAME, format="" if typed else "json")
        if answer.error is not None:
            answer = self.fail(answer.error, self.request, None) or answer
            self.response.status, self.response.content_type = answer.status, answer.content_type
            self.response.headers.update(answer.headers)
            return answer.raw
        self.response.headers["Cache-Control"] = "no-store"
        self.response.content_type = "application/json"
        return write_json(answer.payload) if typed else answer.raw


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site makes the admin's browser send, with the password it remembers.

    Browsers tell with `Sec-Fetch-Site` and `Origin` (Fetch, 3.1); raises `Forbidden`.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise Forbidden("requests of other sites are refused")
    if (
        origin is not None
        and urlsplit(origin).netloc.lower() != str(request.headers.get("host", "")).lower()
    ):
        raise Forbidden("requests of other sites are refused")
