"""One job at work: what is due goes into its queue, one run at a time comes out, and what failed is
tried again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from hansa import PlainSettings, Response, backoff_delay

from .run_record import LOST, RunRecord, ended_run, missed_runs
from .runner import Entry, Runner
from .times import Once, Times
from .unfinished import Unfinished

LATE = timedelta(seconds=30)
"""A run later than this counts as missed; a job's move to another server takes less."""
MOST_MISSED = 1000
"""Missed runs that are made up for at most."""
LONGEST_DELAY = 300.0
"""Seconds of the longest pause between attempts."""
PUT_OFF = timedelta(seconds=1)
"""The time until Redis is asked again for a run."""
NEVER = datetime(1, 1, 1, tzinfo=UTC)
POLICIES = {
    "skip": "skipped",
    "once": "made up for by one run",
    "all": f"left out, being more than {MOST_MISSED}",
}
"""What becomes of missed runs, in log lines, by the setting `missed`."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A run that is due: the time it was planned for, and the number of the attempt.

    `again`: this runner may have claimed it already, since the clock was set back over that time or
    the answer to the claim was lost; `late`: it was missed, and is skipped unless it was claimed in
    time. `missed` are the first and the last of the planned times before it that nothing could run.
    """

    planned: datetime
    attempt: int = 1
    again: bool = False
    late: bool = False
    missed: tuple[datetime, datetime] | None = None


