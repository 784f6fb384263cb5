"""What one may ask for, by word: the admin services and the command line offer the same."""

from __future__ import annotations

from typing import Literal, TypeAlias

By: TypeAlias = Literal["service", "channel", "outgoing", "security"]
"""What calls are counted by."""

SpanName: TypeAlias = Literal["hour", "day", "week", "month", "year"]

StepName: TypeAlias = Literal["minute", "hour", "day"]

Order: TypeAlias = Literal["count", "errors", "mean", "p50", "p95", "p99", "max", "time"]
"""The figures that lists are sorted by."""

Seen: TypeAlias = Literal["any", "yes", "no"]
"""Whether it was called in the span."""

Grouping: TypeAlias = Literal["auto", "always", "never"]
"""When nodes of a landscape are put together in groups."""
