"""Compile one channel into a route: a plain callable Request -> Response that never raises."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from threading import get_ident
from time import monotonic

from ..contract.kinds import Channel, Dispatch, Format
from ..contract.message import Request, Response
from ..contract.service import Binding, Guard, Service, Witness, Wrap, current_cid
from ..foundation.errors import (
    CHALLENGE,
    NO_SCHEME,
    Forbidden,
    HansaError,
    Refused,
    describe,
    problem,
)
from ..foundation.event_loop import event_loop
from .inflight import Call, InFlight

log = logging.getLogger("hansa.route")

Authenticate = Callable[[Request], object]


def compile_route(
    binding: Binding,
    service: type[Service],
    *,
    channel: Channel | None = None,
    guards: Iterable[Guard] = (),
    witnesses: Iterable[Witness] = (),
    authenticators: Iterable[Authenticate] = (),
    wraps: Iterable[Wrap] = (),
    inflight: InFlight | None = None,
    raising: bool = False,
) -> Dispatch:
    """Compose guards, authentication, parsing, the service and rendering once, so that a request
    walks plain calls.

    With several `authenticators`, any one will do; the first refusal is reported if all refuse, with
    the challenges of all.
    `witnesses` learn of requests that are refused.
    `inflight` knows of each request for as long as it runs. `raising` lets exceptions through, for
    calls from service to service. The callers of a service on the event loop are authenticated in
    another thread where the request is on the loop, too: a check may take long.
    """
    call = service.compile(binding)
    is_awaited = service.is_async
    for wrap in wraps:
        call = wrap(channel, service, call) or call
        is_awaited = is_awaited and not event_loop.is_kept_off(call)
    authenticate = _any_of(tuple(authenticators))
    if service.is_async:
        authenticate = _aside(authenticate)
    authenticate = _behind(tuple(guards), authenticate)
    place = event_loop.place if service.is_async else get_ident
    witnesses = tuple(witnesses)
    format = binding.format
    format_type = format.type if format else ""
    inflight = inflight or InFlight()
    requests = inflight.requests
    new_tuple = tuple.__new__
    set_cid = current_cid.set
    reset_cid = current_cid.reset

    def route(request: Request) -> Response:
        request.channel = binding
        request.format = format_type
        token = set_cid(request.cid)
        # the token's and not the request's: a service may hand its request on as it is, and then it
        # runs twice
        number = id(token)
        # PERF: the constructor of a named tuple is a function around this
        requests[number] = new_tuple(Call, (inflight.epoch, monotonic(), place(), request))
        try:
            if authenticate is not None:
                request.principal = authenticate(request)
            if request.fault is not None:
                raise request.fault
            response = call(request)
            response.cid = request.cid
        except BaseException as error:  # a service's sys.exit() must not end a worker's thread
            if raising:
                raise
            if isinstance(error, Refused | Forbidden):
                _tell(witnesses, request, error)
            response = failed(error, request, service, format)
        finally:
            del requests[number]
            reset_cid(token)
        return response

    # the route's own, so that both are replaced at once
    route.is_awaited = is_awaited  # type: ignore[attr-defined]  # functions take attributes
    return route


def _aside(authenticate: Authenticate | None) -> Authenticate | None:
    """Return what authenticates callers beside the event loop, where a request is on it."""
    if authenticate is None:
        return None

    def beside(request: Request) -> object:
        return event_loop.aside(authenticate, request)

    return beside


def _behind(guards: tuple[Guard, ...], authenticate: Authenticate | None) -> Authenticate | None:
    """Return what lets guards look at a request, and then authenticates its caller."""
    if not guards:
        return authenticate

    def guarded(request: Request) -> object:
        for guard in guards:
            guard(request)
        return None if authenticate is None else authenticate(request)

    return guarded


def _any_of(authenticators: tuple[Authenticate, ...]) -> Authenticate | None:
    if not authenticators:
        return None
    if len(authenticators) == 1:
        return authenticators[0]

    def authenticate(request: Request) -> object:
        refusals = []
        for one in authenticators:
            try:
                return one(request)
            except Refused as refused:
                refusals.append(refused)
        raise _first_with_all_challenges(refusals)

    return authenticate


def _first_with_all_challenges(refusals: list[Refused]) -> Refused:
    """Return the first refusal, which says how to be known to any of those who refuse (RFC 9110,
    section 11.6.1).
    """
    first, *_ = refusals
    offered = dict.fromkeys(one.headers[CHALLENGE] for one in refusals if CHALLENGE in one.headers)
    if len(offered) > 1:
        offered.pop(NO_SCHEME, None)
    first.headers[CHALLENGE] = ", ".join(offered)
    return first


def _tell(witnesses: Iterable[Witness], request: Request, error: HansaError) -> None:
    """Have witnesses learn of a request that was refused; what they raise is logged."""
    for witness in witnesses:
        try:
            witness(request, error)
        except Exception:
            log.exception("a plugin failed when it learnt of a refused request")


def failed(
    error: BaseException,
    request: Request,
    service: type[Service] | None,
    format: Format | None,
) -> Response:
    """Turn an exception into a response: its status and outcome, and a body without anything
    internal in it.
    """
    _log(error)
    response = _in_own_shape(error, request, service, format)
    response.error = error
    response.cid = request.cid
    response.outcome = error.outcome if isinstance(error, HansaError) else "retry"
    return response


def _log(error: BaseException) -> None:
    if isinstance(error, HansaError) and error.internal:
        log.error("%s %s: %s", error.status, error.title, describe(error), exc_info=error)
    elif isinstance(error, HansaError):
        level = logging.WARNING if error.status >= 500 else logging.INFO
        log.log(level, "%s %s: %s", error.status, error.title, describe(error))
    else:
        log.error("unexpected %s", type(error).__name__, exc_info=error)


def _in_own_shape(
    error: BaseException,
    request: Request,
    service: type[Service] | None,
    format: Format | None,
) -> Response:
    """Return what the service's dialect says of an error, else what the format says, else plain
    text.
    """
    try:
        response = service.fail(error, request, format) if service is not None else None
        return response or _plain_failure(error, request, format or Format())
    except Exception:
        log.exception("the error itself could not be rendered")
        return _plain_failure(error, request, Format())


def _plain_failure(error: BaseException, request: Request, format: Format) -> Response:
    known = error if isinstance(error, HansaError) else None
    status = known.status if known is not None else 500
    response = Response(problem(error, request.cid), status=status)
    if known is not None:
        response.headers.update(known.headers)
    response.raw, response.content_type = format.render_error(error, request.cid)
    return response
