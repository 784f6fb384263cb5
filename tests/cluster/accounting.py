"""Accounting: what was sent, what was acknowledged, what arrived outside the system, and so what
was lost or came twice.

The terms are those of Jepsen's total-queue checker. Every message has a number of its own; the
receiver appends it to a file that no part of the system under test reads or writes otherwise.
"""

from __future__ import annotations

import itertools
import json
import math
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """The account of a test: numbers of messages, `duplicated` with how often each came beyond the
    first time.
    """

    attempted: int
    acknowledged: int
    received: int
    lost: frozenset[int] = frozenset()
    unexpected: frozenset[int] = frozenset()
    recovered: frozenset[int] = frozenset()
    duplicated: dict[int, int] = field(default_factory=dict)

    @property
    def duplicates(self) -> int:
        """Deliveries beyond the first of each message."""
        return sum(self.duplicated.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many of each, by the names of the table in docs/reliability.md."""
        return {
            "attempted": self.attempted,
            "acknowledged": self.acknowledged,
            "received": self.received,
            "lost": len(self.lost),
            "unexpected": len(self.unexpected),
            "duplicated": self.duplicates,
            "recovered": len(self.recovered),
        }

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in self.counts.items())


class Account:
    """Hands out numbers, each once, and remembers which of them were acknowledged; used from many
    threads.
    """

    def __init__(self, first: int = 1) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(first)
        self.attempted: set[int] = set()
        self.acknowledged: set[int] = set()

    def attempt(self, count: int = 1) -> list[int]:
        """Fresh numbers, which count as attempted from now on."""
        with self._lock:
            numbers = list(itertools.islice(self._numbers, count))
            self.attempted.update(numbers)
            return numbers

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """The system said yes to these; raises ValueError for a number that was never handed out."""
        with self._lock:
            numbers = set(numbers)
            if stray := numbers - self.attempted:
                raise ValueError(f"acknowledged, and never attempted: {sorted(stray)[:5]}")
            self.acknowledged |= numbers

    def result(self, received: Iterable[int]) -> Result:
        """Compare with what arrived: lost = acknowledged and not received; unexpected = received
        and never attempted;

        recovered = received and not acknowledged; duplicated = received more than once.
        """
        seen = Counter(received)
        with self._lock:
            return Result(
                attempted=len(self.attempted),
                acknowledged=len(self.acknowledged),
                received=len(seen),
                lost=frozenset(self.acknowledged - seen.keys()),
                unexpected=frozenset(seen.keys() - self.attempted),
                recovered=frozenset((seen.keys() & self.attempted) - self.acknowledged),
                duplicated={number: times - 1 for number, times in seen.items() if times > 1},
            )


class Receipts:
    """The receiver's file, read from outside: lines of JSON, each written by one write; a line cut
    short is an error.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._offset = 0
        self._lines: list[dict[str, Any]] = []

    def lines(self, **equal: Any) -> list[dict[str, Any]]:
        """All lines so far that have these values; what was read once is not read again. Raises
        ValueError for a torn line.
        """
        if self.file.exists():
            with open(self.file, "rb") as file:
                file.seek(self._offset)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._lines += [json.loads(line) for line in whole.splitlines()]
            self._offset += len(whole)
        return [
            line
            for line in self._lines
            if all(line.get(key) == value for key, value in equal.items())
        ]

    def numbers(self, **equal: Any) -> list[int]:
        """The numbers of those lines, repeated ones repeatedly."""
        return [line["number"] for line in self.lines(**equal)]


def bound(faults: int) -> float:
    """The risk per fault that `faults` without a loss leave open at 95 % confidence, by the rule of
    three; at most 1.
    """
    return min(1.0, 3 / faults) if faults else 1.0


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0 where there is none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share - 1e-9) - 1)] if ordered else 0.0
