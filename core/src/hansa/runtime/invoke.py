"""Calls from service to service: synchronous in this process, asynchronous through the queue that a
plugin brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from ..contract.bus import Queue
from ..contract.calls import QueueOptions, RouteOptions
from ..contract.kinds import Dispatch, Format
from ..contract.message import Request, Response, writable_cid
from ..contract.registry import Registry
from ..contract.service import Service
from ..foundation.errors import NotFound, Unavailable, Undefined
from .router import Router
from .routes import failed

RouteKey = tuple[str, str, str, str, bool]


class Invocations:
    """What a worker calls without a channel: routes to services, kept until their class changes,
    and the queue if any.
    """

    def __init__(self, registry: Registry, router: Router) -> None:
        self.registry = registry
        self.router = router
        self.queue: Queue | None = None
        self._routes: dict[RouteKey, tuple[type[Service], Dispatch]] = {}

    def route(
        self,
        name: str,
        *,
        type: str = "invoke",
        channel: str = "",
        format: str = "",
        config: object = None,
        raising: bool = False,
    ) -> Dispatch:
        """Return a compiled route to a service; raises `NotFound`, `Unavailable`.

        Routes without a `config` are kept.
        """
        cls = self.registry.service(name).cls
        key = (name, type, channel, format, raising)
        if config is None:
            kept = self._routes.get(key)
            if kept is not None and kept[0] is cls:
                return kept[1]
        route = self.router.compile(
            name, format=format, channel=channel, type=type, config=config, raising=raising
        )
        if config is None:
            self._routes[key] = (cls, route)
        return route

    def invoke(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> Any:
        """Call a service with an object and return its answer; its exceptions come through. Raises
        `Undefined` if there is no such service.
        """
        try:
            route = self.route(name, raising=True)
        except NotFound as error:
            raise Undefined.of(error) from None
        return route(Request(payload=payload, cid=cid, extra=extra or {})).payload

    def invoke_async(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Queue a call, at least once; returns its correlation id. Raises `Undefined` if there is no
        such service, and `Unavailable` where there is no queue.
        """
        queue = self._queue_for(name)
        cid = writable_cid(cid)
        queue.put(name, payload, cid, **options)
        return cid

    def invoke_async_many(
        self,
        name: str,
        payloads: Iterable[object],
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Queue a call for each payload, in one step, all or none; returns their correlation id.
        Otherwise as `invoke_async`.
        """
        queue = self._queue_for(name)
        cid = writable_cid(cid)
        queue.put_many(name, payloads, cid, **options)
        return cid

    def _queue_for(self, name: str) -> Queue:
        """Return the queue for calls of a service; raises `Undefined`, `Unavailable`."""
        try:
            self.registry.service(name)
        except NotFound as error:
            raise Undefined.of(error) from None
        if self.queue is None:
            raise Unavailable(
                "asynchronous invocation needs a queue and Redis: install hansa-queue and hansa-redis"
            )
        return self.queue

    def handle(
        self,
        name: str,
        request: Request,
        **options: Unpack[RouteOptions],
    ) -> Response:
        """Run one request through a route to a service that has no channel of its own; never
        raises.
        """
        try:
            return self.route(name, **options)(request)
        except Exception as error:
            return failed(error, request, None, self._format(options.get("format", "")))

    def _format(self, type: str) -> Format | None:
        """Return what can write an error in a format; None if there is no such format."""
        try:
            return self.registry.format(type).cls() if type else None
        except NotFound:
            return None
