"""OpenAPI 3.1 of the admin services, and of the typed services behind HTTP channels, from their inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from hansa import Model, Secret

from .operation import Operation

REFERENCE = "#/components/schemas/{name}"
PREFIX = "/hansa/api/"
_TEMPLATE = re.compile(r"{([A-Za-z_][A-Za-z0-9_]*)[^}]*}")

PROBLEM = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457)",
    "type": "object",
    "properties": {
        "status": {"type": "integer", "description": "HTTP status"},
        "code": {
            "type": "string",
            "description": "Kind of the problem, for programs; never changes",
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
    "Administration of this Hansa server. Every service takes one JSON object and answers with one. In place of any setting "
    'of a definition there may be `{"$env": "NAME"}` or `{"$file": "PATH"}`, looked up where the server runs. '
    "Secrets are taken, and never shown again."
)


def _hook(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, Secret):
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"no schema for {kind}")


def described(types: list[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """The schema of each type, and the components they share; what has no schema accepts anything."""
    try:
        found, components = msgspec.json.schema_components(
            types, schema_hook=_hook, ref_template=REFERENCE
        )
        return dict(zip(types, found, strict=True)), dict(components)
    except (TypeError, NotImplementedError):
        if len(types) <= 1:
            return {each: {} for each in types}, {}
    schemas: dict[Any, dict[str, Any]] = {}
    shared: dict[str, Any] = {}
    for each in types:
        one, components = described([each])
        schemas |= one
        shared |= components
    return schemas, shared


def openapi(
    operations: Iterable[type[Operation]], server: Any, version: str = "1"
) -> dict[str, Any]:
    """The whole document."""
    listed = sorted((o for o in operations if o.listed), key=lambda o: o.name)
    routes = list(_routes(server))
    models: list[Any] = []
    for service in (*listed, *(route["service"] for route in routes)):
        models += [
            m for m in (service.Input, service.Output) if isinstance(m, type) and m not in models
        ]
    schemas, components = described(models)
    strict = {o.Input for o in listed}
    for model in strict:
        name = schemas[model].get("$ref", "").rpartition("/")[2]
        if name in components:
            components[name]["additionalProperties"] = False
    paths: dict[str, Any] = {}
    for operation in listed:
        paths[PREFIX + operation.name] = {"post": _operation(operation, schemas)}
    for route in routes:
        paths.setdefault(route["path"], {})[route["method"].lower()] = _route(
            route, schemas, components
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Hansa {server.name}", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM, **dict(sorted(components.items()))},
            "securitySchemes": {
                "admin": {"type": "http", "scheme": "basic", "description": "The user admin"}
            },
            "responses": {
                "Problem": {
                    "description": "Refused, or failed",
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": REFERENCE.format(name="Problem")}
                        }
                    },
                }
            },
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _operation(operation: type[Operation], schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """One admin service as an operation."""
    tag = ".".join(operation.name.split(".")[1:-1])
    return {
        "operationId": operation.name,
        "tags": [tag],
        "summary": (operation.__doc__ or "").strip().partition("\n")[0],
        "security": [{"admin": []}],
        "requestBody": {"required": True, "content": _json(schemas.get(operation.Input, {}))},
        "responses": {
            "200": {"description": "Done", "content": _json(schemas.get(operation.Output, {}))},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _routes(server: Any) -> Iterable[dict[str, Any]]:
    """The HTTP channels whose JSON service declares what it takes or gives, one entry per method."""
    for row in server.definitions.all("channel", "http"):
        data = row.data
        if row.builtin or data.get("active") is False or data.get("format") != "json":
            continue
        try:
            service = server.registry.service(data["service"]).cls
        except Exception:
            continue  # a channel without its service is shown by its state, not here
        if not any(
            isinstance(m, type) and issubclass(m, Model) for m in (service.Input, service.Output)
        ):
            continue
        given = data.get("method") or "POST"
        for method in given.split(",") if isinstance(given, str) else given:
            if method.strip().lower() in (
                "get",
                "put",
                "post",
                "delete",
                "options",
                "head",
                "patch",
                "trace",
            ):
                yield {
                    "name": row.name,
                    "method": method.strip(),
                    "path": str(data["url_path"]),
                    "service": service,
                }


def _route(
    route: dict[str, Any], schemas: dict[Any, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    """A channel as an operation: what its path and query do not carry comes in the body."""
    service, method = route["service"], route["method"].upper()
    model = components.get(schemas.get(service.Input, {}).get("$ref", "").rpartition("/")[2], {})
    properties, required = model.get("properties", {}), model.get("required", [])
    names = _TEMPLATE.findall(route["path"])
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": properties.get(name, {"type": "string"}),
        }
        for name in names
    ]
    if method in ("GET", "HEAD", "DELETE"):
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in properties.items()
            if name not in names
        ]
    found: dict[str, Any] = {
        "operationId": f"{route['name']} {method}",
        "tags": ["services"],
        "summary": (service.__doc__ or "").strip().partition("\n")[0] or service.get_name(),
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer", "content": _json(schemas.get(service.Output, {}))},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if service.Input in schemas and method not in ("GET", "HEAD", "DELETE"):
        found["requestBody"] = {"required": True, "content": _json(schemas[service.Input])}
    return found
