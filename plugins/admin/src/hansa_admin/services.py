"""The admin services of services: `admin.service.{list,get,invoke}`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from hansa import (
    DefinitionRecord,
    Model,
    RegisteredService,
    Request,
    Service,
    dump,
    schema,
    setting,
)

from .administration import Administration, CallFigures
from .answers import Filter, PlainData, readable
from .definitions import raise_failure
from .operation import Operation
from .packages import Package, PackageOperation

NO_CALLS = CallFigures()
VERSION_OF_MODULE = re.compile(r"@\w+")


class ServiceName(Model):
    """A service, by name."""

    name: Annotated[
        str, setting("Name of the service", example="my-service.get-rate", min_length=1)
    ]


class Call(ServiceName):
    """A call of a service."""

    payload: Annotated[Any, setting("Input of the service, as a JSON channel would pass it on")] = (
        None
    )


class Answer(Model):
    """The answer of an invoked service."""

    name: Annotated[str, setting("Name of the service")]
    cid: Annotated[str, setting("Correlation id of the call")]
    payload: Annotated[
        Any, setting('Answer of the service; bytes that are not text are {"$base64": ...}')
    ] = None


class ServiceFilter(Filter):
    """Which services to list, and how."""

    statistics: Annotated[
        bool,
        setting("Whether to show how each was called in the last hour, where calls are counted"),
    ] = False
    order: Annotated[
        Literal["name", "count", "errors", "mean", "p95"],
        setting("What to sort by: the name, or a figure of the last hour, the largest first"),
    ] = "name"


class ServiceStatistics(Model):
    """How a service was called in the last hour."""

    count: Annotated[int, setting("Number of calls")]
    errors: Annotated[int, setting("Number of calls that failed")]
    mean: Annotated[float, setting("Mean duration, in milliseconds")]
    p95: Annotated[float, setting("Duration that 95 % of the calls did not exceed, in ms")]


class ListedService(Model):
    """A service in the list."""

    name: Annotated[str, setting("Name of the service")]
    origin: Annotated[str, setting("File or plugin that it comes from")]
    version: Annotated[int, setting("Version of the file; 0 for a plugin's")]
    help: Annotated[str, setting("First sentence of its docstring")]
    channels: Annotated[list[str], setting("Channels that pass messages to it, as TYPE NAME")]
    statistics: Annotated[
        ServiceStatistics | None,
        setting(
            "How it was called in the last hour; null if that is not asked for, or not counted"
        ),
    ] = None


class Services(Model):
    """The list of services."""

    items: Annotated[list[ListedService], setting("Services, by name")]
    total: Annotated[int, setting("Number of services on all pages")]


class Details(ListedService):
    """All that is known of a service."""

    input: Annotated[dict[str, Any] | None, setting("JSON Schema of its input, if it declares one")]
    output: Annotated[
        dict[str, Any] | None, setting("JSON Schema of its output, if it declares one")
    ]
    source: Annotated[
        str | None, setting("The source of its module, as it serves; null for a plugin's")
    ]
    versions: Annotated[list[Package], setting("All versions of its file or folder")]


def summary(service: RegisteredService, channels: Iterable[DefinitionRecord]) -> ListedService:
    """Return a service as the list shows it."""
    users = [
        f"{record.type} {record.name}"
        for record in channels
        if record.data.get("service") == service.name
    ]
    # a docstring of its own, and not that of a base class
    own = vars(service.cls).get("__doc__") or ""
    return ListedService(
        name=service.name,
        origin=service.origin,
        version=service.version,
        help=own.strip().partition("\n")[0],
        channels=users,
    )


class ServiceList(Operation):
    """List the services, where each comes from and which channels use it."""

    name = "admin.service.list"
    right = "view"
    Input = ServiceFilter
    Output = Services

    def handle(self) -> Services:
        """Return one page."""
        asked: ServiceFilter = self.request.input
        services = self.server.registry.services()
        found = [service for service in services if asked.matches(service.name)]
        figures = self._figures(asked)
        if asked.order != "name" and figures is not None:
            order = asked.order
            found.sort(key=lambda one: -getattr(figures.get(one.name, NO_CALLS), order))
        channels = self.server.definitions.all("channel")
        items = [summary(one, channels) for one in asked.page(found)]
        if asked.statistics and figures is not None:
            items = [_with_figures(item, figures.get(item.name, NO_CALLS)) for item in items]
        return Services(items=items, total=len(found))

    def _figures(self, asked: ServiceFilter) -> Mapping[str, CallFigures] | None:
        """Return the figures of services; None if they are not needed, or nobody counts calls."""
        figures = self.server.resource(Administration).figures
        is_needed = asked.statistics or asked.order != "name"
        return figures() if is_needed and figures is not None else None


def _with_figures(item: ListedService, figures: CallFigures) -> ListedService:
    statistics = ServiceStatistics(
        count=figures.count, errors=figures.errors, mean=figures.mean, p95=figures.p95
    )
    return dataclasses.replace(item, statistics=statistics)


class ServiceGet(PackageOperation):
    """Show one service: its source and versions, its input and output, the channels that use it."""

    name = "admin.service.get"
    right = "view"
    Input = ServiceName
    Output = Details

    def handle(self) -> Details:
        """Return all that is known of it; raises `NotFound`."""
        service = self.server.registry.service(self.request.input.name)
        shown = summary(service, self.server.definitions.all("channel"))
        is_deployed = not service.origin.startswith("plugin ")
        return Details(
            **dump(shown),
            input=described(service.cls, "Input"),
            output=described(service.cls, "Output"),
            source=source_of(service.cls, self.files(service.origin)) if is_deployed else None,
            versions=self.packages(service.origin) if is_deployed else [],
        )


def source_of(service: type[Service], files: Mapping[str, str]) -> str | None:
    """Return the source of the module of a deployed service, among the files of its package."""
    stem = VERSION_OF_MODULE.sub("", service.__module__).replace(".", "/")
    return files.get(f"{stem}.py") or files.get(f"{stem}/__init__.py")


class ServiceInvoke(Operation):
    """Call any service the way a JSON channel would, and show its answer."""

    name = "admin.service.invoke"
    right = "invoke"
    runs_services = True
    Input = Call
    Output = Answer

    def handle(self) -> PlainData:
        """Call it under the correlation id of this request; raises what it raises."""
        asked: Call = self.request.input
        raw = b"" if asked.payload is None else msgspec.json.encode(asked.payload)
        inner = Request(raw, cid=self.cid, peer=self.request.peer, environ=self.request.environ)
        inner.principal = self.request.principal
        response = self.server.handle(asked.name, inner, format="json")
        raise_failure(response, asked.name)
        return {"name": asked.name, "cid": self.cid, "payload": readable(response.raw)}


def described(service: type[Service], part: str) -> PlainData | None:
    """Return the JSON Schema of a service's `Input` or `Output`; None if it cannot be described."""
    model = getattr(service, part, None)
    if model is None:
        return None
    try:
        if hasattr(model, "model_json_schema"):
            found: PlainData = model.model_json_schema()
            return found
        return schema(model)
    except (TypeError, NotImplementedError):
        return None


OPERATIONS: tuple[type[Operation], ...] = (ServiceList, ServiceGet, ServiceInvoke)
