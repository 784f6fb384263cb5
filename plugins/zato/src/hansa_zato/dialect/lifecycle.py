"""The hooks that a service may have, here without effect.

`hooks.py` says in which order they are called.
"""

from __future__ import annotations

from ..bunch import Bunch
from .logs import Logger


class Lifecycle:
    """Methods that a service overrides to take part in the handling of each message."""

    def accept(self, *args: object, **kwargs: object) -> bool:
        """Whether to handle this message at all."""
        return True

    @staticmethod
    def before_add_to_store(logger: Logger) -> bool:
        """Called before the class is used for the first time; False keeps it from being used."""
        return True

    @staticmethod
    def after_add_to_store(logger: Logger) -> None:
        """Called once the class is in use."""

    def get_request_hash(self, ctx: Bunch) -> object:
        """Called where the channel keeps answers: requests for which it returns the same text have
        the same answer; None for what the channel goes by.
        """
        return None

    def before_job(self) -> None:
        """Called before a job of any type."""

    def before_one_time_job(self) -> None:
        """Called before a one-time job."""

    def before_interval_based_job(self) -> None:
        """Called before an interval-based job."""

    def before_cron_style_job(self) -> None:
        """Called before a cron-style job."""

    def before_handle(self) -> None:
        """Called before the handler."""

    def validate_input(self) -> None:
        """Called with the input ready; raises to refuse it."""

    def validate_output(self) -> None:
        """Called after the handler; raises to refuse its answer."""

    def after_handle(self) -> None:
        """Called after the handler."""

    def after_job(self) -> None:
        """Called after a job of any type."""

    def after_one_time_job(self) -> None:
        """Called after a one-time job."""

    def after_interval_based_job(self) -> None:
        """Called after an interval-based job."""

    def after_cron_style_job(self) -> None:
        """Called after a cron-style job."""

    def finalize_handle(self) -> None:
        """Called last, when processing times are known."""
