"""The steps of one message, found among those of a cluster and put into the order of their tree."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from .hop import Batch, Hop, decode

MOST_STEPS = 1000
"""Steps of one message that are returned."""
MOST_SECONDS = 2.0
"""Seconds for which batches are read."""
_is_trace_id = re.compile(r"[0-9a-f]{32}").fullmatch


@dataclass(frozen=True, slots=True)
class Step:
    """A step and the worker that carried it out; `depth` counts those above it that are known."""

    hop: Hop
    worker: str
    depth: int = 0


@dataclass(slots=True)
class Steps:
    """What was found: `reaches` is the time of the oldest batch that was looked at, `whole` says
    whether all were, and `unreadable` counts batches that a worker of another version has written.
    """

    found: dict[str, Step] = field(default_factory=dict)
    reaches: float | None = None
    whole: bool = True
    unreadable: int = 0

    def add(self, hop: Hop, worker: str) -> None:
        """Add a step, unless there are too many."""
        if len(self.found) < MOST_STEPS:
            self.found.setdefault(hop.span, Step(hop, worker))
        elif hop.span not in self.found:
            self.whole = False


def find(texts: Iterable[bytes | str], name: str) -> Steps:
    """Return the steps of a correlation id or a trace id, from encoded batches, the newest first.

    Of a correlation id, those of the whole trace that it belongs to, and of messages that come from
    it.
    """
    steps = Steps()
    kept = list(_within(texts, steps))
    traces: set[str] = set()
    for batch in _naming(kept, {name}, steps):
        for hop in batch.hops():
            if name in hop.names:
                steps.add(hop, batch.worker)
                traces.add(hop.trace)
    if _is_trace_id(name):
        traces.discard(name)
    for batch in _naming(kept, traces, steps):
        for hop in batch.hops():
            if hop.trace in traces:
                steps.add(hop, batch.worker)
    if kept:
        oldest = _decoded(kept[-1], steps)
        steps.reaches = None if oldest is None else oldest.at
    return steps


def _within(texts: Iterable[bytes | str], steps: Steps) -> Iterator[bytes]:
    """Yield batches for as long as there is time."""
    until = time.monotonic() + MOST_SECONDS
    for text in texts:
        if time.monotonic() > until:
            steps.whole = False
            return
        yield text.encode() if isinstance(text, str) else text


def _naming(texts: Iterable[bytes], names: set[str], steps: Steps) -> Iterator[Batch]:
    # PERF: most batches name none: looking for a text takes a hundredth of decoding
    needles = [msgspec.json.encode(name) for name in names]
    for text in texts:
        if not any(needle in text for needle in needles):
            continue
        batch = _decoded(text, steps)
        if batch is not None:
            yield batch


def _decoded(text: bytes, steps: Steps) -> Batch | None:
    try:
        return decode(text)
    except msgspec.DecodeError:
        steps.unreadable += 1
        return None


def in_order(steps: Steps) -> list[Step]:
    """Return the steps as a tree is read: each before those below it, which are in the order of
    their begins.
    """
    below: dict[str, list[Step]] = {}
    tops: list[Step] = []
    for step in steps.found.values():
        if step.hop.parent in steps.found:
            below.setdefault(step.hop.parent, []).append(step)
        else:
            tops.append(step)
    ordered: list[Step] = []
    # what a caller has put into a circle is below nothing, and comes last
    rest = _latest_first(steps.found.values())
    waiting = [(step, 0) for step in [*rest, *_latest_first(tops)]]
    seen: set[str] = set()
    while waiting:
        step, depth = waiting.pop()
        if step.hop.span in seen:
            continue
        seen.add(step.hop.span)
        ordered.append(Step(step.hop, step.worker, depth))
        children = _latest_first(below.get(step.hop.span, []))
        waiting += [(child, depth + 1) for child in children]
    return ordered


def _latest_first(steps: Iterable[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: -step.hop.began)


def related(steps: Iterable[Step], cid: str) -> list[str]:
    """Return the other correlation ids that the steps name, sorted."""
    found = set()
    for step in steps:
        queued = step.hop.queued
        found |= {step.hop.cid, queued.parent_cid, queued.in_reply_to}
    return sorted(found - {"", "-", cid})
