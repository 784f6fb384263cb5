"""The admin services of services: `admin.service.{list,get,invoke}`."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from hansa import Model, RegisteredService, Request, Service, dump, schema, setting

from .administration import Administration, CallFigures
from .answers import Filter, PlainData, readable
from .definition_index import DefinitionSnapshot
from .definitions import raise_failure
from .operation import Operation
from .packages import Package, PackageOperation

log = logging.getLogger("hansa.admin")

NO_CALLS = CallFigures()
PLUGIN = "plugin "
"""What the origin of a service that comes with a plugin begins with."""
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

    builtin: Annotated[bool, setting("Also those that come with plugins")] = True
    statistics: Annotated[
        bool,
        setting("Whether to show how each was called in the last hour, where calls are counted"),
    ] = False
    order: Annotated[
        Literal["name", "count", "errors", "mean", "p95"],
        setting(
            "What to sort by: the name, with those that come with plugins last, or a figure of the "
            "last hour, the largest first"
        ),
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

    items: Annotated[list[ListedService], setting("Services, in the order that was asked for")]
    total: Annotated[int, setting("Number of services on all pages")]
    builtin: Annotated[
        int,
        setting("Number of services with such a name that come with plugins, listed or not"),
    ]
    statistics_error: Annotated[
        str,
        setting("Why the figures that were asked for cannot be read, and do not sort; else empty"),
    ] = ""


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


def is_builtin(service: RegisteredService) -> bool:
    """Whether a service comes with a plugin."""
    return service.origin.startswith(PLUGIN)


def summary(service: RegisteredService, definitions: DefinitionSnapshot) -> ListedService:
    """Return a service as the list shows it."""
    uses = definitions.users_of("service", "", service.name)
    named = [use.user for use in uses if use.setting == "service"]
    users = [f"{type} {name}" for kind, type, name in named if kind == "channel"]
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
        matching = [service for service in services if asked.matches(service.name)]
        own = [service for service in matching if not is_builtin(service)]
        others = [service for service in matching if is_builtin(service)]
        found = own + others if asked.builtin else own
        figures, fault = self._figures(asked)
        if asked.order != "name" and figures is not None:
            order = asked.order
            found.sort(key=lambda one: -getattr(figures.get(one.name, NO_CALLS), order))
        definitions = self.server.resource(Administration).index.current(self.server)
        items = [summary(one, definitions) for one in asked.page(found)]
        if asked.statistics and figures is not None:
            items = [_with_figures(item, figures.get(item.name, NO_CALLS)) for item in items]
        return Services(
            items=items,
            total=len(found),
            builtin=len(others),
            statistics_error=fault,
        )

    def _figures(self, asked: ServiceFilter) -> tuple[Mapping[str, CallFigures] | None, str]:
        """Return the figures of services, and why they cannot be read; None if they cannot, if they
        are not needed, or if nobody counts calls.
        """
        figures = self.server.resource(Administration).figures
        is_needed = asked.statistics or asked.order != "name"
        if figures is None or not is_needed:
            return None, ""
        try:
            return figures(), ""
        except Exception as error:
            log.warning("the figures of services cannot be read: %s", error)
            return None, str(error) or type(error).__name__


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
        definitions = self.server.resource(Administration).index.current(self.server)
        shown = summary(service, definitions)
        is_deployed = not is_builtin(service)
        return Details(
            **dump(shown),
            input=described(service.cls, "Input"),
            output=described(service.cls, "Output"),
            source=source_of(service.cls, self.files(service.origin)) if is_deployed else None,
            versions=self.packages(service.origin) if is_deployed else [],
        )


def source_of(service: type[Service], files: Mapping[str, str]) -> str | None:
    """Return the source of the module of a deployed service, among the files of its package."""
    if len(files) == 1:
        [text] = files.values()
        return text
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
