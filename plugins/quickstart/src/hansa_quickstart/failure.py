"""The error that a command ends with, and its exit codes."""

from __future__ import annotations

from typing import Final

import click

ODB_EXISTS: Final = 1
NOT_A_COMPONENT: Final = 3
NO_ODB: Final = 4
NOT_EMPTY: Final = 5
RUNNING: Final = 9
NO_INPUT: Final = 12
INVALID: Final = 15
FAILED: Final = 18


class Failure(click.ClickException):
    """What went wrong, in words, and the exit code that a script can tell it by."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]
