"""Channels that look for work every so often: the thread, its pauses, how it stops, and what it does when its source is gone."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from hansa import Channel, Model, Request, Response, setting

GRACE = 1.0


class Polling(Model):
    """Settings of every channel that polls."""

    interval: Annotated[
        float, setting("Seconds from the end of one look at the source to the next", gt=0, le=86400)
    ] = 5.0


class PollingChannel(Channel):
    """Base of channels that poll: a subclass gives `poll`, and where there is something to open, `connect` and `disconnect`.

    Its Config has the settings of `Polling`. Any exception that leaves `poll` ends the thread and is told to core by `lost`, which
    then starts another object with growing pauses; so `poll` raises when its source is gone and never waits for its return.
    """

    delivery = "at_least_once"
    placement = "cluster"

    _thread: threading.Thread | None = None

    def connect(self) -> None:
        """Open what `poll` needs; raises if the source is not there."""

    def poll(self) -> bool:
        """Look once and hand what is there to `deliver`; True if there may be more, to look again without a pause.

        It runs in the channel's own thread, one at a time, and returns soon once `stopping` is set.
        """
        raise NotImplementedError

    def disconnect(self) -> None:
        """Close what `connect` opened; from any thread, and more than once. What `poll` is waiting for then fails."""

    @property
    def stopping(self) -> bool:
        """Whether the channel is to stop: nothing new is to be delivered."""
        return self._stopping.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait; True, and at once, if the channel is to stop."""
        return self._stopping.wait(seconds)

    def deliver(self, request: Request) -> Response:
        """Hand a message to the service and give its answer; `stop` waits for it."""
        self._delivering = True
        try:
            return self.dispatch(request)
        finally:
            self._delivering = False

    def start(self) -> None:
        """Open the source and begin to look into it; raises if it is not there."""
        self._stopping = threading.Event()
        self._delivering = False
        self.connect()
        thread = threading.Thread(target=self._run, name=f"{self.type} {self.name}", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Finish the message in hand and close the source."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join(GRACE)
            while thread.is_alive():
                if not self._delivering:
                    self.disconnect()  # it waits for an answer of the source
                thread.join(GRACE)
        self.disconnect()

    def _run(self) -> None:
        config: Any = self.config
        try:
            while not self.stopping:
                more = self.poll()
                if not more:
                    self.pause(config.interval)
        except Exception as error:
            if not self.stopping:
                self.lost(error)
