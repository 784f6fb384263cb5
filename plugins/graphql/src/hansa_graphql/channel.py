"""The channel graphql: a path at which services are asked by GraphQL."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from hansa import HansaError, Request, Response, Unavailable
from hansa_http.channel import HttpChannel, HttpPath
from hansa_http.path import shown

from .execute_service import CHANNEL, resolve
from .protocol import failure
from .schema import Schema, schema_of
from .settings import GraphqlSettings

METHODS = ("GET", "POST")


class GraphqlChannel(HttpChannel[GraphqlSettings]):
    """Receives GraphQL requests over HTTP, whose fields services resolve.

    The schema is derived from the services' Input and Output, anew when one is deployed.
    """

    type: ClassVar[str] = "graphql"

    _schema: Schema | None = None

    @staticmethod
    def allowed_methods(config: HttpPath) -> frozenset[str]:
        """Return POST, and GET for queries."""
        return frozenset((*METHODS, "HEAD"))

    @classmethod
    def claims(cls, config: GraphqlSettings) -> Iterable[str]:
        """Return the methods on the path."""
        paths = [shown(pattern.canonical) for pattern in config.patterns()]
        return [f"{method} {path}" for path in paths for method in METHODS]

    def start(self) -> None:
        """Derive the schema, and enter the worker's table; raises `Invalid` with all faults."""
        self._changing = threading.Lock()
        self._schema = self._derived()
        super().start()

    def ping(self) -> str:
        """Return the path, and how many fields there are."""
        fields = len(self.config.queries) + len(self.config.mutations)
        return f"GraphQL {self.config.url_path}, {fields} fields"

    @property
    def text(self) -> str:
        """The schema in the Schema Definition Language."""
        return self._current().text

    def current_schema(self) -> Schema:
        """Return the schema as the services declare it now; raises `Unavailable`."""
        return self._current()

    def parameters(self, path: Mapping[str, str], query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return nothing: the query string has the request itself."""
        return {}

    def answer(self, request: Request) -> Response:
        """Carry out a request."""
        request.extra = {**request.extra, CHANNEL: self}
        return self.dispatch(request)

    def fail(self, error: HansaError, request: Request) -> Response:
        """Return the answer to an error before the service is reached."""
        return failure(error, request)

    def _derived(self) -> Schema:
        return schema_of(self.config, self.server.registry, resolve)

    def _current(self) -> Schema:
        registry = self.server.registry
        if self._schema is None:
            raise Unavailable(f"channel graphql {self.name!r} is not running")
        if self._schema.is_outdated(registry):
            with self._changing:
                if self._schema.is_outdated(registry):
                    try:
                        self._schema = self._derived()
                    except HansaError as error:
                        unavailable = Unavailable("the schema cannot be derived")
                        unavailable.reason = error.detail
                        raise unavailable from error
        return self._schema
