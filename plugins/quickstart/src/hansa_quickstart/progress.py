"""Steps as users see them: `[n/N] ...`, and a line that is kept up to date while a step waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

import click

LINE_EVERY: Final = 5.0
"""Seconds between lines where the output is not a terminal."""
FIRST_SHOWN: Final = 0.5
"""Seconds of waiting after which a terminal shows it."""
_POLL: Final = 0.05
_ERASE_LINE: Final = "\r\033[K"


class Progress:
    """Counts steps, and shows what is waited for."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.step = 0

    def done(self, what: str) -> None:
        """Print that one more step is done."""
        self.step += 1
        click.echo(f"[{self.step}/{self.total}] {what}")

    def wait(self, what: str, over: Callable[[], bool], seconds: float) -> bool:
        """Wait until `over` returns true, for at most this many seconds; returns whether it did."""
        show = self._show_on_terminal if sys.stdout.isatty() else self._show_as_lines
        began = time.monotonic()
        shown = began
        try:
            while not over():
                now = time.monotonic()
                if now - began > seconds:
                    return False
                if show(what, now - began, now - shown):
                    shown = now
                time.sleep(_POLL)
            return True
        finally:
            if shown > began and sys.stdout.isatty():
                click.echo(_ERASE_LINE, nl=False)

    def _show_on_terminal(self, what: str, waited: float, since_shown: float) -> bool:
        if waited <= FIRST_SHOWN:
            return False
        click.echo(f"\r{self._waiting(what, waited)}", nl=False)
        return True

    def _show_as_lines(self, what: str, waited: float, since_shown: float) -> bool:
        if since_shown <= LINE_EVERY:
            return False
        click.echo(self._waiting(what, waited))
        return True

    def _waiting(self, what: str, waited: float) -> str:
        return f"[{self.step + 1}/{self.total}] waiting for {what} ... {waited:.0f} s"
