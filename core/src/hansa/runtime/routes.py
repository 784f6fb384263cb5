"""Compile one channel into a route: a plain callable Request -> Response that never raises."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..contract.kinds import Dispatch, Format
from ..contract.message import Request, Response
from ..contract.service import Binding, Service, current_cid
from ..foundation.errors import HansaError, Refused, problem

log = logging.getLogger("hansa.route")

Authenticate = Callable[[Request], Any]


def compile_route(
    binding: Binding,
    service: type[Service],
    *,
    channel: Any = None,
    authenticators: Iterable[Authenticate] = (),
    wraps: Iterable[Callable[..., Dispatch | None]] = (),
    running: dict[Any, int] | None = None,
    epoch: Callable[[], int] = lambda: 0,
    raising: bool = False,
) -> Dispatch:
    """Compose authentication, parsing, the service and rendering once, so that a request walks plain calls.

    `running` gets an entry for the time of each request, with the epoch in which it began, so that what was replaced can be
    stopped after its last user. With several `authenticators`, any will do; the first refusal is told if all refuse.
    `raising` lets exceptions through, for calls from service to service.
    """
    call = service.compile(binding)
    for wrap in wraps:
        call = wrap(channel=channel, service=service, call=call) or call
    authenticate = _any_of(tuple(authenticators))
    format = binding.format
    format_type = format.type if format else ""
    running = {} if running is None else running
    set_cid, reset_cid = current_cid.set, current_cid.reset

    def route(request: Request) -> Response:
        request.channel = binding
        request.format = format_type
        token = set_cid(request.cid)
        # not the request: a service may hand it on as it is, and then it runs twice
        running[key := id(token)] = epoch()
        try:
            if authenticate is not None:
                request.principal = authenticate(request)
            response = call(request)
            response.cid = request.cid
        except BaseException as error:  # a service's sys.exit() must not end a worker's thread
            if raising:
                raise
            response = failed(error, request, service, format)
        finally:
            del running[key]
            reset_cid(token)
        return response

    return route


def _any_of(authenticators: tuple[Authenticate, ...]) -> Authenticate | None:
    if len(authenticators) <= 1:
        return authenticators[0] if authenticators else None

    def authenticate(request: Request) -> Any:
        refusals = []
        for one in authenticators:
            try:
                return one(request)
            except Refused as refused:
                refusals.append(refused)
        raise refusals[0]

    return authenticate


def failed(
    error: BaseException, request: Request, service: type[Service] | None, format: Format | None
) -> Response:
    """Turn an exception into a response: its status and outcome, and a body without anything internal in it."""
    if isinstance(error, HansaError):
        level = logging.WARNING if error.status >= 500 else logging.INFO
        log.log(level, "%s %s: %s", error.status, error.title, error.detail)
    else:
        log.error("unexpected %s", type(error).__name__, exc_info=error)
    try:
        response = service.fail(error, request, format) if service is not None else None
        response = response or _plain_failure(error, request, format)
    except Exception:
        log.exception("the error itself could not be rendered")
        response = _plain_failure(error, request, None)
    response.error, response.cid = error, request.cid
    response.outcome = error.outcome if isinstance(error, HansaError) else "retry"
    return response


def _plain_failure(error: BaseException, request: Request, format: Format | None) -> Response:
    response = Response(
        problem(error, request.cid), status=error.status if isinstance(error, HansaError) else 500
    )
    if isinstance(error, HansaError):
        response.headers.update(error.headers)
    response.raw, response.content_type = (format or Format()).render_error(error, request.cid)
    return response
