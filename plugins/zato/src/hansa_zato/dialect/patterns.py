"""`self.patterns`: fan-out and fan-in, parallel execution, and invoke-retry.

The work is done by hansa-queue, with Zato's arguments here. A target is tried once, an exception is
its final state; only when its worker ends is it run again. Targets of this dialect get a payload
that is not text as JSON text, as in Zato.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias

from hansa import Unavailable, new_cid

from ..payloads import Value
from ..sio.models import as_json
from . import lookup
from .exceptions import ZatoException
from .lookup import ServiceLike

if TYPE_CHECKING:
    from .service import Service

Callbacks: TypeAlias = ServiceLike | Iterable[ServiceLike] | None
Targets: TypeAlias = Mapping[ServiceLike, object]
"""Payloads by the services that get them."""

DEFAULT_REPEATS: Final = 5
DEFAULT_PAUSE: Final = 1.0


class Patterns:
    """`fanout`, `parallel` and `invoke_retry` of one service."""

    def __init__(self, source: Service) -> None:
        self.fanout = FanOut(source)
        self.parallel = ParallelExec(source)
        self.invoke_retry = InvokeRetry(source)


class _Pattern:
    """What the patterns of one service share."""

    def __init__(self, source: Service) -> None:
        self.source = source

    def _resolve(self, name: ServiceLike) -> str:
        return lookup.resolve(self.source.server, self.source.cid, name)

    def _names(self, callbacks: Callbacks) -> list[str]:
        return self.source._callbacks(callbacks) if callbacks else []

    def _targets(self, targets: Targets) -> dict[str, Value]:
        """Return the payloads as they are sent, by the names of their services."""
        resolved = [(self._resolve(name), payload) for name, payload in targets.items()]
        return {name: self._payload(name, payload) for name, payload in resolved}

    def _payload(self, name: str, payload: object) -> Value:
        from .service import Service  # it has patterns itself

        data = as_json(payload)
        is_of_this_dialect = issubclass(self.source.server.registry.service(name).cls, Service)
        if is_of_this_dialect and not isinstance(data, str):
            return json.dumps(data)
        return data


class FanOut(_Pattern):
    """Has services called at once, and others once all of them are done."""

    def invoke(
        self,
        targets: Targets,
        on_final: Callbacks,
        on_target: Callbacks = None,
        cid: str | None = None,
    ) -> str:
        """Start it and return the correlation id; `on_final` and `on_target` name services.

        `on_target` get cid, req_ts_utc, resp_ts_utc, response, exception (text or None), ok, source
        and target, for each target; `on_final` get source, req_ts_utc, on_final, on_target and, in
        `data`, the same by target. Raises `hansa.Unavailable` without the queue,
        `ServiceMissingException` for an unknown service.
        """
        final = self._names(on_final)
        each = self._names(on_target)
        fan_out = _queue().fan_out
        payloads = self._targets(targets)
        return str(fan_out(self.source, payloads, final, each, cid or new_cid(), max_attempts=1))


class ParallelExec(_Pattern):
    """Has services called at once."""

    def invoke(self, targets: Targets, on_target: Callbacks, cid: str | None = None) -> str:
        """Start it and return the correlation id.

        `on_target` get what they get of a fan-out, which raises the same.
        """
        each = self._names(on_target)
        parallel = _queue().parallel
        payloads = self._targets(targets)
        return str(parallel(self.source, payloads, each, cid or new_cid(), max_attempts=1))


class InvokeRetry(_Pattern):
    """Has a service called until it succeeds."""

    def invoke(
        self,
        name: ServiceLike,
        payload: object = "",
        *,
        async_fallback: bool = False,
        callback: Callbacks = None,
        context: object = None,
        repeats: int = DEFAULT_REPEATS,
        seconds: float | None = None,
        minutes: float | None = None,
        **kwargs: Value,
    ) -> Value:
        """Call a service up to `repeats` times, with a pause of `seconds` and `minutes` in between.

        The default pause is 1 s.

        Returns its answer, or raises `ZatoException` after the last attempt. With `async_fallback`
        there is one attempt, and the others are left to the queue: this returns the correlation id,
        and `callback` are called at the end as with `invoke_async`. Further keyword arguments are
        those of `self.invoke`.
        """
        if repeats < 1:
            raise ValueError("repeats must be at least 1")
        found = self._resolve(name)
        pause = _pause(seconds, minutes)
        for left in range(repeats - 1, -1, -1):
            try:
                return self.source.invoke(found, payload, **kwargs)
            except Exception as error:
                if not left:
                    message = (
                        f"{found} did not succeed in {repeats} tries: "
                        f"{type(error).__name__}: {error}"
                    )
                    raise ZatoException(self.source.cid, message) from error
            if async_fallback:
                break
            time.sleep(pause)
        return self._enqueue(found, payload, callback, context, repeats - 1, pause, None)

    def invoke_async(
        self,
        name: ServiceLike,
        payload: object = "",
        *,
        callback: Callbacks = None,
        context: object = None,
        repeats: int = DEFAULT_REPEATS,
        seconds: float | None = None,
        minutes: float | None = None,
        cid: str | None = None,
    ) -> str:
        """Leave all attempts to the queue; returns the correlation id of the call at once.

        `callback` are called at the end, with ok, orig_cid, call_cid, source, target,
        retry_seconds, retry_repeats, context, req_ts_utc, resp_ts_utc, response, exception.
        """
        found = self._resolve(name)
        pause = _pause(seconds, minutes)
        return self._enqueue(found, payload, callback, context, repeats, pause, cid)

    def _enqueue(
        self,
        name: str,
        payload: object,
        callback: Callbacks,
        context: object,
        repeats: int,
        pause: float,
        cid: str | None,
    ) -> str:
        found = _queue().invoke_retry(
            self.source,
            name,
            as_json(payload),
            callback=self._names(callback),
            wait=False,
            repeats=repeats,
            seconds=pause,
            context=context,
            cid=cid or "",
        )
        return str(found)


def _queue() -> ModuleType:
    """Return hansa-queue; raises `Unavailable` where it is not installed."""
    try:
        import hansa_queue
    except ImportError:
        raise Unavailable("self.patterns needs hansa-queue") from None
    return hansa_queue


def _pause(seconds: float | None, minutes: float | None) -> float:
    """Return the pause between attempts in seconds."""
    if seconds is None and minutes is None:
        return DEFAULT_PAUSE
    return float(seconds or 0) + 60.0 * float(minutes or 0)
