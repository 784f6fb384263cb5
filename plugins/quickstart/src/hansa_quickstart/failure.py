"""The error that a command ends with, and its exit codes."""

from __future__ import annotations

from typing import Final

from hansa_authority.failure import (
    INVALID as INVALID,
    NOT_A_COMPONENT as NOT_A_COMPONENT,
    NOT_EMPTY as NOT_EMPTY,
    Failure as Failure,
)

ODB_EXISTS: Final = 1
NO_ODB: Final = 4
RUNNING: Final = 9
NO_INPUT: Final = 12
FAILED: Final = 18
