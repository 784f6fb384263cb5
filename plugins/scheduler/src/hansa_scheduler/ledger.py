"""What must be remembered of jobs beyond one process: which runs were claimed, which are
unfinished, and how far time was looked at.

In Redis where the server has one, so that the whole cluster agrees; in a folder of the server where
it has none. The folder is read in both cases: it has what was claimed while the server had no
Redis, or for ever.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime

from hansa import Server, Unavailable

from .file_ledger import FileLedger
from .run_record import RunRecord, read_record, write_record
from .shared import SharedLedger
from .unfinished import Unfinished

log = logging.getLogger("hansa.scheduler")


class Ledger:
    """The ledger of one worker's runner, in Redis, else in files. Its `token` marks what this
    runner has claimed.
    """

    def __init__(self, server: Server) -> None:
        self.token = secrets.token_hex(8)
        self.files = FileLedger(server.dir / "scheduler", self.token)
        self.shared = SharedLedger(server, self.token)

    def begin(self, job: str, rule: str, now: datetime) -> datetime:
        """Return the last planned time that was dealt with: what is later was missed.

        It is `now` for a new job, or one with a new `rule`, a text that changes when the planned
        times do.
        """
        here = self.files.begin(job, rule, now, keep=False)
        there = self.shared.ask(lambda ledger: ledger.begin(job, rule, now))
        if there is None:
            return here or self.files.begin(job, rule, now, keep=True) or now
        if here is None:
            return there
        return max(there, here)

    def claim(
        self,
        job: str,
        planned: datetime,
        attempt: int,
        *,
        forever: bool = False,
        again: bool = False,
    ) -> bool | None:
        """Take a planned run, or one attempt at it, for this runner; False if it was taken before.

        None if there is a Redis that cannot be asked, since another server, which can, may have
        taken the run or take it yet. `forever` keeps the claim without end; `again` takes what this
        runner itself had before the clock was set back.
        """
        if self.files.claimed(job, planned, attempt) and not again:
            return False
        taken = self.shared.ask(
            lambda ledger: ledger.claim(job, planned, attempt, forever=forever, again=again)
        )
        if taken is None and self.shared.exists:
            return None
        if taken is None or (taken and forever):
            return self.files.claim(job, planned, attempt, forever=forever, again=again)
        if taken:
            # what was given back here while Redis could not be asked is taken
            self.files.close(job, planned)
        return taken

    def close(self, job: str, planned: datetime) -> None:
        """Note that a run has ended for good."""
        self.shared.tell(lambda ledger: ledger.close(job, planned))
        self.files.close(job, planned)

    def release(self, job: str, planned: datetime, attempt: int) -> None:
        """Leave a run that is to be tried again to the runner that has the job next."""
        if self.shared.ask(lambda ledger: ledger.release(job, planned, attempt)):
            self.files.close(job, planned)
        else:
            self.files.release(job, planned, attempt)

    def release_again(self, one: Unfinished) -> None:
        """Leave a run to the whole cluster that this runner could leave to its own server only,
        since Redis did not answer.
        """
        job, planned, attempt = one.job, one.planned, one.attempt
        if self.shared.ask(lambda ledger: ledger.release(job, planned, attempt, own_only=True)):
            self.files.close(job, planned)

    def unfinished(self) -> list[Unfinished]:
        """Return the runs whose runner died or gave them back."""
        found = self.shared.ask(lambda ledger: ledger.unfinished(self.files.alive)) or []
        here = [one for one in self.files.unfinished() if one not in found]
        return [*found, *here]

    def note_run(self, job: str, record: RunRecord, keep: int) -> None:
        """Keep the record of a run, with at most `keep` of the job; a failure is logged, since the
        run was.
        """
        text = write_record(record)
        try:
            if not self.shared.tell(lambda ledger: ledger.note_run(job, text, keep)):
                self.files.note_run(job, text, keep)
        except OSError as error:
            log.warning("the record of a run of %s cannot be kept: %s", job, error)

    def runs(self, jobs: Sequence[str]) -> dict[str, list[RunRecord]]:
        """Return the records of runs by job, the newest first: the cluster's, and those that this
        server kept while it could not ask Redis. Raises `Unavailable` while it cannot.
        """
        here = self.files.runs(jobs)
        there = self.shared.ask(lambda ledger: ledger.runs(jobs))
        if there is None and self.shared.exists:
            raise Unavailable(
                "the runs of jobs were not read: Redis cannot be asked", retry_after=5
            )
        there = there or {}
        found: dict[str, list[RunRecord]] = {}
        for job in jobs:
            records = [read_record(text) for text in (*there.get(job, ()), *here[job])]
            found[job] = sorted(records, key=lambda record: record.at, reverse=True)
        return found

    def forget_runs(self, job: str) -> None:
        """Drop the records of a job's runs."""
        self.shared.tell(lambda ledger: ledger.forget_runs(job))
        self.files.forget_runs(job)

    def sign(self) -> None:
        """Give a sign of life, at least every few seconds."""
        self.files.sign()
        self.shared.tell(lambda ledger: ledger.sign())

    def leave(self) -> None:
        """Note that this runner has no more runs."""
        self.shared.tell(lambda ledger: ledger.leave())
        self.files.leave()

    def forget(self, job: str) -> None:
        """Note that a job was deleted or switched off: the time until it comes back is not missed."""
        self.shared.tell(lambda ledger: ledger.forget(job))
        self.files.forget(job)
