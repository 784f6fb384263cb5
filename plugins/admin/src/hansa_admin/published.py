"""HTTP channels as operations of OpenAPI: those whose JSON service declares its input or output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hansa import DefinitionRecord, Model, NotFound, Security, Server, Service
from hansa_http.forms import FORM, MULTIPART

from .answers import PlainData
from .schemas import Schemas, component_of, fits_form, holds_file, json_content

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that OpenAPI knows."""
WITHOUT_BODY = ("get", "head", "delete")
PROBLEM = {"$ref": "#/components/responses/Problem"}
_TEMPLATE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NOTHING: PlainData = {}


@dataclass(frozen=True)
class PublishedRoute:
    """One method of an HTTP channel, in lower case, and the service behind it.

    `merges` says whether values of path and query are part of the input, `reads_forms` whether
    bodies may be forms; callers satisfy any one of the `security` definitions, if there are any.
    """

    channel: str
    method: str
    path: str
    service: type[Service]
    merges: bool
    reads_forms: bool
    security: tuple[str, ...]

    @property
    def tag(self) -> str:
        """The module of the service, which groups the operations of one source."""
        return self.service.get_name().rpartition(".")[0] or "services"

    def operation(self, schemas: Schemas, components: Mapping[str, PlainData]) -> PlainData:
        """Return it as an operation: what its path and query do not carry comes in the body."""
        input_schema = schemas.get(self.service.Input, {})
        output_schema = schemas.get(self.service.Output, {})
        name = self.service.get_name()
        model = components.get(component_of(input_schema), _NOTHING)
        found: PlainData = {
            "operationId": f"{self.channel} {self.method.upper()}",
            "tags": [self.tag],
            "summary": (self.service.__doc__ or "").strip().partition("\n")[0] or name,
            "security": [{name: []} for name in self.security],
            "parameters": self._parameters(model),
            "responses": {
                "200": {"description": "The answer", "content": json_content(output_schema)},
                "default": PROBLEM,
            },
        }
        if self.service.Input in schemas and self.method not in WITHOUT_BODY:
            body = self._body(input_schema, model)
            found["requestBody"] = {
                "required": self._needs_body(model),
                "content": self._content(body, components),
            }
        return found

    @property
    def _in_path(self) -> list[str]:
        return _TEMPLATE.findall(self.path)

    def _needs_body(self, model: PlainData) -> bool:
        brought = self._in_path if self.merges else []
        return any(name not in brought for name in model.get("required", []))

    def _body(self, schema: PlainData, model: PlainData) -> PlainData:
        """Return the schema of the body: without what the path brings."""
        brought = set(self._in_path) if self.merges else set()
        required = model.get("required", [])
        if brought.isdisjoint(required):
            return schema
        return {**model, "required": [name for name in required if name not in brought]}

    def _content(self, body: PlainData, components: Mapping[str, PlainData]) -> PlainData:
        """Return the media types of the body: JSON, and forms where the channel reads them.

        Only forms with files carry files; no form carries objects inside objects.
        """
        model = components.get(component_of(body), body)
        properties: list[PlainData] = list(model.get("properties", {}).values())
        if not self.reads_forms or not all(fits_form(one, components) for one in properties):
            return json_content(body)
        described = {"schema": body}
        if any(holds_file(one) for one in properties):
            return {MULTIPART: described}
        return {**json_content(body), FORM: described, MULTIPART: described}

    def _parameters(self, model: PlainData) -> list[PlainData]:
        properties: dict[str, PlainData] = model.get("properties", {}) if self.merges else {}
        in_path = self._in_path
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
        hidden = record.builtin or data.get("active") is False or data.get("openapi") is False
        if hidden or data.get("format") != "json":
            continue
        service = _service_of(server, record)
        if service is None or not _is_typed(service):
            continue
        for method in _methods(data.get("method")):
            if method in METHODS:
                yield PublishedRoute(
                    channel=record.name,
                    method=method,
                    path=str(data["url_path"]),
                    service=service,
                    merges=data.get("merge_url_params_req") is not False,
                    reads_forms=_reads_forms(data.get("forms")),
                    security=_names(data.get("security")),
                )


def _reads_forms(settings: object) -> bool:
    return isinstance(settings, Mapping) and settings.get("enabled") is True


def _names(given: object) -> tuple[str, ...]:
    """Return the names in a setting that has one, several or none."""
    if isinstance(given, list):
        return tuple(str(name) for name in given)
    return (str(given),) if given else ()


def security_schemes(server: Server, routes: list[PublishedRoute]) -> dict[str, PlainData]:
    """Return the security schemes of routes, by the names of their definitions."""
    needed = {name for route in routes for name in route.security}
    found: dict[str, PlainData] = {}
    for record in server.definitions.all("security"):
        if record.name in needed:
            cls = server.registry.type("security", record.type).cls
            if issubclass(cls, Security):
                found[record.name] = cls.openapi_scheme(record.data)
    return found


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
