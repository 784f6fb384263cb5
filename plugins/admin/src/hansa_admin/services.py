"""The admin services of services: `admin.service.{list,get,invoke}`."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from hansa import HansaError, Model, Request, schema, setting

from .answers import Filter, readable
from .operation import Operation
from .packages import OnPackages, Package


class ServiceName(Model):
    """A service, by name."""

    name: Annotated[
        str, setting("Name of the service", example="my-service.get-rate", min_length=1)
    ]


class Call(ServiceName):
    """A call of a service."""

    payload: Annotated[
        Any, setting("What the service gets, as a JSON channel would hand it over")
    ] = None


class Answer(Model):
    """The answer of an invoked service."""

    name: Annotated[str, setting("Name of the service")]
    cid: Annotated[str, setting("Correlation id of the call")]
    payload: Annotated[
        Any, setting('What the service answered; bytes that are no text come as {"$base64": ...}')
    ] = None


class Listed(Model):
    """A service in the list."""

    name: Annotated[str, setting("Name of the service")]
    origin: Annotated[str, setting("The file or the plugin that gives it")]
    version: Annotated[int, setting("Version of the file; 0 for a plugin's")]
    help: Annotated[str, setting("First sentence of its docstring")]
    channels: Annotated[list[str], setting("Channels that hand messages to it, as TYPE NAME")]


class Services(Model):
    """The list of services."""

    items: Annotated[list[Listed], setting("The services, by name")]
    total: Annotated[int, setting("How many there are")]


class Details(Listed):
    """All that is known of a service."""

    input: Annotated[dict[str, Any] | None, setting("JSON Schema of its input, if it declares one")]
    output: Annotated[
        dict[str, Any] | None, setting("JSON Schema of its output, if it declares one")
    ]
    source: Annotated[
        str | None, setting("The source of its module, as it serves; null for a plugin's")
    ]
    versions: Annotated[list[Package], setting("All versions of its file or folder")]


class OnService(OnPackages):
    """An operation on services."""

    abstract = True

    def summary(self, deployed: Any, rows: list[Any]) -> dict[str, Any]:
        """A service as the list shows it."""
        users = [
            f"{row.type} {row.name}" for row in rows if row.data.get("service") == deployed.name
        ]
        help = (
            (deployed.cls.__doc__ or "").strip().partition("\n")[0]
            if "__doc__" in vars(deployed.cls)
            else ""
        )
        return {
            "name": deployed.name,
            "origin": deployed.origin,
            "version": deployed.version,
            "help": help,
            "channels": users,
        }


class ServiceList(OnService):
    """List the services, where each comes from and which channels use it."""

    name, Input, Output = "admin.service.list", Filter, Services

    def handle(self) -> Any:
        asked, rows = self.request.input, self.server.definitions.all("channel")
        found = [
            each
            for each in self.server.registry.services()
            if asked.filter.lower() in each.name.lower()
        ]
        page = found[asked.offset : asked.offset + asked.limit]
        return {"items": [self.summary(each, rows) for each in page], "total": len(found)}


class ServiceGet(OnService):
    """Show one service: its source and versions, its input and output, the channels that use it."""

    name, Input, Output = "admin.service.get", ServiceName, Details

    def handle(self) -> Any:
        deployed = self.server.registry.service(self.request.input.name)
        shown = self.summary(deployed, self.server.definitions.all("channel"))
        file = None if deployed.origin.startswith("plugin ") else deployed.origin
        sources = self.files(file) if file else {}
        module = re.sub(r"@\w+", "", deployed.cls.__module__).replace(".", "/")
        source = sources.get(f"{module}.py", sources.get(f"{module}/__init__.py"))
        shown |= {"source": source, "versions": self.packages(file) if file else []}
        return shown | {
            "input": described(deployed.cls, "Input"),
            "output": described(deployed.cls, "Output"),
        }


class ServiceInvoke(OnService):
    """Call any service the way a JSON channel would, and show its answer."""

    name, Input, Output = "admin.service.invoke", Call, Answer

    def handle(self) -> Any:
        asked = self.request.input
        raw = b"" if asked.payload is None else msgspec.json.encode(asked.payload)
        inner = Request(raw, cid=self.cid, peer=self.request.peer, environ=self.request.environ)
        inner.principal = self.request.principal
        response = self.server.handle(asked.name, inner, format="json")
        if isinstance(response.error, HansaError):
            raise response.error
        if (
            response.error is not None
        ):  # logged with its traceback already, and not to be told to anybody
            raise HansaError(
                f"{asked.name} failed unexpectedly; the server's log tells more under this cid"
            )
        return {"name": asked.name, "cid": self.cid, "payload": readable(response.raw)}


def described(service: Any, part: str) -> dict[str, Any] | None:
    """The JSON Schema of a service's `Input` or `Output`; None where it has none that can be described."""
    model = getattr(service, part, None)
    if model is None:
        return None
    try:
        if hasattr(model, "model_json_schema"):
            found: dict[str, Any] = model.model_json_schema()
            return found
        return schema(model)
    except (TypeError, NotImplementedError):
        return None


OPERATIONS: tuple[type[Operation], ...] = (ServiceList, ServiceGet, ServiceInvoke)
