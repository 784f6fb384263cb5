"""The headers `traceparent` and `tracestate` as callers send them (W3C Trace Context, level 1)."""

from __future__ import annotations

import re

from hansa import TraceContext

SAMPLED = 1
"""The only flag that version 00 defines; the others are passed on as 0."""
MOST_MEMBERS = 32
LONGEST_STATE = 512
"""Characters of `tracestate` that are passed on."""
LONG_MEMBER = 128
"""Length over which members are left out first where the state is too long."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_KEY = r"[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_is_member = re.compile(f"(?:{_KEY})={_VALUE}").fullmatch


def context_of(parent: str, state: str) -> TraceContext | None:
    """Return what a caller's headers say; None for a malformed `traceparent`, with which
    `tracestate` does not count either.

    Of a later version, what version 00 has is read.
    """
    match = _PARENT.fullmatch(parent)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    trace_number = int(trace_id, 16)
    span_number = int(span_id, 16)
    if not trace_number or not span_number:
        return None
    flag = int(flags, 16) & SAMPLED
    return TraceContext(trace_number, span_number, flag, valid_state(state) if state else "")


def valid_state(text: str) -> str:
    """Return a `tracestate` as it is passed on; empty for a malformed one."""
    members = [member.strip(" \t") for member in text.split(",")]
    members = [member for member in members if member]
    if len(members) > MOST_MEMBERS or not all(_is_member(member) for member in members):
        return ""
    keys = [member.partition("=")[0] for member in members]
    if len(set(keys)) < len(keys):
        return ""
    return ",".join(_shortened(members))


def _shortened(members: list[str]) -> list[str]:
    """Leave members out until the rest is short enough: long ones first, then those at the end."""
    if _length(members) > LONGEST_STATE:
        members = [member for member in members if len(member) <= LONG_MEMBER]
    while _length(members) > LONGEST_STATE:
        members = members[:-1]
    return members


def _length(members: list[str]) -> int:
    return len(",".join(members))
