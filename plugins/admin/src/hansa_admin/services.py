"""The admin services of services: `admin.service.{list,get,deploy,rollback,delete,invoke}`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from hansa import HansaError, Model, NotFound, Request, schema, setting

from .definitions import Changed, Filter, changed, readable
from .operation import Operation


class Source(Model):
    """A file with services."""

    file: Annotated[str, setting("Name of the file", example="my_service.py", pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.py$")]
    source: Annotated[str, setting("The Python source", multiline=True)]


class Deployed(Model):
    """What a deployment brought."""

    file: Annotated[str, setting("Name of the file")]
    version: Annotated[int, setting("Version that now serves")]
    services: Annotated[list[str], setting("Names of the services found in it")]
    revision: Annotated[int, setting("Revision of the change")]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that are still to apply it")]


class Version(Model):
    """A version of a file."""

    file: Annotated[
        str, setting("Name of the file, or of a service that it gives", example="my_service.py", min_length=1)
    ]
    version: Annotated[int | None, setting("Version to go back to; by default the one before the current one")] = None


class ServiceName(Model):
    """A service, by name."""

    name: Annotated[str, setting("Name of the service", example="my-service.get-rate", min_length=1)]


class Call(ServiceName):
    """A call of a service."""

    payload: Annotated[Any, setting("What the service gets, as a JSON channel would hand it over")] = None


class Answer(Model):
    """The answer of an invoked service."""

    name: Annotated[str, setting("Name of the service")]
    cid: Annotated[str, setting("Correlation id of the call")]
    payload: Annotated[Any, setting('What the service answered; bytes that are no text come as {"$base64": ...}')] = (
        None
    )


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


class Package(Model):
    """One version of a deployed file."""

    version: Annotated[int, setting("Number of the version")]
    current: Annotated[bool, setting("Whether it serves")]
    sha256: Annotated[str, setting("Digest of its source")]
    services: Annotated[list[str], setting("Names of its services")]
    deployed_at: Annotated[float | str, setting("When it was deployed")]
    deployed_by: Annotated[str, setting("Who deployed it")]


class Details(Listed):
    """All that is known of a service."""

    input: Annotated[dict[str, Any] | None, setting("JSON Schema of its input, if it declares one")]
    output: Annotated[dict[str, Any] | None, setting("JSON Schema of its output, if it declares one")]
    source: Annotated[str | None, setting("The source that serves; null for a plugin's")]
    versions: Annotated[list[Package], setting("All versions of its file")]


class OnService(Operation):
    """An operation on services."""

    abstract = True

    def summary(self, deployed: Any, rows: list[Any]) -> dict[str, Any]:
        """A service as the list shows it."""
        users = [f"{row.type} {row.name}" for row in rows if row.data.get("service") == deployed.name]
        help = (deployed.cls.__doc__ or "").strip().partition("\n")[0] if "__doc__" in vars(deployed.cls) else ""
        return {
            "name": deployed.name,
            "origin": deployed.origin,
            "version": deployed.version,
            "help": help,
            "channels": users,
        }

    def file_of(self, name: str) -> str:
        """The file that is meant: itself, or the one which gives the service of this name."""
        if name in {package["file"] for package in self.server.packages()}:
            return name
        try:
            origin = str(self.server.registry.service(name).origin)
        except NotFound:
            raise NotFound(f"no file and no service is named {name!r}") from None
        if origin.startswith("plugin "):
            raise NotFound(f"the service {name!r} comes with the {origin} and has no versions")
        return origin


class ServiceList(OnService):
    """List the services, where each comes from and which channels use it."""

    name, Input, Output = "admin.service.list", Filter, Services

    def handle(self) -> Any:
        asked, rows = self.request.input, self.server.definitions("channel")
        found = [each for each in self.server.registry.services() if asked.filter.lower() in each.name.lower()]
        page = found[asked.offset : asked.offset + asked.limit]
        return {"items": [self.summary(each, rows) for each in page], "total": len(found)}


class ServiceGet(OnService):
    """Show one service: its source and versions, its input and output, the channels that use it."""

    name, Input, Output = "admin.service.get", ServiceName, Details

    def handle(self) -> Any:
        deployed = self.server.registry.service(self.request.input.name)
        shown = self.summary(deployed, self.server.definitions("channel"))
        file = None if deployed.origin.startswith("plugin ") else deployed.origin
        packages = [package for package in self.server.packages() if package["file"] == file]
        keys = ("version", "current", "sha256", "services", "deployed_at")
        versions = [{key: p[key] for key in keys} | {"deployed_by": p.get("by", "")} for p in packages]
        shown |= {"source": self.server.source(file) if file else None, "versions": versions}
        return shown | {"input": described(deployed.cls, "Input"), "output": described(deployed.cls, "Output")}


class ServiceDeploy(OnService):
    """Deploy a source file: try to import it, store it as a new version and let it serve in every worker."""

    name, Input, Output = "admin.service.deploy", Source, Deployed

    def handle(self) -> Any:
        return self.server.deploy(self.request.input.file, self.request.input.source, by=self.caller)


class ServiceRollback(OnService):
    """Let an older version of a file serve again."""

    name, Input, Output = "admin.service.rollback", Version, Deployed

    def handle(self) -> Any:
        return self.server.rollback(self.file_of(self.request.input.file), self.request.input.version, by=self.caller)


class ServiceDelete(OnService):
    """Take a service out of use, with all services of its file; refused while a channel uses one."""

    name, Input, Output = "admin.service.delete", ServiceName, Changed

    def handle(self) -> Any:
        return changed(self.request.input.name, self.server.delete_service(self.request.input.name, by=self.caller))


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
        if response.error is not None:  # logged with its traceback already, and not to be told to anybody
            raise HansaError(f"{asked.name} failed unexpectedly; the server's log tells more under this cid")
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


OPERATIONS: tuple[type[Operation], ...] = (
    ServiceList,
    ServiceGet,
    ServiceDeploy,
    ServiceRollback,
    ServiceDelete,
    ServiceInvoke,
)
