"""The error that a command ends with, and its exit codes."""

from __future__ import annotations

from typing import Final

import click

UNSPECIFIED: Final = 1
NOT_A_COMPONENT: Final = 3
NOT_EMPTY: Final = 5
INVALID: Final = 15


class Failure(click.ClickException):
    """The reason why a command failed, and the exit code by which scripts recognise it."""

    def __init__(self, message: str, exit_code: int = UNSPECIFIED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click's is of the class
