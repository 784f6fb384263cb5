"""Channels and outgoing connections in a test, started as core does it, with a function for the service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hansa import Request, Response, load

from ..inbox import Inbox, answer
from ..local import LocalServer
from ..local.registry import definition_model


def made(
    cls: Any,  # a type of channel or outgoing connection, whose settings are its own
    settings: dict[str, Any],
    server: LocalServer | None = None,
    name: str = "test",
) -> Any:
    """Return an object that is not started."""
    config = load(definition_model(cls), settings)
    return cls(name, cls.prepare(config), server or LocalServer())


@contextmanager
def running(one: Any, dispatch: Callable[[Request], Response] | None = None) -> Iterator[Any]:
    """Start an object, a channel with `dispatch` in the place of its service, and stop it at the end."""
    if dispatch is not None:
        one.dispatch = dispatch
    try:
        one.start()
        yield one
    finally:
        one.stop()


class Judged:
    """A service whose outcome for each message is what a function of the request says; all requests
    in `inbox`.
    """

    def __init__(self, judge: Callable[[Request], str]) -> None:
        self.inbox = Inbox()
        self.judge = judge

    def __call__(self, request: Request) -> Response:
        """Handle a request."""
        self.inbox(request)
        return answer(request, self.judge(request))


class Held:
    """A service that holds messages until `going` is set, those that `picked` picks; it has all
    requests in `inbox`.
    """

    def __init__(self, picked: Callable[[Request], bool] = lambda request: True) -> None:
        self.inbox = Inbox()
        self.picked = picked
        self.going = threading.Event()

    def __call__(self, request: Request) -> Response:
        """Handle a request."""
        response = self.inbox(request)
        if self.picked(request):
            self.going.wait(120)
        return response
