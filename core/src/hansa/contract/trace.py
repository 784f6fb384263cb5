"""The place of a message in a trace (W3C Trace Context): what a plugin that records traces sets, and
what connections pass on.
"""

from __future__ import annotations

from contextvars import ContextVar

import msgspec


class TraceContext(msgspec.Struct, eq=False, gc=False):
    """One step of a trace: numbers of 128 and 64 bits, neither of which is 0, the flags, and the
    header `tracestate` as it came.

    PERF: each step makes one: a struct, which takes 0.1 us where a dataclass takes 0.4 us, and which
    the garbage collector need not look at.
    """

    trace_id: int
    span_id: int
    flags: int = 1
    state: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that pass it on: `traceparent`, and `tracestate` if there is one."""
        found = {"traceparent": f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"}
        if self.state:
            found["tracestate"] = self.state
        return found


current_trace: ContextVar[TraceContext | None] = ContextVar("trace", default=None)
"""The step of a trace that this thread carries out; None outside of one."""


def trace_headers() -> dict[str, str]:
    """Return the headers that pass on the trace of this thread; none outside of one."""
    context = current_trace.get()
    return {} if context is None else context.headers()
