"""What hansa-stats adds to a worker: what counts each call, the admin services of the statistics,
and the address of the metrics.
"""

from __future__ import annotations

from collections.abc import Callable

from hansa import (
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

from .figures import listed
from .history import History
from .metrics import PATH, Metrics
from .recording import Notes, Recorder, measured, measured_by_caller, measured_inside
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
    """Return the admin services of the statistics."""
    return [*OPERATIONS, Metrics]


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
    if channel is None:
        return measured_inside(recorder_of, ("service", service.get_name()), call)
    recorder = recorder_in(channel.server)
    if recorder is None:
        return None
    names = channel.settings.security_names
    if len(names) <= 1:
        return measured(recorder, notes_of(recorder, channel, service, names), call)
    choices = {
        name: measured(recorder, notes_of(recorder, channel, service, [name]), call)
        for name in names
    }
    otherwise = measured(recorder, notes_of(recorder, channel, service, []), call)
    return measured_by_caller(choices, otherwise)


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
    notes = recorder.notes(("outgoing", f"{outgoing.type} {outgoing.name}"))

    def observe(nanoseconds: int, code: str) -> None:
        notes.durations.append(nanoseconds)
        if code:
            notes.errors.append(code)

    return observe


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Add what is left to the statistics of the cluster."""
    server.resource(Statistics).stop()


def recorder_of(request: Request) -> Recorder | None:
    """Return what records the calls of the worker that handles a request."""
    assert request.channel is not None
    return recorder_in(request.channel.server)


def recorder_in(server: Server) -> Recorder | None:
    """Return what records the calls of a worker; None if this plugin could not be started there."""
    try:
        return server.resource(Statistics).recorder
    except Undefined:
        return None


def notes_of(
    recorder: Recorder, channel: Channel, service: type[Service], security: list[str]
) -> Notes:
    """Return where the calls of a channel leave what is to be counted."""
    series: list[Series] = [
        ("service", channel.settings.service or service.get_name()),
        ("channel", f"{channel.type} {channel.name}"),
    ]
    series += [("security", name) for name in security]
    return recorder.notes(*series)
