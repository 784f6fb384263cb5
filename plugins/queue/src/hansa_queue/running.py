"""Run one call and decide what becomes of it: finished, tried again after a pause, or put with the failed messages."""

from __future__ import annotations

import random
import time
import traceback
from typing import TYPE_CHECKING, Any

from hansa import HansaError, Invalid, NotFound, Request, Response

from .call import Attempt, Call, encode, make, plain
from .cause import Info, cause_of, describe
from .patterns import told

if TYPE_CHECKING:
    from .queue import RedisQueue

LONGEST_TRACEBACK = 20_000


class Outcome:
    """What the finishing script is to do: `word` done, again or failed; the rest goes with it.

    `more` are further calls that are queued in the same step, each followed by what is kept if there is no room for it;
    where that begins with `!` the call cannot be queued and is kept at once.
    """

    __slots__ = ("call", "delay", "final", "info", "more", "result", "target", "word")

    def __init__(
        self, word: str, *, call: bytes = b"", info: bytes = b"", delay: float = 0.0
    ) -> None:
        self.word, self.call, self.info, self.delay = word, call, info, delay
        self.final = word != "again"
        self.more: list[bytes] = []
        self.target, self.result = "", b""

    @classmethod
    def unreadable(cls, call: Call, error: Exception) -> Outcome:
        """The outcome of something in the stream that is no call."""
        info = Info(
            service=call.service, cause=f"not a call: {error}", created=time.time(), at=time.time()
        )
        return cls("failed", call=encode(call), info=encode(info.grouped()))


def run(queue: RedisQueue, call: Call, delivery: int) -> Outcome:
    """Carry out a call that was delivered so many times; earlier deliveries ended without an outcome and count as attempts."""
    section = queue.section
    most = call.max_attempts or section.max_attempts
    if delivery > 1:
        first = call.attempt
        call.attempt += delivery - 1
        lost = "the worker ended, or was stopped for longer than its lease, while it ran this"
        call.history += [
            Attempt(time.time(), lost, number) for number in range(first, call.attempt)
        ][-most:]
        # an exception is an answer to a pattern, the end of a worker is none
        if call.attempt > (max(most, section.max_attempts) if call.report else most):
            call.attempt -= 1
            return _failed(queue, call, Lost(lost))
    response = _run(queue, call)
    if response.ok:
        return _done(queue, call, response)
    error = response.error or HansaError(f"the service answered with status {response.status}")
    call.history.append(Attempt(time.time(), describe(error), call.attempt, queue.worker))
    rejected = response.outcome == "reject" and not (call.report and call.report.kind == "retry")
    if rejected or call.attempt >= most:
        return _failed(queue, call, error)
    delay = call.retry_seconds
    if delay is None:
        delay = min(
            section.first_delay * 2 ** min(call.attempt - 1, 32), section.last_delay
        ) * random.uniform(0.8, 1.2)
        delay = max(delay, _retry_after(error))
    call.attempt += 1
    return Outcome("again", call=encode(call), delay=max(delay, 0.001))


class Lost(Exception):
    """The worker that ran the call ended without telling what came of it."""


def _retry_after(error: BaseException) -> float:
    """Seconds that the failed side asks to wait, if it does."""
    try:
        return (
            min(float(error.headers.get("Retry-After", 0)), 3600.0)
            if isinstance(error, HansaError)
            else 0.0
        )
    except ValueError:
        return 0.0


def _run(queue: RedisQueue, call: Call) -> Response:
    extra = {**call.extra, "in_reply_to": call.in_reply_to}
    payload = call.payload if call.raw is None else call.raw
    request = Request(payload=payload, cid=call.cid, attempt=call.attempt, extra=extra)
    try:
        queue.server.registry.service(call.service)
    except NotFound as error:
        # perhaps this worker has not loaded it yet, so it is no reason to give the message up at once
        response = Response(status=404, cid=call.cid)
        response.error, response.outcome = error, "retry"
        return response
    answer: Response = queue.server.handle(call.service, request, type="invoke-async")
    return answer


def _done(queue: RedisQueue, call: Call, response: Response) -> Outcome:
    outcome = Outcome("done")
    for name in call.callback:
        _tell(outcome, name, response.payload, call, extra=call.extra)
    if call.report is not None:
        _report(outcome, call, True, response.payload, None)
    return outcome


def _failed(queue: RedisQueue, call: Call, error: BaseException) -> Outcome:
    trace = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
    info = Info(
        service=call.service,
        cid=call.cid,
        cause=describe(error),
        attempts=call.attempt,
        created=call.created,
        at=time.time(),
        worker=queue.worker,
        traceback=trace[-LONGEST_TRACEBACK:],
        history=call.history,
    )
    report, call.report = (
        call.report,
        None,
    )  # its final state is told now, a replay does not change it
    call.attempt = 1
    outcome = Outcome("failed", call=encode(call), info=encode(info.grouped()))
    if report is not None:
        call.report = report
        _report(outcome, call, False, None, trace or describe(error))
    return outcome


def _report(outcome: Outcome, call: Call, ok: bool, answer: Any, exception: str | None) -> None:
    """Tell those who are to know of the final state, and the group, if there is one."""
    assert call.report is not None
    try:
        answer = plain(answer)
    except Invalid:
        answer = str(answer)
    state = told(call.report, call, ok, answer, exception)
    if call.report.group:
        outcome.result = encode(state)
        outcome.target = call.report.target
    for name in call.report.to:
        _tell(outcome, name, state, call)


def _tell(outcome: Outcome, service: str, payload: Any, call: Call, **options: Any) -> None:
    """Queue a call with an answer in the same step that finishes the call which is answered."""
    common = {"cid": call.cid, "in_reply_to": call.cid, "created": time.time(), **options}
    mark, why = b"", "the queue was full when this callback was to be queued"
    try:
        data = make(service, payload, **common)
    except Invalid as error:
        mark, why, data = (
            b"!",
            error.detail,
            make(service, str(payload), **common),
        )  # never queued, put with the failed
    info = Info(
        service=service, cid=call.cid, cause=cause_of(why), created=time.time(), at=time.time()
    )
    outcome.more += [data, mark + encode(info.grouped())]
