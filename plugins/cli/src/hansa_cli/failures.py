"""The errors that a command ends with, and their exit codes."""

from __future__ import annotations

from typing import TypeAlias

import click

from .plain import JsonObject

GATEWAY_STATUSES = (502, 503, 504)
"""Statuses of answers where no server answers, or none can for a moment (RFC 9110, 15.6)."""


class Refusal(click.ClickException):
    """The server refused; its problem details (RFC 9457) are shown, a line for each faulty setting.

    Exit code 1.
    """

    exit_code = 1

    def __init__(self, problem: JsonObject, hint: str = "") -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or "refused"))
        self.problem = problem
        self.hint = hint

    @property
    def status(self) -> int:
        """The HTTP status of the answer; 0 if the problem does not name one."""
        status = self.problem.get("status")
        return status if isinstance(status, int) else 0

    @property
    def is_of_gateway(self) -> bool:
        """Whether no server has answered, but a load-balancer before it: a server's errors have a
        code.
        """
        return self.status in GATEWAY_STATUSES and "code" not in self.problem

    def format_message(self) -> str:
        """Return the title, the faults by setting, and the cid to look for in the server's log."""
        lines = [f"{self.problem.get('title', 'Refused')} ({self.problem.get('status')})"]
        lines += [f"  {fault}" for fault in self._faults()]
        if self.hint:
            lines.append(f"  {self.hint}")
        if self.problem.get("cid"):
            lines.append(f"  cid {self.problem['cid']}")
        return "\n".join(lines)

    def _faults(self) -> list[str]:
        errors = self.problem.get("errors")
        if not errors:
            return [self.message]
        return [f"{name}: {fault}" if name else str(fault) for name, fault in errors.items()]


class Unreachable(click.ClickException):
    """No server answers at the address. Exit code 3.

    `is_sent` says that the request had been sent, and may have been carried out.
    """

    exit_code = 3
    is_sent = False


class NotAsWanted(click.ClickException):
    """What was asked for was done, and did not come true in every worker. Exit code 3."""

    exit_code = 3


Failure: TypeAlias = Refusal | Unreachable
"""What a client raises."""


def with_hint(failure: Failure, hint: str) -> Failure:
    """Return a failure that ends with a hint on what to do."""
    if isinstance(failure, Refusal):
        failure.hint = hint
        return failure
    hinted = Unreachable(f"{failure.message}\n{hint}")
    hinted.is_sent = failure.is_sent
    return hinted


def is_passing(failure: Failure) -> bool:
    """Whether it may be over in a moment: nobody is there, or nobody can answer."""
    return isinstance(failure, Unreachable) or failure.status in GATEWAY_STATUSES


def is_unanswered(failure: Failure) -> bool:
    """Whether no server has answered, whoever says so."""
    return isinstance(failure, Unreachable) or failure.is_of_gateway


def may_be_done(failure: Failure) -> bool:
    """Whether the request may have been carried out, although its answer is lost."""
    if isinstance(failure, Unreachable):
        return failure.is_sent
    return failure.is_of_gateway and failure.status != 503
