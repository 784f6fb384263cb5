"""Times as options of commands take them."""

from __future__ import annotations

from datetime import datetime

import click


class Moment(click.ParamType[float]):
    """A time: ISO 8601 (local time without an offset), or seconds of the Unix epoch."""

    name = "time"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds of the Unix epoch; a usage error (exit code 2) for what is neither."""
        try:
            return float(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            example = "2026-11-22T08:00 or 1795334400"
            self.fail(f"{value!r} is not a valid time such as {example}", param, ctx)
