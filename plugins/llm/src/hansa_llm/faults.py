"""What keeps a language model from answering, as errors of Hansa."""

from __future__ import annotations

import msgspec
from hansa import HansaError, Unavailable
from hansa_http.response import BadAnswer, HttpResponse

LOGIN_REFUSED = (401, 403)
OVERLOADED = (408, 425, 429, 500, 502, 503, 504, 529)
"""Statuses after which the same call may succeed."""
_LONGEST = 1000


class ModelFault(BadAnswer):
    """The server refuses a call; `reason` is what it says, and only the log has it.

    The same call would be refused again, so a broker's message is given up at once.
    """

    code = "model-fault"
    title = "Refused by the language model"
    internal = True
    outcome = "reject"

    def __init__(self, connection: str, status: int, reason: str) -> None:
        super().__init__(f"{connection}: the call was refused with status {status}")
        self.reason = reason


class Overloaded(Unavailable):
    """The server takes no more calls at the moment; `wait` is what it asks for, in seconds."""

    code = "model-overloaded"

    def __init__(self, detail: str, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


class BudgetSpent(Unavailable):
    """The tokens of a period are spent; `wait` is the time until the next one, in seconds."""

    code = "budget-spent"

    def __init__(self, detail: str, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


class LoginRefused(Unavailable):
    """The server does not take the key of a connection."""


class _Details(msgspec.Struct):
    message: str = ""


class _Told(msgspec.Struct):
    error: _Details | str = ""


def refusal_of(connection: str, answer: HttpResponse) -> HansaError:
    """Return the error for an answer that is none.

    What it says of a key is not read: servers repeat parts of the key.
    """
    if answer.status in LOGIN_REFUSED:
        return LoginRefused(
            f"{connection}: the server refuses the key; check that the definition which the "
            "setting security names has one that is valid"
        )
    if answer.status == 404:
        reason = f"{_text(answer)}; check the settings address and model"
        return ModelFault(connection, answer.status, reason)
    return ModelFault(connection, answer.status, _text(answer))


def _text(answer: HttpResponse) -> str:
    try:
        told = msgspec.json.decode(answer.content, type=_Told).error
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "the answer does not say why"
    return (told if isinstance(told, str) else told.message)[:_LONGEST]
