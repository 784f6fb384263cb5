"""The types of a cluster and their settings, as its API describes them."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from hansa_cli.schema import Schema

from .api import PREFIX, Access, ApiError, ClusterApi, JsonObject

KEPT = 30.0
"""Seconds for which a description is used before it is asked for again."""
_CREATE = re.compile(re.escape(PREFIX) + r"admin\.((?:[a-z0-9-]+\.)?[a-z0-9-]+)\.create$")
_KINDS = ("channel", "outgoing", "security")


@dataclass(frozen=True)
class RegisteredType:
    """A type of definitions: its settings as a schema, and what can be done with one (`actions`)."""

    kind: str
    type: str
    help: str
    schema: Schema
    actions: frozenset[str]

    @property
    def path(self) -> str:
        """The middle part of the names of its admin services."""
        return self.kind if self.kind == self.type else f"{self.kind}.{self.type}"

    def service(self, action: str) -> str:
        """Return the name of the admin service of an action."""
        return f"admin.{self.path}.{action}"


class Catalogue:
    """The types of one cluster, read again from time to time."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._types: dict[tuple[str, str], RegisteredType] = {}
        self._until = 0.0

    def types(self, access: Access, kind: str = "") -> list[RegisteredType]:
        """Return the types of a kind, or all, by name; raises `ApiError`."""
        with self._lock:
            if time.monotonic() > self._until:
                self._types = _types(self._api.document("openapi.json", access))
                self._until = time.monotonic() + KEPT
            found = self._types.values()
        return sorted(
            (one for one in found if kind in ("", one.kind)), key=lambda one: (one.kind, one.type)
        )

    def type(self, kind: str, type: str, access: Access) -> RegisteredType:
        """Return one type; raises `ApiError` with status 404 if there is none."""
        for one in self.types(access, kind):
            if one.type == type:
                return one
        raise ApiError(404, {"code": "not-found", "detail": f"there is no type {kind} {type}"})

    def kinds(self, access: Access) -> list[str]:
        """Return the kinds that have a type, the usual ones first; raises `ApiError`."""
        found = {one.kind for one in self.types(access)}
        return [*_KINDS, *sorted(found - set(_KINDS))]


def _types(document: JsonObject) -> dict[tuple[str, str], RegisteredType]:
    """Return the types in an OpenAPI document: what can be created."""
    paths = document.get("paths", {})
    components = document.get("components", {}).get("schemas", {})
    found = {}
    for path, methods in paths.items():
        match = _CREATE.match(path)
        if match is None:
            continue
        kind, _, type = match[1].partition(".")
        content = methods["post"]["requestBody"]["content"]["application/json"]
        schema = Schema(content["schema"], components)
        if "name" not in schema.properties:
            continue
        prefix = path.removesuffix("create")
        actions = {one.removeprefix(prefix) for one in paths if one.startswith(prefix)}
        found[kind, type or kind] = RegisteredType(
            kind=kind,
            type=type or kind,
            help=schema.own.get("description", ""),
            schema=schema,
            actions=frozenset(actions),
        )
    return found