class Job:
    """The state of one job in the worker that has it. Its methods are called with the runner's lock
    held, but for `_run`.

    `send` hands a firing to the service and returns the response; `missed` says what becomes of
    runs whose time passed while nothing could run them; `rule` is a text that changes when the
    planned times do.
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
        self.name = name
        self.runner = runner
        self.times = times
        self.send = send
        self.rule = rule
        self.missed = missed
        self.max_attempts = max_attempts
        self.retry_delay = retry_delay
        self.log = log or logging.getLogger(f"hansa.scheduler.{name}")
        self.queue: deque[Firing] = deque()
        self.running: Firing | None = None
        self.retries: dict[datetime, tuple[Entry, int]] = {}
        self.entry: Entry | None = None
        self.stopped = False
        self.last = NEVER
        self.repeated_until = NEVER  # the clock was set back: times until then come twice
        self.held_up = 0
        self.held_up_since = NEVER
        self.held_up_until = NEVER
        self.unnoted: datetime | None = None  # the first one missed before a run that was put off
        self.history: PlainSettings = {"runs": 0, "failures": 0, "skipped": 0}

    def start(self) -> None:
        """Look up what was missed, and plan the next run."""
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
        """Start nothing more; what waits for another attempt is left to the worker that has the job
        next.

        A run in progress ends by itself.
        """
        with self.runner.lock:
            self.stopped = True
            if self.entry is not None:
                self.runner.due.cancel_job(self.entry)
            begun: list[tuple[datetime, int]] = []
            for planned, (entry, attempt) in self.retries.items():
                self.runner.due.cancel_job(entry)
                begun.append((planned, attempt))
            self.retries.clear()
            begun += [(firing.planned, firing.attempt) for firing in self._retried()]
            self.queue.clear()
        for planned, attempt in begun:
            self.runner.ledger.release(self.name, planned, attempt - 1)
        self.runner.remove(self)

    def _retried(self) -> list[Firing]:
        """Return the firings in the queue that had an attempt before."""
        return [firing for firing in self.queue if firing.attempt > 1]

    def _due(self, now: datetime) -> datetime | None:
        """Queue what is due, by the policy for missed runs; returns the next planned time."""
        first = self.times.after(self.last)
        due = self.times.window(self.last, now, MOST_MISSED if self.missed == "all" else 1)
        if not due:
            return first
        newest = due[-1]
        since = self.unnoted or first
        self.unnoted = None
        missed: tuple[datetime, datetime] | None = None
        late = self.missed == "skip" and now - newest > LATE
        if late and not isinstance(self.times, Once):
            self.log.warning(
                "the planned runs from %s until %s were missed and are skipped", first, newest
            )
            self._note_missed(since or newest, newest)
            due = []
        elif first is not None and first < due[0]:
            self.log.warning(
                "the planned runs from %s until %s were missed and are %s",
                first,
                due[0],
                POLICIES[self.missed],
            )
        if due and since is not None and since < due[0]:
            missed = (since, self._before(due[0], since))
        for planned in due:
            again = planned <= self.repeated_until
            self._queue(Firing(planned, again=again, late=late, missed=missed))
            missed = None
        self.last = newest
        self._next()
        return self.times.after(newest)

    def _queue(self, firing: Firing) -> None:
        if self.running is not None or self.queue:
            if self.missed == "skip" or len(self.queue) >= MOST_MISSED:
                self._hold_up(firing)
                return
            if self.missed == "once":
                for replaced in self.queue:
                    if replaced.attempt == 1:
                        self._hold_up(replaced)
                self.queue = deque(self._retried())
        self.queue.append(firing)

    def _hold_up(self, firing: Firing) -> None:
        """Count a run that is skipped, since an earlier one takes longer."""
        if not self.held_up:
            self.held_up_since = firing.planned if firing.missed is None else firing.missed[0]
        self.held_up += 1
        self.held_up_until = firing.planned

    def _note_missed(self, first: datetime, last: datetime) -> None:
        """Have it noted that planned runs were missed; the thread that watches the clock does not
        wait for it. The caller holds the lock.
        """
        record = missed_runs(first, last, self.runner.clock.now())
        self.runner.submit(self.runner.note, self.name, record)

    def _before(self, planned: datetime, first: datetime) -> datetime:
        """Return the last planned time before one, not before the first that was missed."""
        earlier = self.times.window(first, planned - timedelta.resolution, 1)
        return earlier[-1] if earlier else first

    def _next(self) -> None:
        """Start the next firing in the queue, unless one runs or the job ends."""
        if self.running is not None or not self.queue:
            return
        if self.stopped or self.runner.draining:
            return
        if self.held_up:
            self.log.warning(
                "%s planned runs were skipped, since an earlier one took longer", self.held_up
            )
            self._note_missed(self.held_up_since, self.held_up_until)
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
            now = self.runner.clock.now()
            if firing.missed is not None:
                self.runner.note(self.name, missed_runs(*firing.missed, now))
            if firing.late:
                self.log.warning(
                    "the planned run of %s was missed and is skipped", firing.planned.isoformat()
                )
                self.runner.note(self.name, missed_runs(firing.planned, firing.planned, now))
                self.runner.ledger.close(self.name, firing.planned)
                return
            self._settle(firing, self.deliver(firing))
        finally:
            with self.runner.lock:
                self.running = None
                self._next()

    def _put_off(self, firing: Firing) -> None:
        """Plan a run anew, since Redis cannot say whether it is free: until then it counts as
        missed, and as ours if we had it.
        """
        with self.runner.lock:
            moment = self.runner.clock.now() + PUT_OFF
            if not self.stopped and firing.attempt > 1:
                # the claim may have been made, and its answer lost
                self._retry(firing.planned, firing.attempt, moment, claimed=True)
            elif not self.stopped and self.entry is not None:
                self.queue = deque(self._retried())
                self.last = min(self.last, firing.planned - timedelta.resolution)
                if firing.missed is not None:
                    self.unnoted, _ = firing.missed
                self.repeated_until = max(self.repeated_until, firing.planned)
                self.runner.due.cancel_job(self.entry)
                self.entry = Entry(self.runner.due, self._due, moment)
                self.runner.lock.notify_all()
            stopped = self.stopped
        if stopped and firing.attempt > 1:
            self.runner.ledger.release(self.name, firing.planned, firing.attempt - 1)

    def deliver(self, firing: Firing, *, by_hand: bool = False) -> Response:
        """Hand a firing to the service, note the outcome, and return the response."""
        at = self.runner.clock.now().timestamp()
        began = time.monotonic()
        response = self.send(firing)
        ms = (time.monotonic() - began) * 1000
        record = ended_run(
            firing.planned, at, ms, response, attempt=firing.attempt, by_hand=by_hand
        )
        with self.runner.lock:
            self.history["runs"] += 1
            if not response.ok:
                self.history["failures"] += 1
            self.history.update(
                last=firing.planned.isoformat(),
                last_outcome=response.outcome,
                last_error=str(response.error) if response.error else "",
                last_cid=response.cid,
                last_seconds=round(ms / 1000, 6),
            )
        self.runner.note(self.name, record)
        return response

    def _settle(self, firing: Firing, response: Response) -> None:
        planned = firing.planned.isoformat()
        if response.outcome == "retry" and firing.attempt < self.max_attempts:
            delay = backoff_delay(firing.attempt, self.retry_delay, LONGEST_DELAY)
            self.log.warning(
                "the run of %s failed (attempt %s of %s), next attempt in %g s: %s (cid %s)",
                planned,
                firing.attempt,
                self.max_attempts,
                delay,
                response.error,
                response.cid,
            )
            with self.runner.lock:
                if not self.stopped:
                    moment = self.runner.clock.now() + timedelta(seconds=delay)
                    self._retry(firing.planned, firing.attempt + 1, moment)
                    return
            self.runner.ledger.release(self.name, firing.planned, firing.attempt)
            return
        if not response.ok:
            self.log.error(
                "the run of %s was given up after %s attempts: %s (cid %s)",
                planned,
                firing.attempt,
                response.error,
                response.cid,
            )
        self.runner.ledger.close(self.name, firing.planned)

    def _retry(
        self, planned: datetime, attempt: int, moment: datetime, *, claimed: bool = False
    ) -> None:
        """Plan another attempt, which this runner may have `claimed` already. The caller holds the
        lock.
        """

        def due(now: datetime) -> None:
            if self.retries.pop(planned, None) is not None:
                self.queue.appendleft(Firing(planned, attempt, again=claimed))
                self._next()

        self.retries[planned] = (Entry(self.runner.due, due, moment), attempt)
        self.runner.lock.notify_all()

    def take_up(self, one: Unfinished) -> None:
        """Run again what a dead runner left unfinished, unless this job has it itself."""
        mine = {firing.planned for firing in self.queue} | set(self.retries)
        if self.running is not None:
            mine.add(self.running.planned)
        if self.stopped or one.planned in mine:
            return
        if not one.given_back:
            now = self.runner.clock.now().timestamp()
            lost = RunRecord(one.planned.isoformat(), now, LOST, attempt=one.attempt)
            self.runner.submit(self.runner.note, self.name, lost)
        if one.attempt >= self.max_attempts:
            self.log.error(
                "the run of %s was given up: attempt %s ended with its worker",
                one.planned.isoformat(),
                one.attempt,
            )
            self.runner.ledger.close(self.name, one.planned)
            return
        self.log.warning(
            "the worker that ran %s ended before the run did; trying it again",
            one.planned.isoformat(),
        )
        # given back while Redis did not answer, it may have been claimed, and that answer lost
        self.queue.append(Firing(one.planned, one.attempt + 1, again=one.given_back))
        self._next()

    def clock_set_back(self, now: datetime) -> None:
        """Plan anew if the next run is now further away than two of its periods; others wait, and
        nothing runs twice.
        """
        if isinstance(self.times, Once) or self.last == NEVER:
            return
        entry = self._planned_entry()
        following = self.times.after(now)
        if entry is None or following is None:
            return
        planned = entry.next_run
        if planned - now <= 2 * (planned - self.last):
            return
        self.log.warning(
            "the clock was set back; the next run is at %s instead of %s", following, planned
        )
        self.repeated_until = max(self.repeated_until, self.last)
        self.last = now
        entry.next_run = following

    def _planned_entry(self) -> Entry | None:
        """Return the entry of the next planned run, if it is still on the due-list."""
        if self.entry is None or self.entry not in self.runner.due.jobs:
            return None
        return self.entry

    def status(self) -> PlainSettings:
        """Return the next run, the last run and its outcome, counts of this worker, and what waits
        or is retried.
        """
        with self.runner.lock:
            entry = self._planned_entry()
            return {
                "next": None if entry is None else entry.next_run.isoformat(),
                "running": self.running is not None,
                "waiting": len(self.queue),
                "retrying": len(self.retries),
                **self.history,
            }
