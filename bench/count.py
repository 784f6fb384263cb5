"""A plugin with one counting `hansa_wrap`, so that the benchmarks measure what statistics and the
like would cost.
"""

from __future__ import annotations

from typing import Any

from hansa import hookimpl

counted: dict[str, int] = {}


@hookimpl
def hansa_wrap(channel: Any, service: Any, call: Any) -> Any:
    """Count calls by service."""
    name = service.get_name()

    def counting(request: Any) -> Any:
        counted[name] = counted.get(name, 0) + 1
        return call(request)

    return counting
