"""Which services are sampled in a worker, and the wrapper of every call, which looks that up."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from time import perf_counter_ns
from typing import TypeAlias

from hansa import Dispatch, Request, Response

from .sample import Why
from .settings import SamplingSettings

MILLISECOND = 1_000_000
"""Nanoseconds."""
NEVER = 1 << 62
"""One call in so many is none."""


class Rule:
    """Which calls of a service are kept, as one worker applies it: one in `every`, and those that
    take at least `slow` nanoseconds, until `ends` by `perf_counter_ns`. `number` counts the calls.
    """

    def __init__(self, owner: object, settings: SamplingSettings) -> None:
        self.owner = owner
        self.settings = settings
        self.every = settings.every or NEVER
        self.number = itertools.count(1).__next__
        slower = settings.slower_than
        self.slow = float("inf") if slower is None else slower * MILLISECOND
        ends = settings.ends_at
        left = float("inf") if ends is None else max(0.0, ends - time.time())
        self.ends = perf_counter_ns() + left * 1e9

    def reason(self, nanoseconds: int, *, failed: bool, is_next: bool) -> Why | None:
        """Return why a call is kept that has taken this long; None if it is not."""
        if failed and self.settings.errors:
            return "error"
        if nanoseconds >= self.slow:
            return "slow"
        return "every" if is_next else None


class Switch:
    """Whether calls of one service are sampled: by a rule, or not at all."""

    __slots__ = ("rule",)

    def __init__(self) -> None:
        self.rule: Rule | None = None


Keep: TypeAlias = Callable[[Rule, Why, Request, Response | BaseException, int], None]
"""Takes a call that is kept, with what it ended with and its nanoseconds; never raises."""


class Switchboard:
    """The switches of all services of a worker, by the name of the service."""

    def __init__(self) -> None:
        self._switches: dict[str, Switch] = {}
        self._lock = threading.Lock()

    def switch(self, service: str) -> Switch:
        """Return the switch of a service."""
        return self._switches.setdefault(service, Switch())

    def put(self, service: str, owner: object, settings: SamplingSettings) -> None:
        """Sample a service, in place of the owner before."""
        with self._lock:
            self.switch(service).rule = Rule(owner, settings)

    def drop(self, service: str, owner: object) -> None:
        """Sample a service no more, unless another owner has taken its place."""
        with self._lock:
            switch = self.switch(service)
            if switch.rule is not None and switch.rule.owner is owner:
                switch.rule = None


def sampled(switch: Switch, keep: Keep, call: Dispatch) -> Dispatch:
    """Wrap a call so that it is sampled while the switch has a rule."""
    clock = perf_counter_ns

    def sample(request: Request) -> Response:
        rule = switch.rule
        # PERF: a service that is not sampled costs this comparison and one more call
        if rule is None:
            return call(request)
        began = clock()
        if began >= rule.ends:
            switch.rule = None
            return call(request)
        is_next = not rule.number() % rule.every
        try:
            response = call(request)
        except BaseException as error:
            took = clock() - began
            why = rule.reason(took, failed=True, is_next=is_next)
            if why is not None:
                keep(rule, why, request, error, took)
            raise
        took = clock() - began
        # PERF: of most calls nothing is kept: they need not ask why, which takes 0.3 us
        if is_next or took >= rule.slow or response.status >= 400:
            why = rule.reason(took, failed=response.status >= 400, is_next=is_next)
            if why is not None:
                keep(rule, why, request, response, took)
        return response

    return sample


def sampled_inside(
    find: Callable[[Request], tuple[Switch, Keep] | None], call: Dispatch
) -> Dispatch:
    """Wrap calls from service to service, which know their worker only once one of them is made."""
    made: Dispatch | None = None

    def sample(request: Request) -> Response:
        nonlocal made
        if made is None:
            found = find(request)
            made = call if found is None else sampled(*found, call)
        return made(request)

    return sample
