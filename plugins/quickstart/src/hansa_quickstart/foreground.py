"""A cluster in the foreground: what ends is started again, until the command is told to end."""

from __future__ import annotations

import time
from typing import Final

import click
from hansa import Restarts

from .component import Component
from .launch import Launched, launch
from .locks import busy, exclusive
from .signals import Termination
from .stop import stop_parts

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds before an ended component is started again."""
LONG_ENOUGH: Final = 60.0
"""Seconds after which a component is considered to have run well."""
_POLL: Final = 0.2


class Foreground:
    """Keeps the processes of a start running."""

    def __init__(
        self, component: Component, launched: dict[Component, Launched], termination: Termination
    ) -> None:
        self.component = component
        self.launched = launched
        self.termination = termination
        self._restarts: dict[Component, Restarts] = {}
        self._ended: set[Component] = set()

    def stay(self) -> None:
        """Start again whatever ends, until SIGTERM or SIGINT; then stop everything."""
        folders = (
            f"{self.component.folder}/*" if self.component.is_cluster else self.component.folder
        )
        click.echo(f"Logs are in {folders}/logs. Ctrl-C stops.")
        while not self.termination.requested and self.launched:
            for part in list(self.launched):
                self.look_after(part)
            time.sleep(_POLL)
        with exclusive(self.component.folder):
            stop_parts(self.component, list(self.launched), self.launched)

    def look_after(self, part: Component) -> None:
        """Start a component again if it has ended and its pause is over.

        The pause grows each time, unless the component had run well.
        """
        launched = self.launched[part]
        if launched.process.poll() is None or busy(part.folder) or busy(self.component.folder):
            return
        if not part.pidfile.exists():  # it was stopped by `hansa stop`
            del self.launched[part]
            return
        restarts = self._restarts.setdefault(
            part, Restarts(FIRST_PAUSE, LONGEST_PAUSE, well=LONG_ENOUGH)
        )
        if part not in self._ended:
            self._ended.add(part)
            pause = restarts.ended(launched.began)
            status = launched.process.returncode
            line = f"{part.name} ended with status {status}, starting it again in {pause:g} s"
            click.echo(line, err=True)
        elif restarts.due:
            self._ended.discard(part)
            self.launched[part] = launch(part, ends_with_us=True)
