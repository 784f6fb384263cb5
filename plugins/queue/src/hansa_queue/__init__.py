"""Asynchronous invocation for Hansa; services import `fan_out`, `parallel` and `invoke_retry` from
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .patterns import fan_out, invoke_retry, parallel

__all__ = ["fan_out", "invoke_retry", "parallel"]


def __getattr__(name: str) -> object:
    """Import the patterns when they are first used: the supervisor and the command line import this
    package, too.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import patterns

    return getattr(patterns, name)
