"""Rates of a channel put into effect: callers over a rate are refused, and messages that nobody
waits for are delayed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from hansa import Channel, Dispatch, HansaError, Request, Response, TooMany

from .cells import Cells, LocalCells
from .policies import SECOND, Policy

LONGEST_WAIT = 600
"""Maximum seconds that a message waits for its turn, where its sender cannot be refused:
brokers take back what is not acknowledged for longer.
"""
LOOK = 0.25
"""Seconds between looks whether the channel still serves, while a message waits."""


def throttled(
    cells: Cells, channel: Channel, policies: Sequence[Policy], call: Dispatch, *, headers: bool
) -> Dispatch:
    """Wrap a call so that no policy is exceeded; with `headers` each answer says what is left.

    What came by HTTP raises `TooMany` (429) when it is over a rate. Anything else, such as a
    message of a broker, takes the next free place and waits for it, at most 10 minutes, and then
    raises it too.
    """
    policy_header = ", ".join(policy.header() for policy in policies)

    def admit(request: Request) -> Response:
        patience = 0 if request.method else LONGEST_WAIT * SECOND
        judgement = cells.take([policy.cell(request) for policy in policies], patience)
        states = ", ".join(map(Policy.state, policies, judgement.left))
        if not judgement.accepted:
            raise refusal(policies, judgement.left, policy_header, states)
        if patience:
            _wait(channel, policies, judgement.left)
        return _with_headers(call, request, policy_header, states) if headers else call(request)

    if len(policies) == 1 and policies[0].key_of is None and isinstance(cells, LocalCells):
        return _throttled_here(cells, policies[0], call, admit, headers)
    return admit


def _throttled_here(
    cells: LocalCells, policy: Policy, call: Dispatch, otherwise: Dispatch, headers: bool
) -> Dispatch:
    """Do the same for one policy with one counter, which this worker counts by itself.

    PERF: a fifth of what any number of policies in any place cost; see `python -m bench limits`.
    """
    counter = cells.counter(policy.prefix)
    lock = cells.lock
    clock = cells.clock
    interval = policy.rate.interval
    capacity = policy.rate.capacity
    policy_header = policy.header()

    def admit(request: Request) -> Response:
        if not request.method:
            return otherwise(request)
        with lock:
            now = clock() // 1000
            left = max(0, counter.empty_at - now)
            is_accepted = left + interval <= capacity
            if is_accepted:
                left += interval
                counter.empty_at = now + left
        if not is_accepted:
            raise refusal([policy], [left], policy_header, policy.state(left))
        if headers:
            return _with_headers(call, request, policy_header, policy.state(left))
        return call(request)

    return admit


def _with_headers(call: Dispatch, request: Request, policy_header: str, states: str) -> Response:
    """Make a call, and say in the headers of its answer, or of its error, what is left."""
    try:
        response = call(request)
    except HansaError as error:
        error.headers["RateLimit-Policy"] = policy_header
        error.headers["RateLimit"] = states
        raise
    response.headers["RateLimit-Policy"] = policy_header
    response.headers["RateLimit"] = states
    return response


def refusal(
    policies: Sequence[Policy], left: Sequence[int], policy_header: str, states: str
) -> TooMany:
    """Return the error that names the rate which is exceeded for longest, and when to come again."""
    waits = list(map(Policy.wait, policies, left))
    longest = max(waits)
    what, _, rate = policies[waits.index(longest)].name.partition(":")
    whose = "" if what == "channel" else f" per {what}"
    seconds = max(1, -(-longest // SECOND))
    error = TooMany(f"the limit of {rate} requests{whose} is reached", retry_after=seconds)
    error.headers["RateLimit-Policy"] = policy_header
    error.headers["RateLimit"] = states
    return error


def _wait(channel: Channel, policies: Sequence[Policy], left: Sequence[int]) -> None:
    """Wait for the place that was taken; raises `TooMany` if the channel ends meanwhile."""
    # `left` counts this request already
    over = [one - policy.rate.capacity for policy, one in zip(policies, left, strict=True)]
    until = time.monotonic() + max(over) / SECOND
    while (rest := until - time.monotonic()) > LOOK:
        # not at once: the first messages may come a moment before core has put the channel in place
        time.sleep(LOOK)
        if not _serves(channel):
            raise TooMany("the channel ends before the turn of this message")
    time.sleep(max(0.0, rest))


def _serves(channel: Channel) -> bool:
    """Whether a channel has not been replaced or deleted, and its worker does not end."""
    server = channel.server
    if not server.ready:
        return False
    try:
        return server.objects.get("channel", channel.type, channel.name) is channel
    except HansaError:
        return False
