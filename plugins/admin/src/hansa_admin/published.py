"""HTTP channels as operations of OpenAPI: those whose JSON service declares its input or output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hansa import DefinitionRecord, Model, NotFound, Server, Service

from .answers import PlainData
from .schemas import Schemas, component_of, json_content

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that OpenAPI knows."""
WITHOUT_BODY = ("get", "head", "delete")
PROBLEM = {"$ref": "#/components/responses/Problem"}
_TEMPLATE = re.compile(r"{([A-Za-z_][A-Za-z0-9_]*)[^}]*}")


@dataclass(frozen=True)
class PublishedRoute:
    """One method of an HTTP channel, in lower case, and the service behind it."""

    channel: str
    method: str
    path: str
    service: type[Service]

    def operation(self, schemas: Schemas, components: Mapping[str, PlainData]) -> PlainData:
        """Return it as an operation: what its path and query do not carry comes in the body."""
        input_schema = schemas.get(self.service.Input, {})
        output_schema = schemas.get(self.service.Output, {})
        name = self.service.get_name()
        found: PlainData = {
            "operationId": f"{self.channel} {self.method.upper()}",
            "tags": ["services"],
            "summary": (self.service.__doc__ or "").strip().partition("\n")[0] or name,
            "parameters": self._parameters(components.get(component_of(input_schema), {})),
            "responses": {
                "200": {"description": "The answer", "content": json_content(output_schema)},
                "default": PROBLEM,
            },
        }
        if self.service.Input in schemas and self.method not in WITHOUT_BODY:
            found["requestBody"] = {"required": True, "content": json_content(input_schema)}
        return found

    def _parameters(self, model: PlainData) -> list[PlainData]:
        properties: dict[str, PlainData] = model.get("properties", {})
        in_path = _TEMPLATE.findall(self.path)
        found = [
            _parameter(name, "path", properties.get(name, {"type": "string"}), required=True)
            for name in in_path
        ]
        if self.method in WITHOUT_BODY:
            required = model.get("required", [])
            found += [
                _parameter(name, "query", schema, required=name in required)
                for name, schema in properties.items()
                if name not in in_path
            ]
        return found


def _parameter(name: str, place: str, schema: PlainData, *, required: bool) -> PlainData:
    return {"name": name, "in": place, "required": required, "schema": schema}


def published_routes(server: Server) -> Iterator[PublishedRoute]:
    """Return the routes of all active channels whose JSON service declares a model."""
    for record in server.definitions.all("channel", "http"):
        data = record.data
        hidden = record.builtin or data.get("active") is False
        if hidden or data.get("format") != "json":
            continue
        service = _service_of(server, record)
        if service is None or not _is_typed(service):
            continue
        for method in _methods(data.get("method")):
            if method in METHODS:
                yield PublishedRoute(record.name, method, str(data["url_path"]), service)


def _service_of(server: Server, record: DefinitionRecord) -> type[Service] | None:
    """Return the service of a channel; one that is missing shows in the channel's state."""
    try:
        return server.registry.service(str(record.data.get("service"))).cls
    except NotFound:
        return None


def _is_typed(service: type[Service]) -> bool:
    models = (service.Input, service.Output)
    return any(isinstance(model, type) and issubclass(model, Model) for model in models)


def _methods(given: object) -> list[str]:
    """Return the methods of a channel in lower case; one that takes any is described as POST."""
    if isinstance(given, list):
        named = [str(method) for method in given]
    else:
        named = str(given or "POST").split(",")
    return [method.strip().lower() for method in named]
