"""Patterns: fan-out and fan-in, parallel execution, and calls that are repeated until they succeed.

Each call is queued like any other, at least once, and its final state, good or bad, is told in the same step that ends it: a
target that fails for good is told as failed (and stands with the failed messages), so that no fan-out waits for ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from hansa import Invalid, Server, Service, Unavailable, new_cid

from .call import Call, Report, make, now_iso

if TYPE_CHECKING:
    from .queue import RedisQueue

KEEP = 86_400
FINAL = "hansa.fan-out.final"
Names = str | Iterable[str]


def fan_out(
    caller: Service | Server,
    targets: Mapping[str, Any],
    on_final: Names,
    on_target: Names = (),
    cid: str = "",
    max_attempts: int = 0,
) -> str:
    """Have several services called at once, and `on_final` called with all their states once each has its final one.

    `caller` is the service that calls, or a server; `targets` maps names of services to payloads. `on_target` are services
    called with the state of each target: cid, source, target, ok, response, exception (text or None), req_ts_utc, resp_ts_utc.
    `on_final` get source, req_ts_utc, on_target, on_final, and `data`: these states by target. Gives the correlation id. Raises
    `NotFound` for an unknown service, `Unavailable` if not all calls can be queued (then none is), `Invalid` for a payload.
    """
    return _start(caller, targets, _names(on_final), _names(on_target), cid, max_attempts)


def parallel(
    caller: Service | Server,
    targets: Mapping[str, Any],
    on_target: Names = (),
    cid: str = "",
    max_attempts: int = 0,
) -> str:
    """Have several services called at once, and `on_target` called with the state of each; otherwise as `fan_out`."""
    return _start(caller, targets, [], _names(on_target), cid, max_attempts)


def invoke_retry(
    caller: Service | Server,
    name: str,
    payload: Any = None,
    *,
    repeats: int = 5,
    seconds: float = 1.0,
    callback: Names = (),
    context: Any = None,
    wait: bool = True,
    cid: str = "",
) -> Any:
    """Call a service until it succeeds, at most `repeats` times, with `seconds` between, whatever it fails with.

    With `wait` it runs here and now: gives the answer, or raises what the last try raised. Without, it is queued: gives the
    correlation id of that call at once, and `callback` are services called in the end with ok, orig_cid, call_cid, source,
    target, retry_seconds, retry_repeats, context, response, exception, req_ts_utc, resp_ts_utc.
    """
    if repeats < 1 or seconds < 0:
        raise Invalid("repeats must be at least 1, seconds not negative")
    server, source, own = _caller(caller)
    server.registry.service(name)
    if wait:
        for left in range(repeats - 1, -1, -1):
            try:
                return server.invoke(name, payload, cid=cid or own)
            except Exception:
                if not left:
                    raise
                time.sleep(seconds)
    call_cid = cid or new_cid()
    report = Report(
        "retry",
        name,
        source,
        now_iso(),
        _known(server, _names(callback)),
        orig_cid=own,
        context=context,
    )
    report.repeats, report.seconds = repeats, seconds
    options: dict[str, Any] = {
        "max_attempts": repeats,
        "retry_seconds": float(seconds),
        "report": report,
    }
    _queue(server).add(make(name, payload, cid=call_cid, created=time.time(), **options), name)
    return call_cid


def told(
    report: Report, call: Call, ok: bool, answer: Any, exception: str | None
) -> dict[str, Any]:
    """What those who are to know are told of the final state of a call."""
    common = {
        "ok": ok,
        "source": report.source,
        "target": report.target,
        "response": answer,
        "exception": exception,
    }
    common |= {"req_ts_utc": report.requested, "resp_ts_utc": now_iso()}
    if report.kind == "target":
        return {"cid": call.cid, **common}
    more = {"orig_cid": report.orig_cid, "call_cid": call.cid, "context": report.context}
    return {**common, **more, "retry_seconds": report.seconds, "retry_repeats": report.repeats}


class FanOutFinal(Service):
    """Gather the states of the targets of a fan-out; its answer goes to those who are called in the end."""

    name = FINAL

    def handle(self) -> Any:
        """Read what the finishing of each target has left."""
        asked = dict(self.request.payload)
        store = _queue(self.server).store
        key = store.group(asked.pop("group"))
        found = store.redis.hgetall(key)
        store.redis.expire(key, KEEP)
        states = {
            field[3:].decode(): msgspec.json.decode(value)
            for field, value in found.items()
            if field[:3] == b"of "
        }
        return {**asked, "data": states}


def _start(
    caller: Service | Server,
    targets: Mapping[str, Any],
    on_final: list[str],
    on_target: list[str],
    cid: str,
    max_attempts: int,
) -> str:
    server, source, own = _caller(caller)
    cid, group, requested = cid or own, new_cid() if on_final else "", now_iso()
    _known(server, [*targets, *on_final, *on_target])
    common: dict[str, Any] = {"cid": cid, "created": time.time()}
    calls = [
        make(
            name,
            payload,
            max_attempts=max_attempts,
            report=Report("target", name, source, requested, on_target, group),
            **common,
        )
        for name, payload in targets.items()
    ]
    final = b""
    if on_final:
        asked = {
            "group": group,
            "source": source,
            "req_ts_utc": requested,
            "on_target": on_target,
            "on_final": on_final,
        }
        final = make(FINAL, asked, callback=on_final, **common)
    if calls:
        _queue(server).add_group(calls, source, group, final)
    elif final:
        _queue(server).add(final, source)
    return cid


def _queue(server: Server) -> RedisQueue:
    from .queue import RedisQueue

    queue = server.queue
    if not isinstance(queue, RedisQueue):
        raise Unavailable("patterns need the queue of hansa-queue, and Redis")
    return queue


def _caller(caller: Service | Server) -> tuple[Server, str, str]:
    """The server, the name of who calls, and the correlation id."""
    if isinstance(caller, Service):
        return caller.server, caller.name or caller.get_name(), caller.cid
    return caller, str(caller.name), new_cid()


def _names(given: Names) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _known(server: Server, names: list[str]) -> list[str]:
    for name in names:
        server.registry.service(name)
    return names
