"""What hansa-audit adds to a worker: the recording of admin services, refused attempts and stored
changes, and the admin services of the audit log.
"""

from __future__ import annotations

from collections.abc import Callable

from hansa import Dispatch, HansaError, Request, Server, Service, StoredChange, Undefined, hookimpl
from hansa_admin.operation import Operation
from hansa_admin.rights import right_of

from .recording import Refusals, recorded
from .services import OPERATIONS
from .trail import AuditTrail


class Auditing:
    """What this plugin keeps in a worker."""

    def __init__(self, server: Server) -> None:
        self.trail = AuditTrail(server)
        self.refusals = Refusals(self.trail.note)


def auditing_of(request: Request) -> Auditing:
    """Return what this plugin keeps in the worker that handles a request."""
    assert request.channel is not None
    return request.channel.server.resource(Auditing)


def trail_of(request: Request) -> AuditTrail:
    """Return what writes the records of that worker."""
    return auditing_of(request).trail


@hookimpl
def hansa_startup(server: Server) -> Auditing:
    """Return what writes the records of this worker."""
    return Auditing(server)


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services of the audit log."""
    return list(OPERATIONS)


@hookimpl(tryfirst=True)
def hansa_wrap(service: type[Service], call: Dispatch) -> Dispatch | None:
    """Record what administrative services do; what is refused is recorded by `hansa_refused`.

    Not those that hand requests on to others, which are recorded themselves.
    """
    is_gateway = right_of(service) is None and not issubclass(service, Operation)
    if not service.is_administrative() or is_gateway:
        return None
    return recorded(trail_of, service, call)


@hookimpl
def hansa_refused(service: type[Service]) -> Callable[[Request, HansaError], None] | None:
    """Record attempts that are refused at the entry points of administrative services, and
    behind them."""
    if not service.is_administrative():
        return None

    def tell(request: Request, error: HansaError) -> None:
        auditing_of(request).refusals.tell(service, request, error)

    return tell


@hookimpl
def hansa_stored(server: Server, change: StoredChange) -> None:
    """Record what was stored, by whatever way."""
    try:
        auditing = server.resource(Auditing)
    except Undefined:
        return  # this plugin has not started, which the log says
    auditing.trail.stored(change)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Record the refused attempts that were only counted so far."""
    server.resource(Auditing).refusals.flush()
