"""Channels that look for work at intervals, in a thread that ends when the source is gone."""

from __future__ import annotations

import threading
from typing import Annotated, TypeVar

from hansa import Channel, Model, Request, Response, setting

STOP_WAIT = 1.0
"""Seconds that a poll gets to end by itself before its source is closed under it."""


class PollingSettings(Model):
    """Polling.

    Settings of every channel that polls.
    """

    interval: Annotated[
        float,
        setting("Seconds from the end of one poll to the beginning of the next", gt=0, le=86400),
    ] = 5.0


PollingT = TypeVar("PollingT", bound=PollingSettings)


class PollingChannel(Channel[PollingT]):
    """Base of channels that poll.

    A subclass defines `poll`, and `connect` and `disconnect` if there is something to open. An
    exception that leaves `poll` ends the thread and is reported to core by `lost`; core then starts
    another object, with growing pauses. So `poll` raises when its source is gone, and never waits
    for its return.
    """

    delivery = "at_least_once"
    placement = "cluster"

    _thread: threading.Thread | None = None

    def connect(self) -> None:
        """Open what `poll` needs; raises if the source is not there."""

    def poll(self) -> bool:
        """Look for work once and pass what is there to `deliver`.

        Return True to poll again without a pause. It runs in the channel's own thread, one call at
        a time, and returns soon once `stopping` is set.
        """
        raise NotImplementedError

    def disconnect(self) -> None:
        """Close what `connect` opened, from any thread, and more than once.

        A `poll` that waits for it then fails.
        """

    @property
    def stopping(self) -> bool:
        """Whether the channel is about to stop, so that nothing new is to be delivered."""
        return self._stopping.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait; returns True, and at once, if the channel is about to stop."""
        return self._stopping.wait(seconds)

    def deliver(self, request: Request) -> Response:
        """Pass a message to the service and return its answer; `stop` waits for it."""
        self._delivering = True
        try:
            return self.dispatch(request)
        finally:
            self._delivering = False

    def start(self) -> None:
        """Open the source and begin to poll; raises if the source is not there."""
        self._stopping = threading.Event()
        self._delivering = False
        self.connect()
        thread = threading.Thread(target=self._run, name=f"{self.type} {self.name}", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Finish the message in hand and close the source."""
        thread = self._thread
        self._thread = None
        if thread is not None:
            self._stopping.set()
            thread.join(STOP_WAIT)
            while thread.is_alive():
                if not self._delivering:
                    self.disconnect()  # it waits for an answer of the source
                thread.join(STOP_WAIT)
        self.disconnect()

    def _run(self) -> None:
        try:
            while not self.stopping:
                more = self.poll()
                if not more:
                    self.pause(self.config.interval)
        except Exception as error:
            if not self.stopping:
                self.lost(error)
