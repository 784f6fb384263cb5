"""The hooks of a service and their order, resolved once per class: absent ones cost nothing.

accept, before_job, before_TYPE_job, before_handle, validate_input, the handler, validate_output,
after_handle, after_job, after_TYPE_job, finalize_handle. Exceptions of before, after and finalize
hooks are logged and go no further, except that a before hook may refuse a message with an error
that has an HTTP status. Those of validate hooks and of the handler go out, and nothing after them
runs.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from hansa import HansaError, Service as CoreService

from .lifecycle import Lifecycle
from .logs import Logger

if TYPE_CHECKING:
    from .service import Service

Handler: TypeAlias = Callable[[], object]


def overridden(cls: type, name: str) -> bool:
    """Whether a class has a method of its own in place of the one without effect."""
    default = Lifecycle if hasattr(Lifecycle, name) else CoreService
    return getattr(cls, name) is not getattr(default, name)


class HookRunner:
    """Runs a handler between the hooks that a class has."""

    def __init__(self, cls: type[Service], job_type: str | None, log: Logger) -> None:
        before = ["before_handle"]
        after = ["after_handle"]
        if job_type:
            before = ["before_job", f"before_{job_type}_job", *before]
            after = [*after, "after_job", f"after_{job_type}_job"]
        self._before = _own(cls, before)
        self._validate_input = _own(cls, ["validate_input"])
        self._validate_output = _own(cls, ["validate_output"])
        self._after = _own(cls, after)
        self._finalizes = overridden(cls, "finalize_handle")
        self._log = log

    def run(self, service: Service, handle: Handler) -> None:
        """Run the handler of one message; as in Zato, what it returns does not matter."""
        for name in self._before:
            self._run_refusing(service, name)
        for name in self._validate_input:
            getattr(service, name)()
        handle()
        for name in self._validate_output:
            getattr(service, name)()
        for name in self._after:
            self._run_logged(service, name)
        if self._finalizes:
            _measure(service)
            self._run_logged(service, "finalize_handle")

    def _run_refusing(self, service: Service, name: str) -> None:
        """Run a hook that may refuse the message with an error that has an HTTP status."""
        try:
            getattr(service, name)()
        except HansaError:
            raise
        except Exception:
            self._log.exception("the hook %s failed", name)

    def _run_logged(self, service: Service, name: str) -> None:
        """Run a hook whose errors are only logged."""
        try:
            getattr(service, name)()
        except Exception:
            self._log.exception("the hook %s failed", name)


def _own(cls: type, names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if overridden(cls, name))


def _measure(service: Service) -> None:
    """Set the processing times of a message that has been handled."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    service.handle_return_time = now
    service.processing_time_raw = now - service.invocation_time
    service.processing_time = int(service.processing_time_raw.total_seconds() * 1000)
