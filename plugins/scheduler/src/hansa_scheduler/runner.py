"""One runner per worker: the due-list of all jobs placed here, the thread that watches it, and the
threads that do the work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import schedule

from .ledger import Ledger
from .run_record import RunRecord

if TYPE_CHECKING:
    from .job import Job

log = logging.getLogger("hansa.scheduler")
LONGEST_SLEEP = 1.0
"""Seconds after which a clock that was set is noticed at the latest."""
SIGN_EVERY = timedelta(seconds=5)
ADOPT_EVERY = timedelta(seconds=20)


class Clock:
    """The time, and waiting for it; tests bring their own."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Sleep until the condition is notified, at most these seconds."""
        condition.wait(seconds)


class DueList(schedule.Scheduler):
    """The list of what is due and when; `schedule` keeps it in order, the clock is ours and times
    are in UTC.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock


class Entry(schedule.Job):
    """An entry of the due-list: when it is due, `call(now)` returns the time it is due next, or
    None to leave the list.
    """

    next_run: datetime

    def __init__(
        self, due: DueList, call: Callable[[datetime], datetime | None], first: datetime
    ) -> None:
        super().__init__(1, due)
        self.due = due
        self.call = call
        self.next_run = first
        due.jobs.append(self)

    @property
    def should_run(self) -> bool:
        """Whether it is due."""
        return bool(self.due.clock.now() >= self.next_run)

    def run(self) -> type[schedule.CancelJob] | None:
        """Call, and plan the next time; after an exception, which is logged, the call is repeated
        in a minute.
        """
        now = self.due.clock.now()
        try:
            following = self.call(now)
        except Exception:
            log.exception("planning failed, next attempt in a minute")
            following = now + timedelta(minutes=1)
        if following is None:
            return schedule.CancelJob
        self.last_run = now
        self.next_run = following
        return None


class Runner:
    """Watches the due-list in one thread, which never waits for a service, Redis or a disk, and
    runs jobs in a bounded pool. `worker` is the name of this worker in the records of runs, of which
    `kept_runs` are kept of each job.

    The threads exist only while there are jobs. `lock` guards the list and the state of all jobs.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock | None = None,
        threads: int = 16,
        *,
        worker: str = "",
        kept_runs: int = 20,
    ) -> None:
        self.ledger = ledger
        self.worker = worker
        self.kept_runs = kept_runs
        self.clock = clock or Clock()
        self.threads = threads
        self.lock = threading.Condition(threading.RLock())
        self.due = DueList(self.clock)
        self.jobs: dict[str, Job] = {}
        self.busy = 0
        self.draining = False
        self._seen = self.clock.now()
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._upkeep: ThreadPoolExecutor | None = None

    # -- jobs --------------------------------------------------------------------------------------

    def add(self, job: Job) -> None:
        """Add a job; with the first one, the threads start."""
        self.ledger.sign()
        with self.lock:
            self.jobs[job.name] = job
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads, "job")
                self._upkeep = ThreadPoolExecutor(1, "job-upkeep")
                now = self.clock.now()
                self._seen = now
                Entry(self.due, self._sign, now)
                Entry(self.due, self._adopt, now)
                self.open()
            self.lock.notify_all()

    def remove(self, job: Job) -> None:
        """Remove a job; with the last one, the threads end. Work in progress goes on and is not
        waited for.
        """
        with self.lock:
            if self.jobs.get(job.name) is job:
                del self.jobs[job.name]
            self.lock.notify_all()
        self._close_if_idle()

    def open(self) -> None:
        """Start the thread that watches the list; tests that drive `tick` themselves leave it out."""
        self._thread = threading.Thread(target=self._watch, name="scheduler", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[..., None], *arguments: object) -> None:
        """Have a call made in the pool. The caller holds the lock."""
        assert self._pool is not None
        self._pool.submit(self._work, call, *arguments)
        self.busy += 1

    def drain(self, timeout: float | None = None) -> bool:
        """Start nothing more and wait for what runs; returns False if something still ran after
        `timeout` seconds.
        """
        with self.lock:
            self.draining = True
            return self.lock.wait_for(lambda: not self.busy, timeout)

    def tick(self) -> float:
        """Start what is due; returns the seconds until something is due next, at most
        `LONGEST_SLEEP`.
        """
        with self.lock:
            now = self.clock.now()
            if now < self._seen:
                for job in list(self.jobs.values()):
                    job.clock_set_back(now)
            self._seen = now
            if self.draining:
                return LONGEST_SLEEP
            self.due.run_pending()
            following = self.due.get_next_run()
            if following is None:
                return LONGEST_SLEEP
            seconds = float((following - self.clock.now()).total_seconds())
            return min(max(seconds, 0.0), LONGEST_SLEEP)

    def note(self, job: str, record: RunRecord) -> None:
        """Keep the record of a run, as one of this worker."""
        record.worker = self.worker
        self.ledger.note_run(job, record, self.kept_runs)

    # -- threads -----------------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            try:
                pause = self.tick()
            except Exception:
                log.exception("the due-list could not be worked through")
                pause = LONGEST_SLEEP
            with self.lock:
                if self._thread is not threading.current_thread():
                    return
                if pause > 0:
                    self.clock.wait(self.lock, pause)

    def _work(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except BaseException:
            log.exception("a job's run failed outside its service")
        finally:
            with self.lock:
                self.busy -= 1
                self.lock.notify_all()
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        with self.lock:
            if self.jobs or self.busy or self._pool is None:
                return
            pools = (self._pool, self._upkeep)
            thread = self._thread
            self._pool = None
            self._upkeep = None
            self._thread = None
            self.due.clear()
            self.lock.notify_all()
        self.ledger.leave()
        for pool in pools:
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join(LONGEST_SLEEP)

    # -- upkeep ------------------------------------------------------------------------------------

    def _sign(self, now: datetime) -> datetime:
        if self._upkeep is not None:
            self._upkeep.submit(self._logged, self.ledger.sign)
        return now + SIGN_EVERY

    def _adopt(self, now: datetime) -> datetime:
        if self._upkeep is not None:
            self._upkeep.submit(self._logged, self.adopt)
        return now + ADOPT_EVERY

    def _logged(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("the ledger of jobs could not be kept")

    def adopt(self) -> None:
        """Run again, for jobs placed here, what a runner left unfinished that died or ended; what
        this one has left unfinished of other jobs is left to whoever has them.
        """
        for one in self.ledger.unfinished():
            with self.lock:
                job = self.jobs.get(one.job)
                if job is not None:
                    job.take_up(one)
            if job is None and one.given_back:
                self.ledger.release_again(one)
