"""What holds for channels whose source does not deliver again what it has sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from hansa import Request, Response
from hansa_devkit import Inbox
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until


class Drains:
    """Mixed into a `ChannelContract`: what was sent to a channel that ends is handled to its end."""

    make: Callable[[], Any]
    message: Callable[[int], bytes]
    send: Callable[[bytes], None]
    patience: float

    drained = 40
    """Messages that the source has sent to a channel that handles none yet."""

    def when_sent(self, channel: Any) -> None:
        """Wait until messages have come that the channel does not take in while it ends."""

    def test_what_was_sent_before_a_stop_is_handled(self) -> None:
        inbox, held, going = Inbox(), threading.Event(), threading.Event()

        def service(request: Request) -> Response:
            held.set()
            assert going.wait(60)
            return inbox(request)

        channel = self.make()
        channel.dispatch = service
        bodies = [self.message(number) for number in range(self.drained)]
        try:
            channel.start()
            for body in bodies:
                self.send(body)
            assert held.wait(self.patience)
            self.when_sent(channel)
            stopping = in_background(channel.stop)
            wait_until(channel._stopping.is_set, 30)
            going.set()
            stopping.result(60)
        finally:
            going.set()
            channel.stop()
        arrived = sorted(request.raw for request in inbox.requests)
        assert arrived == sorted(bodies)
