"""What this plugin keeps in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .telemetry import Telemetry


class OpenTelemetry:
    """The telemetry of a worker; `telemetry` is None where none is sent."""

    def __init__(self, telemetry: Telemetry | None) -> None:
        self.telemetry = telemetry
