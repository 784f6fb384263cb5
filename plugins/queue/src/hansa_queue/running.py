"""Run one call and decide what becomes of it: finished, tried again after a pause, or put with the
failed messages.
"""

from __future__ import annotations

import random
import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

from hansa import HansaError, Invalid, NotFound, Request, Response, backoff_delay

from .call import Attempt, Call, encode, make, plain
from .cause import FailureInfo, cause_of, shortened, writable
from .patterns import final_state

if TYPE_CHECKING:
    from .queue import RedisQueue

LONGEST_TRACEBACK = 20_000
LONGEST_RETRY_AFTER = 3600.0
SHORTEST_DELAY = 0.001
JITTER = 0.2
"""Share by which pauses vary at random, so that calls that failed together are not retried
together.
"""
NEVER_QUEUED = b"!"
"""The mark before the failure info of a further call that is put with the failed messages at once.
"""


class Lost(Exception):
    """The worker that ran the call ended without reporting its outcome."""


class Disposition:
    """What the finishing script does with a call: `word` is done, again or failed; the rest goes
    with it.

    `further` are calls that are queued in the same step, each followed by the failure info that is
    kept if the queue has no room for it, and its placement; `headers` pass the trace on to them.
    `target` and `result` are the final state of the call in its group, if it is in one; `replay` is
    the replay that counts what becomes of it.
    """

    __slots__ = (
        "call",
        "delay",
        "further",
        "headers",
        "info",
        "placement",
        "replay",
        "result",
        "target",
        "word",
    )

    def __init__(
        self,
        word: Literal["done", "again", "failed"],
        *,
        call: bytes = b"",
        info: FailureInfo | None = None,
        delay: float = 0.0,
        headers: dict[str, str] | None = None,
        replay: str = "",
    ) -> None:
        self.word = word
        self.headers = headers or {}
        self.call = call
        self.info = b"" if info is None else info.encoded()
        self.placement: list[str | bytes] = ["", "", ""] if info is None else info.placement()
        self.delay = delay
        self.replay = replay
        self.further: list[str | bytes] = []
        self.target = ""
        self.result = b""

    @property
    def ends_quietly(self) -> bool:
        """Whether the call is finished, and nobody is told of it."""
        return self.word == "done" and not self.further and not self.replay

    @classmethod
    def unreadable(cls, call: Call, error: Exception) -> Disposition:
        """Return the disposition of an entry of the stream that is not a call."""
        now = time.time()
        info = FailureInfo(call.service, cause=f"not a call: {error}", created=now, at=now)
        return cls("failed", call=encode(call), info=info)


def run(queue: RedisQueue, call: Call, delivery: int) -> Disposition:
    """Run a call in its delivery of this number; earlier deliveries ended without an outcome and
    count as attempts.
    """
    section = queue.section
    max_attempts = call.max_attempts or section.max_attempts
    if delivery > 1:
        lost = _count_lost_attempts(call, delivery - 1, max_attempts)
        # an exception answers a pattern, the end of a worker does not: a pattern gets at least the
        # usual attempts
        limit = max_attempts
        if call.report is not None:
            limit = max(max_attempts, section.max_attempts)
        if call.attempt > limit:
            call.attempt -= 1
            return _failed(queue, call, lost, call.headers)
    request = _request(call)
    code = _code_of(queue, call.service)
    response = _handle(queue, call, request)
    # what answers it comes from this attempt; another attempt comes from where this one did
    headers = call.headers if request.trace is None else request.trace.headers()
    if response.ok:
        return _done(call, response, headers)
    error = response.error
    if error is None:
        error = HansaError(f"the service answered with status {response.status}")
    attempt = Attempt(time.time(), cause_of(error), call.attempt, queue.worker, code)
    call.history.append(attempt)
    if _is_rejected(call, response) or call.attempt >= max_attempts:
        return _failed(queue, call, error, headers)
    delay = _pause(queue, call, error)
    call.attempt += 1
    return Disposition("again", call=encode(call), delay=max(delay, SHORTEST_DELAY))


def _code_of(queue: RedisQueue, service: str) -> str:
    """Return what runs as a service now, such as `orders.py version 3`; nothing if it is unknown."""
    try:
        found = queue.server.registry.service(service)
    except NotFound:
        return ""
    return found.origin if found.comes_with_plugin else f"{found.origin} version {found.version}"


def _count_lost_attempts(call: Call, lost: int, max_attempts: int) -> Lost:
    """Count attempts that ended with their worker, and return the error that describes them."""
    error = Lost("the worker ended, or was stopped for longer than its lease, while it ran this")
    now = time.time()
    attempts = [Attempt(now, str(error), call.attempt + number) for number in range(lost)]
    call.history += attempts[-max_attempts:]
    call.attempt += lost
    return error


