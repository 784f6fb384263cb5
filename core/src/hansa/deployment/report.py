"""What the child process of a trial import reports to the process that started it."""

from __future__ import annotations

import msgspec


class TrialReport(msgspec.Struct):
    """The services by package and class name, or errors.

    `missing_module` says that a source failed because what it imports is not there.
    """

    services: dict[str, dict[str, str]] = {}
    errors: list[str] = []
    missing_module: bool = False
