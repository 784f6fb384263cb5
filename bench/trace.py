"""Traces, statistics and samples: what a request costs whose steps are kept and counted, one in 100 of
which is sampled, and what a step costs by itself.

`python -m bench trace` measures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hansa import Dispatch, Request
from hansa_admin.writable import write_kept
from hansa_trace.hop import Batch, Place
from hansa_trace.recording import MOST_WAITING, Recorder, traced

from .measure import Figure, compare, several
from .programs import wrk
from .samples import SAMPLING, answered, serving

CALLS = MOST_WAITING
BATCH = 2000
OBSERVING = ("trace", "stats", "samples", "redaction", "xml")
"""Plugins that look at requests, and what they need."""


def cpu_of_a_step() -> float:
    """Microseconds of CPU of a step, from its call to its batch, above the call alone."""
    recorder = Recorder()
    call = traced(recorder, Place("channel", "http orders", "orders.get"), answered)
    request = Request()
    alone = _cpu_of(answered, request)
    began = time.process_time()
    for _ in range(CALLS):
        call(request)
    for _ in range(CALLS // BATCH):
        taken = recorder.take(BATCH)
        write_kept(Batch("", "server1/0.1", 0.0, taken.places, taken.steps))
    return (time.process_time() - began - alone) / CALLS * 1e6


def _cpu_of(call: Dispatch, request: Request) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call(request)
    return time.process_time() - began


def trace(folder: Path) -> Iterator[Figure]:
    """The cost of traces, in process and together with statistics and samples."""
    yield several(
        "in process: a step that is noted and put into a batch, above the call alone",
        cpu_of_a_step,
        count=9,
        bound=5.0,
        note="µs of CPU",
    )
    with (
        serving(folder / "all", SAMPLING, *OBSERVING) as observed,
        serving(folder / "none", "") as bare,
    ):
        yield compare(
            "server CPU per request: traces, statistics and one sample in 100 / none of them",
            lambda: wrk(observed, folder).cpu_us,
            lambda: wrk(bare, folder).cpu_us,
            pairs=25,
            bound=1.05,
            note="µs of CPU",
        )
