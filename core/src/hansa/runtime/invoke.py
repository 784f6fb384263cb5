"""Calls from service to service: synchronous in this process, asynchronous through the queue that a plugin gives."""

from __future__ import annotations

from typing import Any

from ..contract.message import Request, Response, new_cid
from ..foundation.errors import Unavailable
from .objects import Objects
from .routes import failed


class Invocations:
    """What a worker calls without a channel: routes to services, kept until their class changes, and the queue if any."""

    def __init__(self, objects: Objects, queue: Any) -> None:
        self._objects, self.queue = objects, queue
        self._routes: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def route(self, name: str, *, config: Any = None, **options: Any) -> Any:
        """A compiled route to a service; options are those of `Objects.compile`. Raises `NotFound`, `Unavailable`."""
        cls = self._objects.registry.service(name).cls
        key = (name, *sorted(options.items()))
        if (kept := self._routes.get(key)) and kept[0] is cls and config is None:
            return kept[1]
        route = self._objects.compile(name, config=config, **options)
        if config is None:
            self._routes[key] = (cls, route)
        return route

    def invoke(self, name: str, payload: Any = None, *, cid: str = "", **request: Any) -> Any:
        """Call a service with an object and give back its answer; its exceptions come through."""
        return self.route(name, raising=True)(Request(payload=payload, cid=cid, **request)).payload

    def invoke_async(self, name: str, payload: Any = None, *, cid: str = "", **options: Any) -> str:
        """Queue a call, at least once; gives its correlation id. Raises `Unavailable` where there is no queue.

        Options, as far as the queue knows them: `delay` (seconds), `callback` (names of services called with the answer),
        `max_attempts`, `in_reply_to`, `extra`.
        """
        self._objects.registry.service(name)
        if self.queue is None:
            raise Unavailable(
                "asynchronous invocation needs a queue and Redis: install hansa-queue and hansa-redis"
            )
        cid = cid or new_cid()
        self.queue.put(name, payload, cid, **options)
        return cid

    def handle(self, name: str, request: Request, *, format: str = "", **options: Any) -> Response:
        """Run one request through a route to a service that has no channel (`type`, `channel`, `format`); never raises."""
        try:
            response: Response = self.route(name, format=format, **options)(request)
        except Exception as error:
            known = {
                type: found.cls for _, type, found in self._objects.registry.types("format")
            }.get(format)
            return failed(error, request, None, known() if known else None)
        return response
