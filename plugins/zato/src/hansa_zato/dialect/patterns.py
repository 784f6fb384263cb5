"""`self.patterns`: fan-out and fan-in, parallel execution, and invoke-retry, as services in the Zato dialect call them.

The work is done by hansa-queue; this gives it Zato's arguments. A target is tried once, an exception is its final state; only
when its worker ends is it run again. Targets of this dialect get a payload that is no text as JSON text, as in Zato.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
from hansa import Unavailable, new_cid

from ..sio.models import plain
from .exceptions import ZatoException

if TYPE_CHECKING:
    from .service import Service


def _native() -> Any:
    """hansa-queue; raises `Unavailable` where it is not installed."""
    try:
        import hansa_queue
    except ImportError:
        raise Unavailable("self.patterns needs hansa-queue") from None
    return hansa_queue


class Patterns:
    """`fanout`, `parallel` and `invoke_retry` of one service."""

    def __init__(self, source: Service) -> None:
        self.fanout, self.parallel, self.invoke_retry = (
            FanOut(source),
            ParallelExec(source),
            InvokeRetry(source),
        )


class _Pattern:
    def __init__(self, source: Service) -> None:
        self.source = source

    def _names(self, callbacks: Any) -> list[str]:
        return self.source._callbacks(callbacks) if callbacks else []

    def _targets(self, targets: dict[Any, Any]) -> dict[str, Any]:
        return {name: self._payload(name, payload) for name, payload in self._resolved(targets)}

    def _resolved(self, targets: dict[Any, Any]) -> list[tuple[str, Any]]:
        return [(self.source._resolve(name), payload) for name, payload in targets.items()]

    def _payload(self, name: str, payload: Any) -> Any:
        from .service import Service

        data = json.loads(msgspec.json.encode(plain(payload), enc_hook=str))
        spoken = issubclass(self.source.server.registry.service(name).cls, Service)
        return json.dumps(data) if spoken and not isinstance(data, str) else data


class FanOut(_Pattern):
    """Have services called at once, and others once all of them are done."""

    def invoke(
        self, targets: dict[Any, Any], on_final: Any, on_target: Any = None, cid: str | None = None
    ) -> str:
        """Start it; `targets` maps services to payloads, `on_final` and `on_target` name services. Gives the correlation id.

        `on_target` get cid, req_ts_utc, resp_ts_utc, response, exception (text or None), ok, source and target, for each target;
        `on_final` get source, req_ts_utc, on_final, on_target and, in `data`, the same by target. Raises `hansa.Unavailable`
        without the queue, `ServiceMissingException` for an unknown service.
        """
        final, each = self._names(on_final), self._names(on_target)
        found = _native().fan_out(
            self.source, self._targets(targets), final, each, cid or new_cid(), max_attempts=1
        )
        return str(found)


class ParallelExec(_Pattern):
    """Have services called at once."""

    def invoke(self, targets: dict[Any, Any], on_target: Any, cid: str | None = None) -> str:
        """Start it; `on_target` are told of each target as in a fan-out. Gives the correlation id, raises as a fan-out does."""
        each = self._names(on_target)
        return str(
            _native().parallel(
                self.source, self._targets(targets), each, cid or new_cid(), max_attempts=1
            )
        )


class InvokeRetry(_Pattern):
    """Have a service called until it succeeds."""

    def invoke(
        self,
        name: Any,
        payload: Any = "",
        *,
        async_fallback: bool = False,
        callback: Any = None,
        context: Any = None,
        repeats: int = 5,
        seconds: float | None = None,
        minutes: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call it at most `repeats` times with a pause of so many seconds (or minutes; 1 s if neither is given).

        Gives its answer, or raises `ZatoException` after the last try. With `async_fallback` it is tried once, and the other
        tries are left to the queue: gives the correlation id, and `callback` are told in the end as with `invoke_async`.
        Further keyword arguments are those of `self.invoke`.
        """
        found, pause = self.source._resolve(name), _pause(seconds, minutes)
        for left in range(repeats - 1, -1, -1):
            try:
                return self.source.invoke(found, payload, **kwargs)
            except Exception as error:
                if async_fallback and left:
                    return self._queue(found, payload, callback, context, left, pause, None)
                if not left:
                    message = f"{found} did not succeed in {repeats} tries: {type(error).__name__}: {error}"
                    raise ZatoException(self.source.cid, message) from error
            time.sleep(pause)
        raise ValueError("repeats must be at least 1")

    def invoke_async(
        self,
        name: Any,
        payload: Any = "",
        *,
        callback: Any = None,
        context: Any = None,
        repeats: int = 5,
        seconds: float | None = None,
        minutes: float | None = None,
        cid: str | None = None,
    ) -> str:
        """Leave all tries to the queue; gives the correlation id of the call at once.

        `callback` are told in the end: ok, orig_cid, call_cid, source, target, retry_seconds, retry_repeats, context, req_ts_utc,
        resp_ts_utc, response, exception.
        """
        return self._queue(
            self.source._resolve(name),
            payload,
            callback,
            context,
            repeats,
            _pause(seconds, minutes),
            cid,
        )

    def _queue(
        self,
        name: str,
        payload: Any,
        callback: Any,
        context: Any,
        repeats: int,
        pause: float,
        cid: str | None,
    ) -> str:
        data = json.loads(msgspec.json.encode(plain(payload), enc_hook=str))
        options: dict[str, Any] = {
            "repeats": repeats,
            "seconds": pause,
            "context": context,
            "cid": cid or "",
        }
        found = _native().invoke_retry(
            self.source, name, data, callback=self._names(callback), wait=False, **options
        )
        return str(found)


def _pause(seconds: float | None, minutes: float | None) -> float:
    if seconds is None and minutes is None:
        return 1.0
    return float(seconds or 0) + 60.0 * float(minutes or 0)
