"""What one worker answers to a call that names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..foundation.errors import HansaError


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """The answer of the worker `worker`, whose process is `pid`; 0 if it has not answered.

    `payload` is what the service returned. `error` says why there is no answer: the service has
    raised it, with the code it had there, or the worker is not there (`not-found`), ended while it
    was asked (`unavailable`), was busy (`unavailable`), or did not answer in time (`timed-out`).
    """

    worker: str
    pid: int = 0
    payload: Any = None
    error: HansaError | None = None

    @property
    def ok(self) -> bool:
        """Whether the service has returned an answer."""
        return self.error is None

    def result(self) -> Any:
        """Return the answer of the service; raises `error` if there is none."""
        if self.error is not None:
            raise self.error
        return self.payload
