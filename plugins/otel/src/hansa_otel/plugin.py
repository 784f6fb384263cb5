"""What hansa-otel adds to a worker: what sends its telemetry, and the services that show how that is
going.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Server, Service, Undefined, hookimpl
from hansa_stats.statistics import Statistics
from hansa_trace.traces import Traces

from .services import OtelHere, OtelState
from .settings import OtelSection
from .worker import OpenTelemetry

if TYPE_CHECKING:
    from hansa_trace.tracing import Tracing


@hookimpl(trylast=True)
def hansa_startup(server: Server) -> OpenTelemetry:
    """Begin to send telemetry, once there is what it is taken from."""
    section = server.section(OtelSection)
    if not section.enabled:
        return OpenTelemetry(None)
    # PERF: protobuf takes 60 ms to import; only servers with a collector need it
    from .telemetry import Telemetry

    telemetry = Telemetry(server, section)
    telemetry.start(tracing_of(server), statistics_of(server))
    return OpenTelemetry(telemetry)


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services."""
    return [OtelHere, OtelState]


@hookimpl(trylast=True)
def hansa_shutdown(server: Server) -> None:
    """Send what is left, after hansa-trace and hansa-stats have told it."""
    telemetry = server.resource(OpenTelemetry).telemetry
    if telemetry is not None:
        telemetry.stop()


def tracing_of(server: Server) -> Tracing | None:
    """Return what notes the steps of a worker; None if hansa-trace does not, or is blocked."""
    try:
        tracing = server.resource(Traces).tracing
    except Undefined:
        return None
    return tracing if tracing.section.enabled else None


def statistics_of(server: Server) -> Statistics | None:
    """Return what counts the calls of a worker; None if hansa-stats is blocked."""
    try:
        return server.resource(Statistics)
    except Undefined:
        return None
