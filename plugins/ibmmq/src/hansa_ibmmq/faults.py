"""What mqweb refuses, as errors of Hansa."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from hansa import HansaError, Invalid, Unavailable
from hansa_connect.remedies import CHECK_LOGIN, advised
from hansa_connect.remote import RemoteForbidden, RemoteNotFound
from hansa_http.response import HttpResponse

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
LONGEST_TEXT = 300
_UNCLEAN = re.compile(r"[\x00-\x1f\x7f]+")
_OF_THE_MESSAGE = frozenset((400, 413, 415, 501))
"""Answers that would be the same again for the same message."""
_TOO_BIG = frozenset((2030, 2031, 2010))
"""Reason codes: the message is longer than the queue or the queue manager allows."""


def fault_of(answer: HttpResponse, what: str, place: str) -> HansaError:
    """Return the error for an answer that is a refusal: `what` was asked of mqweb at `place`."""
    text, reason = _told(answer)
    if answer.status == _UNAUTHORIZED:
        return Unavailable(advised(f"mqweb at {place} refuses the login", CHECK_LOGIN))
    found: HansaError
    if answer.status == _FORBIDDEN:
        found = RemoteForbidden(f"mqweb does not allow {what}")
    elif answer.status == _NOT_FOUND:
        found = RemoteNotFound(f"mqweb does not find what is needed to {what}")
    elif answer.status in _OF_THE_MESSAGE or reason in _TOO_BIG:
        found = Invalid(f"IBM MQ does not take the message: {what}")
    else:
        found = Unavailable(f"mqweb at {place} answered with status {answer.status} to {what}")
    found.reason = text
    return found


def _told(answer: HttpResponse) -> tuple[str, int]:
    """Return what mqweb says is wrong, with its code, and the reason code of MQ; 0 for none."""
    try:
        told: Any = msgspec.json.decode(answer.content)
        first = told["error"][0]
        text = str(first.get("message") or first.get("msgId") or "")
        reason = first.get("reasonCode")
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, AttributeError):
        return f"status {answer.status}", 0
    code = reason if isinstance(reason, int) else 0
    shown = f"{text} (reason code {code})" if code else text
    return _UNCLEAN.sub(" ", shown)[:LONGEST_TEXT], code
