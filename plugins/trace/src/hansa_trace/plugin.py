"""What hansa-trace adds to a worker: what notes the steps of messages, what reads the logs for other
servers, and the admin services of both.
"""

from __future__ import annotations

from collections.abc import Callable

from hansa import Channel, Dispatch, Outgoing, Request, Server, Service, Undefined, hookimpl

from .hop import Place
from .log_services import OPERATIONS as LOG_OPERATIONS
from .recording import Recorder, observer, traced, traced_inside
from .services import MessageTrace
from .traces import Traces


@hookimpl
def hansa_startup(server: Server) -> Traces:
    """Begin to keep steps, and to read the logs of this server for others."""
    traces = Traces(server)
    traces.tracing.start()
    traces.logs.start()
    return traces


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services of traces and logs."""
    return [MessageTrace, *LOG_OPERATIONS]


@hookimpl(trylast=True)
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Note steps, around what other plugins wrap; those of the admin API are none of a message."""
    name = service.get_name()
    if name.startswith("admin."):
        return None
    if channel is None:
        return traced_inside(recorder_of, name, call)
    recorder = recorder_in(channel.server)
    if recorder is None:
        return None
    place = Place("channel", f"{channel.type} {channel.name}", channel.settings.service or name)
    return traced(recorder, place, call)


@hookimpl
def hansa_observe(outgoing: Outgoing) -> Callable[[int, str], None] | None:
    """Note calls of outgoing connections."""
    recorder = recorder_in(outgoing.server)
    if recorder is None:
        return None
    return observer(recorder, Place("outgoing", f"{outgoing.type} {outgoing.name}"))


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Keep what is left, and read no more logs."""
    traces = server.resource(Traces)
    traces.logs.stop()
    traces.tracing.stop()


def recorder_of(request: Request) -> Recorder | None:
    """Return where the worker that handles a request notes steps."""
    assert request.channel is not None
    return recorder_in(request.channel.server)


def recorder_in(server: Server) -> Recorder | None:
    """Return where a worker notes steps; None if they are switched off, or this plugin could not be
    started there.
    """
    try:
        tracing = server.resource(Traces).tracing
    except Undefined:
        return None
    return tracing.recorder if tracing.section.enabled else None
