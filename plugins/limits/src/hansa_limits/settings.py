"""The section `limits` that this plugin adds to every channel."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Model, setting


class Limits(Model):
    """What every channel may limit; nothing is limited unless it is set."""

    timeout: Annotated[
        float,
        setting(
            "Seconds after which the caller is answered with 504 while the service goes on; 0 for no limit",
            ge=0,
            le=86_400,
        ),
    ] = 0.0
    max_concurrent: Annotated[
        int,
        setting(
            "Maximum messages that one worker handles at the same time; 0 for no limit",
            ge=0,
            le=100_000,
        ),
    ] = 0
    max_waiting: Annotated[
        int,
        setting(
            "Maximum messages that wait in one worker when max_concurrent are handled; "
            "more are refused (503)",
            ge=0,
            le=100_000,
        ),
    ] = 0
    idempotency: Annotated[
        str,
        setting(
            "Header, or field of the message (a.b for one inside another), that carries an "
            "idempotency key: messages with the same key get the same answer, and the service "
            "runs once; empty for none",
            example="Idempotency-Key",
            max_length=200,
        ),
    ] = ""
    idempotency_window: Annotated[
        float,
        setting(
            "Seconds for which a key and its answer are kept", gt=0, le=366 * 86_400, advanced=True
        ),
    ] = 86_400.0
    idempotency_crash: Annotated[
        Literal["again", "refuse"],
        setting(
            "What the next message with a key gets when the worker that handled the first one was "
            "killed: the service runs again, or the message is refused (409), as it is not known "
            "how far the first one came",
            advanced=True,
        ),
    ] = "again"
