"""What hansa-stats adds to a worker: what counts each call, the admin services of the statistics,
and the address of the metrics.
"""

from __future__ import annotations

from collections.abc import Callable

from hansa import (
    Binding,
    Channel,
    Dispatch,
    HansaError,
    NotFound,
    Outgoing,
    PlainSettings,
    Request,
    Server,
    Service,
    Undefined,
    hookimpl,
)
from hansa_admin.administration import Administration, CallFigures

from .edges import Edge, End, service_end
from .figures import listed
from .history import History
from .landscape.services import LandscapeGet
from .measuring import InsideCalls, measured, measured_by_definition, observer
from .metrics import PATH, Metrics
from .recording import Notes, Recorder
from .services import OPERATIONS
from .spans import SPANS
from .statistics import Statistics
from .tally import Series


@hookimpl
def hansa_startup(server: Server) -> Statistics:
    """Begin to count."""
    statistics = Statistics(server)
    statistics.start()
    return statistics


@hookimpl
def hansa_serve(server: Server) -> None:
    """Let the list of services show how each was called."""
    try:
        administration = server.resource(Administration)
    except NotFound:
        return  # the plugin admin is blocked
    history = server.resource(Statistics).history
    administration.figures = lambda: last_hour(history)


def last_hour(history: History) -> dict[str, CallFigures]:
    """Return how services were called in the last hour, by name."""
    until = history.clock()
    table = history.tallies(until - SPANS["hour"], until)
    return {
        one.name: CallFigures(one.count, one.errors, one.mean, one.p95)
        for one in listed(table, "service")
    }


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services of the statistics and of the landscape."""
    return [*OPERATIONS, LandscapeGet, Metrics]


@hookimpl
def hansa_definitions(server: Server) -> list[tuple[str, str, str, PlainSettings]]:
    """Return the channel of the metrics, with the login of the admin API."""
    login = server.resource(Administration).login
    settings: PlainSettings = {
        "url_path": PATH,
        "method": "GET",
        "service": Metrics.name,
        "security": login,
    }
    return [("channel", "http", Metrics.name, settings)]


@hookimpl(trylast=True)
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Count calls, around what other plugins wrap."""
    name = service.get_name() if channel is None else service_of(channel, service)
    # what administers the cluster is no part of its landscape
    is_shown = not service.is_administrative()
    if channel is None:
        return InsideCalls(recorder_of, name, call, is_shown=is_shown).measured()
    recorder = recorder_in(channel.server)
    if recorder is None:
        return None
    names = channel.settings.security_names
    caller = name if is_shown else ""
    if len(names) <= 1:
        return measured(recorder, notes_of(recorder, channel, service, names), call, caller)
    choices = {
        name: measured(recorder, notes_of(recorder, channel, service, [name]), call, caller)
        for name in names
    }
    otherwise = measured(recorder, notes_of(recorder, channel, service, []), call, caller)
    return measured_by_definition(choices, otherwise)


@hookimpl
def hansa_refused(
    channel: Channel | None, service: type[Service]
) -> Callable[[Request, HansaError], None] | None:
    """Count requests that are refused before their call begins."""
    recorder = None if channel is None else recorder_in(channel.server)
    if channel is None or recorder is None:
        return None
    names = channel.settings.security_names
    notes = notes_of(recorder, channel, service, names if len(names) == 1 else [])

    def tell(request: Request, error: HansaError) -> None:
        recorder.refused(notes, error)

    return tell


@hookimpl
def hansa_observe(outgoing: Outgoing) -> Callable[[int, str], None] | None:
    """Count calls of outgoing connections."""
    recorder = recorder_in(outgoing.server)
    if recorder is None:
        return None
    return observer(recorder, End("outgoing", outgoing.type, outgoing.name))


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Add what is left to the statistics of the cluster."""
    server.resource(Statistics).stop()


def recorder_of(binding: Binding) -> Recorder | None:
    """Return what records the calls of the worker that serves a binding."""
    return recorder_in(binding.server)


def recorder_in(server: Server) -> Recorder | None:
    """Return what records the calls of a worker; None if this plugin could not be started there."""
    try:
        return server.resource(Statistics).recorder
    except Undefined:
        return None


def service_of(channel: Channel, service: type[Service]) -> str:
    """Return the name of the service of a channel."""
    return channel.settings.service or service.get_name()


def notes_of(
    recorder: Recorder, channel: Channel, service: type[Service], security: list[str]
) -> Notes:
    """Return where the calls of a channel leave what is to be counted."""
    name = service_of(channel, service)
    here = End("channel", channel.type, channel.name)
    series: list[Series] = [("service", name), ("channel", f"{channel.type} {channel.name}")]
    edges: list[Edge] = []
    for one in security:
        series.append(("security", one))
        edges.append(Edge(End("security", "", one), here, "security"))
    edges.append(Edge(here, service_end(name), "channel"))
    if service.is_administrative():
        edges.clear()
    return recorder.notes(*series, edges=edges)
