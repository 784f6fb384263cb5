"""The types of a cluster and their settings, as its API describes them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from hansa_cli.schema import Schema

from .api import Access, ApiError, ClusterApi, JsonObject
from .language.texts import gettext

KEPT = 30.0
"""Seconds for which a description is used before it is asked for again."""
_KINDS = ("channel", "outgoing", "security")


@dataclass(frozen=True)
class ListedType:
    """A type of definitions, and what can be done with one (`actions`)."""

    kind: str
    type: str
    title: str
    actions: frozenset[str]

    @property
    def path(self) -> str:
        """The middle part of the names of its admin services."""
        return self.kind if self.kind == self.type else f"{self.kind}.{self.type}"

    def service(self, action: str) -> str:
        """Return the name of the admin service of an action."""
        return f"admin.{self.path}.{action}"


@dataclass(frozen=True)
class RegisteredType(ListedType):
    """A type with the schema of its settings; `digest` tells one description from another, and
    `final` are the actions that cannot be undone, or that change who may do what.
    """

    help: str
    schema: Schema
    digest: str
    final: frozenset[str] = frozenset()


class Catalogue:
    """The types of one cluster, asked for again from time to time."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._listed: list[ListedType] = []
        self._listed_until = 0.0
        self._known: dict[tuple[str, str], tuple[float, RegisteredType]] = {}

    def types(self, access: Access, kind: str = "") -> list[ListedType]:
        """Return the types of a kind, or all, by name; raises `ApiError`."""
        with self._lock:
            listed = self._listed
            is_current = time.monotonic() < self._listed_until
        if not is_current:
            # nobody else waits for a cluster that does not answer
            found = self._api.call("admin.type.list", {}, access)
            listed = [_listed(one) for one in found["items"]]
            with self._lock:
                self._listed = listed
                self._listed_until = time.monotonic() + KEPT
        return [one for one in listed if kind in ("", one.kind)]

    def kinds(self, access: Access) -> list[str]:
        """Return the kinds that have a type, the usual ones first; raises `ApiError`."""
        found = {one.kind for one in self.types(access)}
        return [*_KINDS, *sorted(found - set(_KINDS))]

    def type(self, kind: str, type: str, access: Access) -> RegisteredType:
        """Return one type; raises `ApiError`, with status 404 if there is none."""
        with self._lock:
            until, known = self._known.get((kind, type), (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        digest = known.digest if known is not None else ""
        asked = {"kind": kind, "type": type, "if_digest": digest}
        found = self._api.call("admin.type.get", asked, access)
        if known is None or not found["unchanged"]:
            known = _described(found)
        with self._lock:
            self._known[kind, type] = (time.monotonic() + KEPT, known)
        return known


def _listed(found: JsonObject) -> ListedType:
    return ListedType(found["kind"], found["type"], found["title"], frozenset(found["actions"]))


def _described(found: JsonObject) -> RegisteredType:
    schema = found["schema"]
    if not isinstance(schema, dict):
        raise ApiError(502, {"detail": gettext("the cluster describes a type without a schema")})
    return RegisteredType(
        kind=found["kind"],
        type=found["type"],
        title=found["title"],
        actions=frozenset(one["action"] for one in found["actions"]),
        help=found["help"],
        schema=Schema(schema, schema.get("$defs", {})),
        digest=found["digest"],
        final=frozenset(
            one["action"] for one in found["actions"] if one.get("final", "never") != "never"
        ),
    )
