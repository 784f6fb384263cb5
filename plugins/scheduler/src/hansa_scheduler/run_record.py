"""What is kept of a run of a job, and of planned runs that there were none of."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hansa import HansaError, Response

LONGEST_ERROR = 500
"""Characters that are kept of an error."""
MISSED = "missed"
"""The outcome of planned runs that were skipped, or made up for by one run."""
LOST = "lost"
"""The outcome of an attempt whose worker ended before it did."""


class RunRecord(msgspec.Struct, omit_defaults=True):
    """A run, or an attempt at one. `planned` is in ISO 8601, UTC; of missed runs it is that of the
    first, and `until` that of the last. `at` is when it began, or was missed, in seconds of the
    Unix epoch. `outcome` is `ok`, the code of an error, `unexpected`, `missed` or `lost`.
    """

    planned: str
    at: float
    outcome: str
    until: str = ""
    ms: float = 0.0
    cid: str = ""
    worker: str = ""
    attempt: int = 1
    by_hand: bool = False
    error: str = ""


def missed_runs(first: datetime, last: datetime, now: datetime) -> RunRecord:
    """Return the record of planned runs that were missed."""
    until = last.isoformat() if last != first else ""
    return RunRecord(first.isoformat(), now.timestamp(), MISSED, until)


def ended_run(
    planned: datetime, began: float, ms: float, response: Response, *, attempt: int, by_hand: bool
) -> RunRecord:
    """Return the record of a run that began at a time, in seconds of the Unix epoch."""
    error = response.error
    text = "" if error is None else f"{type(error).__name__}: {error}"
    return RunRecord(
        planned=planned.astimezone(UTC).isoformat(),
        at=began,
        outcome=_outcome(response),
        ms=round(ms, 3),
        cid=response.cid,
        attempt=attempt,
        by_hand=by_hand,
        # a lone surrogate, such as of a file's name, cannot be written
        error=text[:LONGEST_ERROR].encode(errors="backslashreplace").decode(),
    )


def _outcome(response: Response) -> str:
    if response.ok:
        return "ok"
    error = response.error
    return error.code if isinstance(error, HansaError) else "unexpected"


def write_record(record: RunRecord) -> str:
    """Return a record as it is kept."""
    return msgspec.json.encode(record).decode()


def read_record(text: str) -> RunRecord:
    """Return a record that was kept."""
    return msgspec.json.decode(text, type=RunRecord)
