"""Small services for trying things out."""

from __future__ import annotations

from typing import Any

from hansa_zato.dialect.service import Service

__all__ = ["Echo", "InputLogger", "Service"]


class Echo(Service):
    """Answers with what it was given."""

    def handle(self) -> Any:
        """Give back the message."""
        self.response.payload = self.request.raw_request


class InputLogger(Service):
    """Logs what it was given, and all that is known of it."""

    def handle(self) -> Any:
        """Log."""
        self.log_input()
