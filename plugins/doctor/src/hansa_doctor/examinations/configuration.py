"""Whether a server could start with its configuration, key, ODB and Redis."""

from __future__ import annotations

from collections.abc import Iterator

from hansa import ExaminedServer, Finding
from hansa_quickstart.checks import check_server
from hansa_quickstart.component import SERVER

from ..subject import component_of


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield what `hansa check-config` says."""
    component = component_of(server)
    if not component.exists:
        component.raw()
        yield Finding("ok", f"{server.config} can be read")
        return
    assert component.kind == SERVER
    found = check_server(component)
    for failure in found.failures:
        yield Finding("fault", failure, "correct what the message names; hansa check-config PATH")
    for warning in found.warnings:
        yield Finding(
            "warning", warning, "have Redis keep what it was given: see [redis] and Redis"
        )
    if not found.failures:
        yield Finding("ok", "configuration, key, ODB and Redis can be used")
