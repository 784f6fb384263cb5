"""One job at work: what is due goes into its queue, one run at a time comes out, and what failed is tried again."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hansa import Response

from .ledger import Unfinished
from .runner import Entry, Runner
from .times import Once, Times

LATE = timedelta(
    seconds=30
)  # what is later than this counts as missed; a job's move to another server takes less
MOST_MISSED = 1000
LONGEST_DELAY = 300.0
PUT_OFF = timedelta(seconds=1)  # until Redis is asked again for a run
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Firing:
    """One run to be: the time it was planned for and which attempt it is.

    `again`: the clock was set back over that time; `late`: it was missed, and counts only if nobody ran it in time.
    """

    planned: datetime
    attempt: int = 1
    again: bool = False
    late: bool = False


class Job:
    """The state of one job in the worker that has it. Its methods are called with the runner's lock held, but for `_run`.

    `send` hands a firing to the service and gives the response; `missed` says what becomes of runs whose time passed while
    nothing could run them; `rule` is a text that changes when the planned times do.
    """

    def __init__(
        self,
        name: str,
        runner: Runner,
        times: Times,
        send: Callable[[Firing], Response],
        *,
        rule: str,
        missed: Literal["skip", "once", "all"] = "once",
        max_attempts: int = 5,
        retry_delay: float = 1.0,
        log: logging.Logger | None = None,
    ) -> None:
        self.name, self.runner, self.times, self.send, self.rule = name, runner, times, send, rule
        self.missed, self.max_attempts, self.retry_delay = missed, max_attempts, retry_delay
        self.log = log or logging.getLogger(f"hansa.scheduler.{name}")
        self.queue: deque[Firing] = deque()
        self.running: Firing | None = None
        self.retries: dict[datetime, tuple[Entry, int]] = {}
        self.entry: Entry | None = None
        self.stopped = False
        self.last = NEVER
        self.relived = NEVER
        self.held_up = 0
        self.history: dict[str, Any] = {"runs": 0, "failures": 0, "skipped": 0}

    def start(self) -> None:
        """Find out what was missed, and plan the next run."""
        now = self.runner.clock.now()
        if not isinstance(self.times, Once):
            self.last = self.runner.ledger.begin(self.name, self.rule, now)
        self.runner.add(self)
        with self.runner.lock:
            following = self.times.after(self.last)
            if following is not None:
                self.entry = Entry(self.runner.due, self._due, following)
                self.runner.lock.notify_all()

    def stop(self) -> None:
        """Start nothing more; what waits to be tried again is left to whoever has the job next. A run in progress ends by itself."""
        with self.runner.lock:
            self.stopped = True
            if self.entry is not None:
                self.runner.due.cancel_job(self.entry)
            retries, self.retries = self.retries, {}
            for entry, _ in retries.values():
                self.runner.due.cancel_job(entry)
            waiting = [firing for firing in self.queue if firing.attempt > 1]
            self.queue.clear()
        for planned, attempt in [(p, a) for p, (_, a) in retries.items()] + [
            (f.planned, f.attempt) for f in waiting
        ]:
            self.runner.ledger.release(self.name, planned, attempt - 1)
        self.runner.remove(self)

    def _due(self, now: datetime) -> datetime | None:
        """Queue what is due, by the policy for missed runs; gives the next planned time."""
        first = self.times.after(self.last)
        due = self.times.window(self.last, now, MOST_MISSED if self.missed == "all" else 1)
        if not due:
            return first
        newest = due[-1]
        late = self.missed == "skip" and now - newest > LATE
        if late and not isinstance(self.times, Once):
            self.log.warning(
                "the planned runs from %s until %s were missed and are skipped", first, newest
            )
            due = []
        elif first is not None and first < due[0]:
            told = {
                "skip": "skipped",
                "once": "made up for by one run",
                "all": f"left out, being more than {MOST_MISSED}",
            }[self.missed]
            self.log.warning(
                "the planned runs from %s until %s were missed and are %s", first, due[0], told
            )
        for planned in due:
            self._queue(Firing(planned, again=planned <= self.relived, late=late))
        self.last = newest
        self._next()
        return self.times.after(newest)

    def _queue(self, firing: Firing) -> None:
        if self.running is not None or self.queue:
            if self.missed == "skip" or len(self.queue) >= MOST_MISSED:
                self.held_up += 1
                return
            if self.missed == "once":
                self.held_up += len(self.queue)
                self.queue = deque(waiting for waiting in self.queue if waiting.attempt > 1)
        self.queue.append(firing)

    def _next(self) -> None:
        if self.running is None and self.queue and not self.stopped and not self.runner.draining:
            if self.held_up:
                self.log.warning(
                    "%s planned runs were skipped, since an earlier one took longer", self.held_up
                )
                self.history["skipped"] += self.held_up
                self.held_up = 0
            self.runner.submit(self._run, self.queue[0])
            self.running = self.queue.popleft()

    def _run(self, firing: Firing) -> None:
        """Claim a run, send it, and decide by the outcome. In the pool, without the lock."""
        try:
            forever = isinstance(self.times, Once)
            taken = self.runner.ledger.claim(
                self.name, firing.planned, firing.attempt, forever=forever, again=firing.again
            )
            if taken is None:
                self._put_off(firing)
            if not taken:
                return
            if firing.late:
                self.log.warning(
                    "the planned run of %s was missed and is skipped", firing.planned.isoformat()
                )
                self.runner.ledger.close(self.name, firing.planned)
                return
            self._settle(firing, self.deliver(firing))
        finally:
            with self.runner.lock:
                self.running = None
                self._next()

    def _put_off(self, firing: Firing) -> None:
        """Plan a run anew that nobody can say is free: until Redis is back it counts as missed, and as ours if we had it."""
        with self.runner.lock:
            moment = self.runner.clock.now() + PUT_OFF
            if not self.stopped and firing.attempt > 1:
                self._retry(firing.planned, firing.attempt, moment)
            elif not self.stopped and self.entry is not None:
                self.queue = deque(waiting for waiting in self.queue if waiting.attempt > 1)
                self.last = min(self.last, firing.planned - timedelta.resolution)
                self.relived = max(self.relived, firing.planned)
                self.runner.due.cancel_job(self.entry)
                self.entry = Entry(self.runner.due, self._due, moment)
                self.runner.lock.notify_all()
            stopped = self.stopped
        if stopped and firing.attempt > 1:
            self.runner.ledger.release(self.name, firing.planned, firing.attempt - 1)

    def deliver(self, firing: Firing) -> Response:
        """Hand a firing to the service, and remember how it went."""
        began = time.monotonic()
        response = self.send(firing)
        with self.runner.lock:
            self.history["runs"] += 1
            self.history["failures"] += not response.ok
            self.history.update(
                last=firing.planned.isoformat(),
                last_outcome=response.outcome,
                last_error=str(response.error) if response.error else "",
                last_cid=response.cid,
                last_seconds=round(time.monotonic() - began, 6),
            )
        return response

    def _settle(self, firing: Firing, response: Response) -> None:
        planned, error = firing.planned.isoformat(), response.error
        if response.outcome == "retry" and firing.attempt < self.max_attempts:
            delay = min(self.retry_delay * 2 ** (firing.attempt - 1), LONGEST_DELAY)
            self.log.warning(
                "the run of %s failed (attempt %s of %s), next try in %g s: %s (cid %s)",
                *(planned, firing.attempt, self.max_attempts, delay, error, response.cid),
            )
            with self.runner.lock:
                if not self.stopped:
                    self._retry(
                        firing.planned,
                        firing.attempt + 1,
                        self.runner.clock.now() + timedelta(seconds=delay),
                    )
                    return
            self.runner.ledger.release(self.name, firing.planned, firing.attempt)
            return
        if not response.ok:
            self.log.error(
                "the run of %s was given up after %s attempts: %s (cid %s)",
                planned,
                firing.attempt,
                error,
                response.cid,
            )
        self.runner.ledger.close(self.name, firing.planned)

    def _retry(self, planned: datetime, attempt: int, moment: datetime) -> None:
        def again(now: datetime) -> None:
            if self.retries.pop(planned, None) is not None:
                self.queue.appendleft(Firing(planned, attempt))
                self._next()

        self.retries[planned] = (Entry(self.runner.due, again, moment), attempt)
        self.runner.lock.notify_all()

    def take_up(self, one: Unfinished) -> None:
        """Run what a dead runner had in hand once more, unless this job has it in hand itself."""
        mine = {firing.planned for firing in self.queue} | set(self.retries)
        if (
            self.stopped
            or one.planned in mine
            or (self.running is not None and self.running.planned == one.planned)
        ):
            return
        if one.attempt >= self.max_attempts:
            self.log.error(
                "the run of %s was given up: attempt %s ended with its worker",
                one.planned.isoformat(),
                one.attempt,
            )
            self.runner.ledger.close(self.name, one.planned)
            return
        self.log.warning(
            "the run of %s did not end, since its worker did; trying it again",
            one.planned.isoformat(),
        )
        self.queue.append(Firing(one.planned, one.attempt + 1))
        self._next()

    def clock_set_back(self, now: datetime) -> None:
        """Plan anew if the next run is now further away than two of its periods; others wait, and nothing runs twice."""
        if (
            self.entry is None
            or isinstance(self.times, Once)
            or self.entry not in self.runner.due.jobs
        ):
            return
        planned = self.entry.next_run
        following = self.times.after(now)
        if (
            following is not None
            and self.last > NEVER
            and planned - now > 2 * (planned - self.last)
        ):
            self.log.warning(
                "the clock was set back; the next run is at %s instead of %s", following, planned
            )
            self.relived = max(self.relived, self.last)
            self.last, self.entry.next_run = now, following

    def status(self) -> dict[str, Any]:
        """What an administrator wants to see: next run, last run and its outcome, counts of this worker, what is in hand."""
        with self.runner.lock:
            entry = self.entry if self.entry in self.runner.due.jobs else None
            return {
                "next": entry.next_run.isoformat() if entry is not None else None,
                "running": self.running is not None,
                "waiting": len(self.queue),
                "retrying": len(self.retries),
                **self.history,
            }
