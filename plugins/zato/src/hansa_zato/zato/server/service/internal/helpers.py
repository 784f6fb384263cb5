"""Small services for trials."""

from __future__ import annotations

from hansa_zato.dialect.html import HTMLService
from hansa_zato.dialect.service import Service

__all__ = ["Echo", "HTMLService", "InputLogger", "Service"]


class Echo(Service):
    """Answers with the message that it received."""

    def handle(self) -> None:
        """Answer."""
        self.response.payload = self.request.raw_request


class InputLogger(Service):
    """Logs the message that it received, and all that is known about it."""

    def handle(self) -> None:
        """Log."""
        self.log_input()
