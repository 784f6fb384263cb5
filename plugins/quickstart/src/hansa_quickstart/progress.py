"""Steps as people see them: `[n/N] ...`, and a line that moves on while they wait."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

LINE_EVERY = 5.0
"""Seconds between lines where the output is no terminal that one line can move on in."""


class Progress:
    """Counts steps, and shows what is waited for."""

    def __init__(self, total: int) -> None:
        self.total, self.step = total, 0

    def done(self, what: str) -> None:
        """One more step is done."""
        self.step += 1
        click.echo(f"[{self.step}/{self.total}] {what}")

    def wait(self, what: str, over: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is over, or for so many seconds at most; tells whether it was over."""
        began = told = time.monotonic()
        terminal, shown = sys.stdout.isatty(), False
        try:
            while not over():
                now = time.monotonic()
                if now - began > seconds:
                    return False
                if terminal and now - began > 0.5:
                    shown = True
                    click.echo(
                        f"\r[{self.step + 1}/{self.total}] waiting for {what} ... {now - began:.0f} s",
                        nl=False,
                    )
                elif not terminal and now - told > LINE_EVERY:
                    told = now
                    click.echo(
                        f"[{self.step + 1}/{self.total}] waiting for {what} ... {now - began:.0f} s"
                    )
                time.sleep(0.05)
            return True
        finally:
            if shown:
                click.echo("\r\033[K", nl=False)
