"""A cluster in the foreground: what ends is started again, until the command is told to end."""

from __future__ import annotations

import time
from typing import Final

from hansa import Restarts, print_lines

from .component import SERVER, Component
from .launch import Launched, launch
from .locks import busy, exclusive
from .readiness import served_since
from .signals import Termination
from .stop import stop_parts

SERVED_WELL: Final = 1.0
"""Seconds of service after which a server that ends is started again at once."""
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
        self._trouble = ""

    def stay(self) -> None:
        """Start again whatever ends, until SIGTERM or SIGINT; then stop everything."""
        folders = (
            f"{self.component.folder}/*" if self.component.is_cluster else self.component.folder
        )
        print_lines(f"Logs are in {folders}/logs. Ctrl-C stops.")
        while not self.termination.requested and self.launched:
            self._look_after_all()
            time.sleep(_POLL)
        if not self.component.exists:  # all of it has left its cluster
            return
        with exclusive(self.component.folder):
            stop_parts(self.component, list(self.launched), self.launched)

    def _look_after_all(self) -> None:
        """Look after every component; what fails for want of space is tried again the next time."""
        trouble = ""
        for part in list(self.launched):
            try:
                self.look_after(part)
            except OSError as error:
                trouble = f"{part.name}: {error}; trying again"
        if trouble and trouble != self._trouble:
            print_lines(trouble, error=True)
        self._trouble = trouble

    def look_after(self, part: Component) -> None:
        """Start a component again if it has ended and its pause is over.

        The pause grows if it keeps ending in its start. Raises OSError.
        """
        launched = self.launched[part]
        if launched.process.poll() is None:
            _note(part, launched.process.pid)
            return
        # first the whole, since asking makes a file in a folder that may be about to be removed
        if busy(self.component.folder) or busy(part.folder):
            return
        if not part.pidfile.exists():  # it was stopped by `hansa stop`
            del self.launched[part]
            return
        restarts = self._restarts.setdefault(part, _restarts_of(part))
        if part not in self._ended:
            self._ended.add(part)
            pause = restarts.ended(_served_since(part, launched))
            status = launched.process.returncode
            line = f"{part.name} ended with status {status}, starting it again in {pause:g} s"
            print_lines(line, error=True)
        if restarts.due:
            self.launched[part] = launch(part, ends_with_us=True)
            self._ended.discard(part)


def _restarts_of(part: Component) -> Restarts:
    return Restarts(well=SERVED_WELL) if part.kind == SERVER else Restarts()


def _served_since(part: Component, launched: Launched) -> float | None:
    """Return the `time.monotonic()` from which a component served; None if it never did.

    A server has recorded that; of the others it is known only when they were started.
    """
    if part.kind != SERVER:
        return launched.began
    recorded = served_since(part, launched.process.pid)
    return None if recorded is None else time.monotonic() - (time.time() - recorded)


def _note(part: Component, pid: int) -> None:
    """Write the pidfile of a component that runs, unless it is there; raises OSError.

    One that was started while the disk was full has that of its predecessor until there is space.
    """
    noted = part.noted()
    if noted is None or noted[0] != pid:
        part.note(pid)
