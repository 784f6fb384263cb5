"""What plugins learn of the calls that outgoing connections make: how long each took, and whether
it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from types import TracebackType
from typing import TypeAlias

from ..foundation.errors import HansaError

Observer: TypeAlias = Callable[[int, str], None]
"""Learns of a call that has ended: its nanoseconds, and the code of its error, empty if it
succeeded.
"""

UNEXPECTED = "unexpected"
"""The code of an error that is none of Hansa's."""


class Observation:
    """One call, which lasts as long as the block; `code` may be set for a call that fails without
    an exception, such as `status-503`.
    """

    __slots__ = ("_began", "_observers", "code")

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.code = ""
        self._observers = observers
        self._began = 0

    def __enter__(self) -> Observation:
        self._began = perf_counter_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._observers:
            return
        nanoseconds = perf_counter_ns() - self._began
        if error is not None:
            self.code = error.code if isinstance(error, HansaError) else UNEXPECTED
        for observe in self._observers:
            observe(nanoseconds, self.code)
