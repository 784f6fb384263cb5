"""Calls of services in workers that the caller names: asked over the bus, and answered by threads of
the worker that is asked.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..contract.bus import Bus
from ..contract.message import Request, writable_cid
from ..contract.server import Cluster
from ..contract.trace import trace_headers
from ..contract.worker_answer import WorkerAnswer
from ..foundation.errors import HansaError, Misused, NotFound, TimedOut, Unavailable, Undefined
from .worker_messages import WorkerCall, WorkerReply, decode, described, encode

if TYPE_CHECKING:
    from .invoke import Invocations

log = logging.getLogger("hansa.calls")

LONGEST_TIMEOUT = 600.0
"""Seconds for which answers may be waited for."""
MOST_WORKERS = 1000
"""Workers that one call may ask."""
AT_ONCE = 16
"""Calls that one worker answers at the same time."""
LOOK = 1.0
"""Seconds between two looks at who has ended meanwhile."""
MAILBOX_WAIT = 2.0
"""Seconds for which a worker waits at its mailbox at a time."""
PAUSE = 2.0
"""Seconds between two looks into a mailbox while the bus does not answer."""
_KEPT = 1.0
"""Seconds for which answers are kept after the end of the wait."""


class WorkerCalls:
    """What one worker asks others, and answers."""

    def __init__(self, worker: str, bus: Bus, cluster: Cluster, calls: Invocations) -> None:
        self._worker = worker
        self._bus = bus
        self._cluster = cluster
        self._calls = calls
        self._stopped = threading.Event()
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._answering: set[threading.Thread] = set()

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._take, name="worker calls", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Take no more calls, and wait up to `grace` seconds for those that run."""
        self._stopped.set()
        end = time.monotonic() + grace
        for thread in list(self._answering):
            if thread.is_alive():
                thread.join(max(end - time.monotonic(), 0))

    # -- asking ------------------------------------------------------------------------------------

    def ask(
        self,
        workers: Iterable[str],
        service: str,
        payload: object = None,
        *,
        cid: str = "",
        timeout: float = 5.0,
        extra: Mapping[str, object] | None = None,
    ) -> dict[str, WorkerAnswer]:
        """Call a service in each of these workers, and return what each answered, in their order."""
        asked = list(dict.fromkeys(workers))
        if not 0 < timeout <= LONGEST_TIMEOUT:
            raise Misused(f"timeout must be above 0 and at most {LONGEST_TIMEOUT:g} s")
        if len(asked) > MOST_WORKERS:
            raise Misused(f"{len(asked)} workers are too many, at most {MOST_WORKERS} are asked")
        reply_to = f"answers {uuid.uuid4().hex}"
        call = WorkerCall(
            service,
            reply_to,
            time.time() + timeout,
            writable_cid(cid),
            payload,
            dict(extra or {}),
            trace_headers(),
        )
        raw = encode(call, f"the payload for {service}")
        end = time.monotonic() + timeout
        found: dict[str, WorkerAnswer] = {}
        alive = self._alive()
        for worker in asked:
            if worker not in alive:
                missing = NotFound(f"there is no worker {worker}")
                found[worker] = WorkerAnswer(worker, error=missing)
                continue
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                self._bus.post(mailbox(worker), raw, left)
            except HansaError as error:
                found[worker] = WorkerAnswer(worker, error=error)
        self._collect(reply_to, asked, found, end)
        for worker in asked:
            late = TimedOut(f"worker {worker} did not answer within {timeout:g} s")
            found.setdefault(worker, WorkerAnswer(worker, error=late))
        return {worker: found[worker] for worker in asked}

    def _collect(
        self, reply_to: str, asked: list[str], found: dict[str, WorkerAnswer], end: float
    ) -> None:
        """Add answers as they come, until there are all, or the wait is over."""
        look = time.monotonic() + LOOK
        while len(found) < len(asked) and (left := end - time.monotonic()) > 0:
            ended: set[str] = set()
            if time.monotonic() >= look:
                ended = self._ended(asked)
                look = time.monotonic() + LOOK
            # what has ended may have answered before: its answer is there by now
            wait = 0.0 if ended - set(found) else min(left, LOOK)
            try:
                replies = self._bus.collect(reply_to, wait)
            except HansaError as error:
                _note_missing(asked, found, error)
                return
            for raw in replies:
                reply = decode(raw, WorkerReply)
                if reply is not None:
                    found.setdefault(reply.worker, reply.answer())
            for worker in ended - set(found):
                gone = Unavailable(f"worker {worker} ended while it was asked")
                found[worker] = WorkerAnswer(worker, error=gone)

    def _ended(self, asked: list[str]) -> set[str]:
        """Return those that have ended; none while it is not known."""
        try:
            return set(asked) - self._alive()
        except HansaError:
            return set()

    def _alive(self) -> set[str]:
        return set(self._cluster.reports(silent=True))

    # -- answering ---------------------------------------------------------------------------------

    def _take(self) -> None:
        """Take calls until the end."""
        silent = False
        while not self._stopped.is_set():
            try:
                calls = self._bus.collect(mailbox(self._worker), MAILBOX_WAIT)
                silent = False
            except Exception as error:
                if not silent:
                    log.warning("calls of other workers cannot be received for now: %s", error)
                silent = True
                self._stopped.wait(PAUSE)
                continue
            for raw in calls:
                self._begin(raw)

    def _begin(self, raw: bytes) -> None:
        call = decode(raw, WorkerCall)
        if call is None:
            log.error("a call of another worker cannot be read: %d bytes", len(raw))
        elif call.until < time.time():
            log.warning("a call of %s came too late to be answered (%s)", call.service, call.cid)
        elif self._stopped.is_set():
            self._reply(call, error=Unavailable(f"worker {self._worker} ends"))
        elif not self._free.acquire(blocking=False):
            busy = f"worker {self._worker} answers {AT_ONCE} calls of other workers already"
            self._reply(call, error=Unavailable(busy))
        else:
            self._answer_in_thread(call)

    def _answer_in_thread(self, call: WorkerCall) -> None:
        name = f"asked for {call.service}"
        thread = threading.Thread(target=self._answer, args=(call,), name=name, daemon=True)
        self._answering.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            self._answering.discard(thread)
            self._free.release()
            log.error("%s is not carried out (%s): %s", call.service, call.cid, error)
            self._reply(call, error=Unavailable(f"worker {self._worker} has no thread to spare"))

    def _answer(self, call: WorkerCall) -> None:
        try:
            try:
                route = self._calls.route(call.service, raising=True)
            except NotFound as error:
                raise Undefined.of(error) from None
            request = Request(
                payload=call.payload, cid=call.cid, extra=call.extra, headers=call.headers
            )
            self._reply(call, route(request).payload)
        except BaseException as error:  # a service's sys.exit() must not leave its caller waiting
            if not isinstance(error, HansaError):
                log.exception("%s failed, which another worker called", call.service)
            self._reply(call, error=error)
        finally:
            self._free.release()
            self._answering.discard(threading.current_thread())

    def _reply(
        self, call: WorkerCall, payload: object = None, error: BaseException | None = None
    ) -> None:
        """Answer a call; raises `Invalid` or `TooLarge` for an answer that cannot be sent."""
        told = None if error is None else described(error)
        reply = WorkerReply(self._worker, os.getpid(), payload, told)
        raw = encode(reply, f"the answer of {call.service}")
        try:
            self._bus.post(call.reply_to, raw, max(call.until - time.time(), 0) + _KEPT)
        except HansaError as fault:
            log.warning("the answer of %s was not sent (%s): %s", call.service, call.cid, fault)


def mailbox(worker: str) -> str:
    """Return the name of the mailbox of a worker."""
    return f"worker {worker}"


def _note_missing(asked: list[str], found: dict[str, WorkerAnswer], error: HansaError) -> None:
    for worker in asked:
        found.setdefault(worker, WorkerAnswer(worker, error=error))
