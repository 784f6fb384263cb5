"""Calls from service to service: synchronous in this process, asynchronous through the queue of the cluster's bus."""

from __future__ import annotations

from typing import Any

from .errors import Unavailable
from .message import Request, new_cid
from .objects import Objects


class Invocations:
    """What a worker calls without a channel: routes to services, kept until their class changes, and the queue if there is one."""

    def __init__(self, objects: Objects, queue: Any = None) -> None:
        self.objects, self.queue = objects, queue
        self._routes: dict[tuple[str, str, str, str, bool], tuple[Any, Any]] = {}

    def route(
        self,
        name: str,
        *,
        type: str = "invoke",
        channel: str = "",
        format: str = "",
        config: Any = None,
        raising: bool = False,
    ) -> Any:
        """A compiled route to a service."""
        cls = self.objects.registry.service(name).cls
        key = (name, type, channel, format, raising)
        kept = self._routes.get(key)
        if kept is not None and kept[0] is cls and config is None:
            return kept[1]
        route = self.objects.compile(name, channel=channel, type=type, format=format, config=config, raising=raising)
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
        self.objects.registry.service(name)
        if self.queue is None:
            raise Unavailable("asynchronous invocation needs a queue: install hansa-redis, or set [redis] address")
        cid = cid or new_cid()
        self.queue.put(name, payload, cid, **options)
        return cid