def _is_rejected(call: Call, response: Response) -> bool:
    """Whether another attempt would end the same way; calls that are repeated until they succeed
    are never rejected.
    """
    repeated = call.report is not None and call.report.kind == "retry"
    return response.outcome == "reject" and not repeated


def _pause(queue: RedisQueue, call: Call, error: BaseException) -> float:
    """Return the seconds before the next attempt."""
    if call.retry_seconds is not None:
        return call.retry_seconds
    section = queue.section
    delay = backoff_delay(call.attempt, section.first_delay, section.last_delay)
    delay *= random.uniform(1 - JITTER, 1 + JITTER)
    return max(delay, _retry_after(error))


def _retry_after(error: BaseException) -> float:
    """Return the seconds that an error asks to wait, at most an hour; 0 if it does not."""
    if not isinstance(error, HansaError):
        return 0.0
    try:
        seconds = float(error.headers.get("Retry-After", 0))
    except ValueError:  # a date
        return 0.0
    return min(seconds, LONGEST_RETRY_AFTER)


def _request(call: Call) -> Request:
    """Return the request of a call."""
    return Request(
        payload=call.payload if call.raw is None else call.raw,
        headers=call.headers,
        cid=call.cid,
        attempt=call.attempt,
        extra={
            **call.extra,
            "in_reply_to": call.in_reply_to,
            "parent_cid": call.parent_cid,
            "caller": call.caller,
        },
    )


def _handle(queue: RedisQueue, call: Call, request: Request) -> Response:
    """Have the service handle the call; never raises."""
    try:
        queue.server.registry.service(call.service)
    except NotFound as error:
        # this worker may not have loaded it yet: no reason to give the message up at once
        response = Response(status=404, cid=call.cid)
        response.error = error
        response.outcome = "retry"
        return response
    return queue.server.handle(call.service, request, type="invoke-async")


def _done(call: Call, response: Response, headers: dict[str, str]) -> Disposition:
    disposition = Disposition("done", headers=headers, replay=call.replay)
    for name in call.callback:
        _queue_reply(disposition, name, response.payload, call, extra=call.extra)
    if call.report is not None:
        _report(disposition, call, True, response.payload, None)
    return disposition


def _failed(
    queue: RedisQueue, call: Call, error: BaseException, headers: dict[str, str]
) -> Disposition:
    trace = ""
    if error.__traceback__ is not None:
        trace = writable("".join(traceback.format_exception(error)))
    cause = cause_of(error)
    info = FailureInfo(
        service=call.service,
        cid=call.cid,
        cause=cause,
        attempts=call.attempt,
        created=call.created,
        at=time.time(),
        worker=queue.worker,
        traceback=trace[-LONGEST_TRACEBACK:],
        history=call.history,
    )
    # the final state is reported now: a replay does not change it, so the failed message is kept
    # without a report, and without the replay that counts it now
    report = call.report
    replay = call.replay
    call.report = None
    call.replay = ""
    call.attempt = 1
    disposition = Disposition(
        "failed", call=encode(call), info=info, headers=headers, replay=replay
    )
    if report is not None:
        call.report = report
        _report(disposition, call, False, None, trace or cause)
    return disposition


def _report(
    disposition: Disposition, call: Call, ok: bool, answer: object, exception: str | None
) -> None:
    """Report the final state of a call to the services that want it, and to its group, if it is in
    one.
    """
    report = call.report
    assert report is not None
    try:
        answer = plain(answer)
    except Invalid:
        answer = str(answer)
    state = final_state(report, call, ok, answer, exception)
    if report.group:
        disposition.result = encode(state)
        disposition.target = report.target
    for name in report.to:
        _queue_reply(disposition, name, state, call)


def _queue_reply(
    disposition: Disposition, service: str, payload: object, call: Call, **options: Any
) -> None:
    """Queue a call with the answer to another one, in the same step that finishes that one."""
    now = time.time()
    common = {
        "cid": call.cid,
        "in_reply_to": call.cid,
        "parent_cid": call.cid,
        "caller": call.service,
        "headers": disposition.headers,
        "created": now,
        **options,
    }
    mark = b""
    cause = "the queue was full when this callback was to be queued"
    try:
        data = make(service, payload, **common)
    except Invalid as error:
        mark = NEVER_QUEUED
        cause = error.detail
        data = make(service, str(payload), **common)
    info = FailureInfo(service=service, cid=call.cid, cause=shortened(cause), created=now, at=now)
    disposition.further += [data, mark + info.encoded(), *info.placement()]
