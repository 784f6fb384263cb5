"""The section `[scheduler]` of config.toml."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, hookimpl, setting


class SchedulerSection(Model):
    """How jobs are run: `[scheduler]`."""

    threads: Annotated[
        int,
        setting(
            "Maximum number of jobs that one worker runs at the same time; others wait for a free thread",
            ge=1,
            le=256,
        ),
    ] = 16


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[scheduler]`."""
    return {"scheduler": SchedulerSection}
