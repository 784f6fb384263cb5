"""When what ended is started again: each thing by itself, and reported once for each end."""

from __future__ import annotations

import logging
import time

import pytest
from hansa.process.restart import RestartSchedule


def test_each_end_is_logged_once_and_waits_longer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    caplog.set_level(logging.ERROR)
    schedule = RestartSchedule()

    def again(key: str, served: float | None) -> float:
        """Seconds until it is due, having served for so long."""
        ended = now[0]
        since = None if served is None else ended - served
        while not schedule.due(key, since, f"{key} ended"):
            now[0] += 0.05
        return round(now[0] - ended, 1)

    pauses = [again("worker 1", None) for _ in range(9)]
    assert pauses == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert again("worker 2", 1) == 0.0, "which has pauses of its own"
    assert again("worker 1", 11) == 0.0, "it had run well for a while"
    assert again("worker 1", 1) == 0.2
    first = [r.getMessage() for r in caplog.records if r.getMessage().startswith("worker 1")]
    assert first[:2] == [
        "worker 1 ended, starting another in 0 s",
        "worker 1 ended, starting another in 0.2 s",
    ]
    assert len(first) == 11
