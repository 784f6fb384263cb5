"""Patterns: fan-out and fan-in, parallel execution, and calls that are repeated until they succeed.

Each call is queued like any other, at least once. Its final state, good or bad, is reported in the
same step that ends it: a target that fails for good is reported as failed (and put with the failed
messages), so that no fan-out waits forever.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
from hansa import Misused, NotFound, PlainSettings, Server, Service, Unavailable, Undefined, new_cid

from .call import Call, Report, make, now_iso, origin

if TYPE_CHECKING:
    from .queue import RedisQueue

KEEP = 86_400
"""Seconds for which the states of a fan-out are kept after its end."""
FINAL = "hansa.fan-out.final"
Names = str | Iterable[str]
_STATE_FIELD = b"of "


def fan_out(
    caller: Service | Server,
    targets: Mapping[str, object],
    on_final: Names,
    on_target: Names = (),
    cid: str = "",
    max_attempts: int = 0,
) -> str:
    """Have several services called at once, and `on_final` called with all their states once each
    has its final one.

    `caller` is the service that calls, or a server; `targets` maps names of services to payloads.
    `on_target` are services called with the state of each target: cid, source, target, ok,
    response, exception (text or None), req_ts_utc, resp_ts_utc. `on_final` get source, req_ts_utc,
    on_target, on_final, and `data`: these states by target. Returns the correlation id. Raises
    `Undefined` for an unknown service, `Unavailable` if not all calls can be queued (then none is),
    `Invalid` for a payload that JSON cannot hold.
    """
    return _start(caller, targets, _names(on_final), _names(on_target), cid, max_attempts)


def parallel(
    caller: Service | Server,
    targets: Mapping[str, object],
    on_target: Names = (),
    cid: str = "",
    max_attempts: int = 0,
) -> str:
    """Have several services called at once, and `on_target` called with the state of each;
    otherwise as `fan_out`.
    """
    return _start(caller, targets, [], _names(on_target), cid, max_attempts)


def invoke_retry(
    caller: Service | Server,
    name: str,
    payload: object = None,
    *,
    repeats: int = 5,
    seconds: float = 1.0,
    callback: Names = (),
    context: object = None,
    wait: bool = True,
    cid: str = "",
) -> Any:
    """Call a service until it succeeds, at most `repeats` times, with `seconds` between, whatever
    it fails with.

    With `wait` it runs here and now: returns the answer, or raises what the last attempt raised.
    Without, it is queued: returns the correlation id of that call at once, and `callback` are
    services called in the end with ok, orig_cid, call_cid, source, target, retry_seconds,
    retry_repeats, context, response, exception, req_ts_utc, resp_ts_utc.
    """
    if repeats < 1 or seconds < 0:
        raise Misused("repeats must be at least 1, seconds not negative")
    server, source, own_cid = _caller(caller)
    _check_services(server, [name])
    if wait:
        return _repeat(server, name, payload, repeats, seconds, cid or own_cid)
    callbacks = _names(callback)
    _check_services(server, callbacks)
    report = Report(
        kind="retry",
        target=name,
        source=source,
        requested=now_iso(),
        to=callbacks,
        context=context,
        orig_cid=own_cid,
        repeats=repeats,
        seconds=seconds,
    )
    call_cid = cid or new_cid()
    call = make(
        name,
        payload,
        cid=call_cid,
        created=time.time(),
        max_attempts=repeats,
        retry_seconds=float(seconds),
        report=report,
        **origin(),
    )
    queue_of(server).add(call, name)
    return call_cid


def _repeat(
    server: Server, name: str, payload: object, repeats: int, seconds: float, cid: str
) -> Any:
    """Call a service until it succeeds; raises what the last attempt raised."""
    for _ in range(repeats - 1):
        try:
            return server.invoke(name, payload, cid=cid)
        except Exception:
            time.sleep(seconds)
    return server.invoke(name, payload, cid=cid)


def final_state(
    report: Report, call: Call, ok: bool, answer: object, exception: str | None
) -> PlainSettings:
    """Return the final state of a call, as it is reported to services."""
    state: PlainSettings = {
        "ok": ok,
        "source": report.source,
        "target": report.target,
        "response": answer,
        "exception": exception,
        "req_ts_utc": report.requested,
        "resp_ts_utc": now_iso(),
    }
    if report.kind == "target":
        return {"cid": call.cid, **state}
    return {
        **state,
        "orig_cid": report.orig_cid,
        "call_cid": call.cid,
        "context": report.context,
        "retry_seconds": report.seconds,
        "retry_repeats": report.repeats,
    }


class FanOutFinal(Service):
    """Collects the states of the targets of a fan-out; its answer goes to the services that are
    called in the end.
    """

    name = FINAL

    def handle(self) -> PlainSettings:
        """Return the states that the end of each target has left in Redis."""
        request = dict(self.request.payload)
        store = queue_of(self.server).store
        key = store.group(request.pop("group"))
        found = cast("dict[bytes, bytes]", store.redis.hgetall(key))
        store.redis.expire(key, KEEP)
        states = {}
        for field, value in found.items():
            if field.startswith(_STATE_FIELD):
                target = field.removeprefix(_STATE_FIELD).decode()
                states[target] = msgspec.json.decode(value)
        return {**request, "data": states}


def _start(
    caller: Service | Server,
    targets: Mapping[str, object],
    on_final: list[str],
    on_target: list[str],
    cid: str,
    max_attempts: int,
) -> str:
    """Queue the calls of a fan-out or parallel execution, all or none; returns their correlation
    id.
    """
    server, source, own_cid = _caller(caller)
    cid = cid or own_cid
    group = new_cid() if on_final else ""
    requested = now_iso()
    now = time.time()
    _check_services(server, [*targets, *on_final, *on_target])
    calls = []
    for name, payload in targets.items():
        report = Report("target", name, source, requested, on_target, group)
        call = make(
            name,
            payload,
            cid=cid,
            created=now,
            max_attempts=max_attempts,
            report=report,
            **origin(),
        )
        calls.append(call)
    final = b""
    if on_final:
        request = {
            "group": group,
            "source": source,
            "req_ts_utc": requested,
            "on_target": on_target,
            "on_final": on_final,
        }
        final = make(FINAL, request, cid=cid, created=now, callback=on_final, **origin())
    if calls:
        queue_of(server).add_group(calls, source, group, final)
    elif final:
        queue_of(server).add(final, source)
    return cid


def queue_of(server: Server) -> RedisQueue:
    """Return the queue of a worker; raises `Unavailable` where there is none."""
    from .queue import RedisQueue

    queue = server.queue
    if not isinstance(queue, RedisQueue):
        raise Unavailable("this needs the queue of hansa-queue, and Redis")
    return queue


def _caller(caller: Service | Server) -> tuple[Server, str, str]:
    """Return the server, the name of the caller, and its correlation id."""
    if isinstance(caller, Service):
        return caller.server, caller.name or caller.get_name(), caller.cid
    return caller, str(caller.name), new_cid()


def _names(given: Names) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _check_services(server: Server, names: Iterable[str]) -> None:
    """Raise `Undefined` for a service that is not there."""
    for name in names:
        try:
            server.registry.service(name)
        except NotFound as error:
            raise Undefined.of(error) from None
