"""OpenAPI 3.1 of the admin services, and of the typed services behind HTTP channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hansa import Server, Service, fields

from .answers import PlainData, PreviewInput, Seen, Shown
from .definitions import TypeOperation
from .operation import Operation
from .published import PROBLEM, PublishedRoute, published_routes, security_schemes
from .rights import finality_of
from .schemas import (
    REFERENCE,
    REFERENCE_SCHEMA,
    REFERENCE_TO_VALUE,
    Schemas,
    allow_references,
    component_of,
    described,
    json_content,
)

PREFIX = "/hansa/api/"

PROBLEM_SCHEMA: PlainData = {
    "title": "Problem",
    "description": "An error (RFC 9457)",
    "type": "object",
    "properties": {
        "status": {"type": "integer", "description": "HTTP status"},
        "code": {
            "type": "string",
            "description": "Kind of the problem, for programs; it never changes",
        },
        "title": {"type": "string", "description": "Kind of the problem"},
        "detail": {"type": "string", "description": "This occurrence of it"},
        "cid": {"type": "string", "description": "Correlation id, to find it in the server's log"},
        "errors": {
            "type": "object",
            "description": "Faults by setting",
            "additionalProperties": {"type": "string"},
        },
    },
    "required": ["status", "code", "title", "detail", "cid"],
}

DESCRIPTION = (
    "Administration of this Hansa server. Every service takes one JSON object and answers with "
    'one. In place of any setting of a definition there may be `{"$env": "NAME"}` or '
    '`{"$file": "PATH"}`, looked up where the server runs. Secrets are taken, and never shown '
    "again."
)


DESCRIPTION_OF_ROUTES = "Typed services behind HTTP channels of this Hansa server."
ADMIN_SCHEME: PlainData = {"type": "http", "scheme": "basic", "description": "The user admin"}


def openapi(operations: Iterable[type[Operation]], server: Server) -> PlainData:
    """Return the whole document."""
    listed = sorted((one for one in operations if one.listed), key=lambda one: one.name)
    administration = _described_operations(tuple(listed))
    routes = list(published_routes(server))
    schemas, components = described(_models([route.service for route in routes]))
    paths = dict(administration.paths)
    _add_routes(paths, routes, schemas, components)
    schemes = {**security_schemes(server, routes), "admin": ADMIN_SCHEME}
    # last, as theirs say more of the models of an admin service that a route calls, too
    found = _components({**components, **administration.components}, schemes)
    return _document(server, DESCRIPTION, paths, found)


@dataclass(frozen=True)
class _Described:
    """Paths of a document, and the components that they refer to, neither to be changed."""

    paths: Mapping[str, PlainData]
    components: Mapping[str, PlainData]


# PERF: they stay as they are while a worker lives, and each command of a type asks for them: 0.02 s
# of the worker instead of 0.45 s
@lru_cache(maxsize=1)
def _described_operations(listed: tuple[type[Operation], ...]) -> _Described:
    """Return the admin services as a part of the document."""
    schemas, components = described(_models(listed))
    _refuse_unknown_settings(listed, schemas, components)
    _allow_references(listed, schemas, components)
    components[REFERENCE_TO_VALUE] = REFERENCE_SCHEMA
    paths: dict[str, PlainData] = {}
    for operation in listed:
        paths[PREFIX + operation.name] = {"post": _operation(operation, schemas, components)}
    return _Described(paths, components)


def openapi_of_routes(routes: list[PublishedRoute], server: Server) -> PlainData:
    """Return a document that describes routes of HTTP channels, and nothing else."""
    schemas, components = described(_models([route.service for route in routes]))
    paths: dict[str, PlainData] = {}
    _add_routes(paths, routes, schemas, components)
    schemes = security_schemes(server, routes)
    return _document(server, DESCRIPTION_OF_ROUTES, paths, _components(components, schemes))


def _models(services: Iterable[type[Service]]) -> list[Any]:
    """Return the inputs and outputs of services, each once."""
    models: list[Any] = []
    for service in services:
        for model in (service.Input, service.Output):
            if isinstance(model, type) and model not in models:
                models.append(model)
    return models


def _add_routes(
    paths: dict[str, PlainData],
    routes: Iterable[PublishedRoute],
    schemas: Schemas,
    components: Mapping[str, PlainData],
) -> None:
    for route in routes:
        methods = paths.setdefault(route.path, {})
        methods[route.method] = route.operation(schemas, components)


def _document(
    server: Server, description: str, paths: PlainData, components: PlainData
) -> PlainData:
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Hansa {server.name}", "version": "1", "description": description},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components,
    }


def _refuse_unknown_settings(
    operations: Iterable[type[Operation]], schemas: Schemas, components: dict[str, PlainData]
) -> None:
    """Say in the schemas of inputs that admin services refuse what they do not know."""
    for operation in operations:
        name = component_of(schemas.get(operation.Input, {}))
        if name in components:
            components[name]["additionalProperties"] = False


def _allow_references(
    operations: Iterable[type[Operation]], schemas: Schemas, components: dict[str, PlainData]
) -> None:
    """Say where settings of definitions may be references, taken or shown."""
    own = {field.name for model in (Seen, Shown, PreviewInput) for field in fields(model)}
    for operation in operations:
        if not issubclass(operation, TypeOperation):
            continue
        for model in (operation.Input, operation.Output):
            name = component_of(schemas.get(model, {}))
            if operation.takes_settings or issubclass(model, Shown):
                allow_references(name, components, own)


def _operation(
    operation: type[Operation], schemas: Schemas, components: Mapping[str, PlainData]
) -> PlainData:
    """Return one admin service as an operation."""
    input_schema = schemas.get(operation.Input, {})
    tag = ".".join(operation.name.split(".")[1:-1])
    output = json_content(schemas.get(operation.Output, {}))
    return {
        "operationId": operation.name,
        "tags": [tag],
        "summary": (operation.__doc__ or "").strip().partition("\n")[0],
        "x-final": finality_of(operation),
        "security": [{"admin": []}],
        "requestBody": {
            "required": bool(components.get(component_of(input_schema), {}).get("required")),
            "content": json_content(input_schema),
        },
        "responses": {"200": {"description": "Done", "content": output}, "default": PROBLEM},
    }


def _components(schemas: dict[str, PlainData], security: dict[str, PlainData]) -> PlainData:
    problem = {"schema": {"$ref": REFERENCE.format(name="Problem")}}
    return {
        "schemas": {"Problem": PROBLEM_SCHEMA, **dict(sorted(schemas.items()))},
        "securitySchemes": security,
        "responses": {
            "Problem": {
                "description": "Refused, or failed",
                "content": {"application/problem+json": problem},
            }
        },
    }
