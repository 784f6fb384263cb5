"""The messages by which workers call services in each other: their form as JSON, and how an error
becomes part of one.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ..contract.worker_answer import WorkerAnswer
from ..foundation.errors import HansaError, Invalid, TooLarge, describe

LARGEST = 1_048_576
"""Bytes that a call, or its answer, may have."""
MessageT = TypeVar("MessageT")


class WorkerCall(msgspec.Struct, omit_defaults=True):
    """A call of a service in one worker.

    Its answer goes to the mailbox `reply_to` until `until`, in seconds of the Unix epoch; `headers`
    pass its trace on (W3C Trace Context).
    """

    service: str
    reply_to: str
    until: float
    cid: str
    payload: object = None
    extra: dict[str, object] = {}
    headers: dict[str, str] = {}


class WorkerError(msgspec.Struct, omit_defaults=True):
    """An error that a worker answers with."""

    code: str
    status: int
    detail: str
    internal: bool = False


class WorkerReply(msgspec.Struct, omit_defaults=True):
    """What a worker answers."""

    worker: str
    pid: int
    payload: object = None
    error: WorkerError | None = None

    def answer(self) -> WorkerAnswer:
        """Return it as callers see it."""
        error = None if self.error is None else _raised_there(self.worker, self.error)
        return WorkerAnswer(self.worker, self.pid, self.payload, error)


def encode(message: WorkerCall | WorkerReply, what: str) -> bytes:
    """Return a message as JSON; raises `Invalid` for what JSON does not hold, `TooLarge`."""
    try:
        raw = msgspec.json.encode(message)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Invalid(f"{what} does not fit JSON: {error}") from None
    if len(raw) > LARGEST:
        raise TooLarge(f"{what} has {len(raw):,} bytes as JSON, more than {LARGEST:,}")
    return raw


def decode(raw: bytes, form: type[MessageT]) -> MessageT | None:
    """Return a message; None for what is none."""
    try:
        return msgspec.json.decode(raw, type=form)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def described(error: BaseException) -> WorkerError:
    """Return an error as a part of an answer: one of ours as it is, of any other its text, for the
    calling service and not for its callers.
    """
    if isinstance(error, HansaError):
        return WorkerError(error.code, error.status, _text(error.detail), error.internal)
    return WorkerError(HansaError.code, HansaError.status, _text(describe(error)), internal=True)


def _text(text: str) -> str:
    """Return a text without lone surrogates, which are no characters."""
    return text.encode("utf-8", "replace").decode()


def _raised_there(worker: str, told: WorkerError) -> HansaError:
    """Return the error that a service has raised in another worker, of its class if it is one of
    core's.
    """
    cls = _classes().get(told.code, HansaError)
    error = cls(told.detail)
    error.code = told.code
    error.status = told.status
    error.internal = told.internal
    error.reason = f"in worker {worker}"
    return error


def _classes() -> dict[str, type[HansaError]]:
    found = {HansaError.code: HansaError}
    pending = [HansaError]
    while pending:
        for cls in pending.pop().__subclasses__():
            if cls.__module__ == HansaError.__module__:
                found.setdefault(cls.code, cls)
                pending.append(cls)
    return found
