"""The hooks of a service and their order, resolved once per class: only those that it really has cost anything.

accept, before_job, before_TYPE_job, before_handle, validate_input, the handler, validate_output, after_handle, after_job,
after_TYPE_job, finalize_handle. Exceptions of before, after and finalize hooks are logged and go no further, except that a
before hook may refuse a message with an error that has an HTTP status. Those of validate hooks and of the handler go out, and
nothing after them runs.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hansa import HansaError, Service as CoreService

from .lifecycle import Lifecycle
from .logs import Logger

if TYPE_CHECKING:
    from .service import Service

Run = Callable[["Service", Callable[[], Any]], None]


def overridden(cls: type, name: str) -> bool:
    """Whether a class has a method of its own in place of the one that does nothing."""
    return getattr(cls, name) is not getattr(
        Lifecycle if hasattr(Lifecycle, name) else CoreService, name
    )


def runner(cls: type[Service], job_type: str | None, log: Logger) -> Run:
    """Build what runs a handler between the hooks that a class has."""

    def own(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if overridden(cls, name))

    jobs = ("{}_job", f"{{}}_{job_type}_job") if job_type else ()
    before = own(*(name.format("before") for name in jobs), "before_handle")
    after = own("after_handle", *(name.format("after") for name in jobs))
    finalize = own("finalize_handle")
    validate_input, validate_output = own("validate_input"), own("validate_output")

    def safely(service: Service, name: str, refusing: bool) -> None:
        try:
            getattr(service, name)()
        except HansaError:
            if refusing:
                raise
            log.exception("the hook %s failed", name)
        except Exception:
            log.exception("the hook %s failed", name)

    def run(service: Service, handle: Callable[[], Any]) -> None:
        for name in before:
            safely(service, name, True)
        for name in validate_input:
            getattr(service, name)()
        handle()  # as in Zato, what it returns is of no interest
        for name in validate_output:
            getattr(service, name)()
        for name in after:
            safely(service, name, False)
        if finalize:
            took = (
                datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - service.invocation_time
            )
            service.handle_return_time = service.invocation_time + took
            service.processing_time_raw, service.processing_time = (
                took,
                int(took.total_seconds() * 1000),
            )
            safely(service, "finalize_handle", False)

    return run
