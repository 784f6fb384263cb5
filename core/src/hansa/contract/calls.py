"""The options of calls to services, wherever they are handed on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict


class QueueOptions(TypedDict, total=False):
    """Options of an asynchronous call.

    It is made after `delay` seconds, 0.0 by default, at most `max_attempts` times, by default as
    often as the queue says. `callback` names services that are called with its answer,
    `in_reply_to` is the correlation id of the call that this one answers, and `extra` goes into
    `Request.extra`.
    """

    delay: float
    callback: Iterable[str]
    max_attempts: int
    in_reply_to: str
    extra: Mapping[str, object] | None


class RouteOptions(TypedDict, total=False):
    """What a request comes through that has no channel of its own.

    `type` and `channel` are the type and name that a channel would have, by default `invoke` and an
    empty name; `format` names a format, and `config` is what a channel's settings would be.
    """

    type: str
    channel: str
    format: str
    config: object
