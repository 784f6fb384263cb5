"""Asynchronous invocation for Hansa; services take `fan_out`, `parallel` and `invoke_retry` from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .patterns import fan_out, invoke_retry, parallel

__all__ = ["fan_out", "invoke_retry", "parallel"]


def __getattr__(name: str) -> Any:
    # only when asked for: the supervisor and the command line import this package, too
    if name in __all__:
        from . import patterns

        return getattr(patterns, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
