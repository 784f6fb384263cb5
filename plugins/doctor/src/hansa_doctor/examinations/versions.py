"""Which versions are installed, whether they fit each other, and whether those that run are these."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

from hansa import ExaminedServer, Finding, Invalid, check_plugins

from ..running import plugins_that_run
from ..subject import component_of


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield what is installed, each plugin that cannot be loaded, and each that runs in another
    version than is installed, or not everywhere.
    """
    try:
        check_plugins(None)
    except Invalid as invalid:
        for label, fault in invalid.errors.items():
            remedy = "install versions that fit each other: pip install --upgrade hansa and plugins"
            yield Finding("fault", f"{label}: {fault}", remedy)
    yield Finding("ok", f"Hansa {version('hansa')}, Python {platform.python_version()}")
    component = component_of(server)
    for plugin in plugins_that_run(component):
        status, why = str(plugin.get("status")), str(plugin.get("why") or "")
        name = f"plugin {plugin.get('name')}"
        if status in ("failed", "quarantined"):
            remedy = f"mend the cause, then hansa plugin reload {plugin.get('name')}"
            yield Finding("fault", f"{name} is {status}: {why}", remedy)
        elif status in ("installed", "removed") or (why and status == "loaded"):
            remedy = f"hansa plugin reload {plugin.get('name')}, or hansa cluster restart"
            yield Finding("warning", f"{name} is {status} {why}".rstrip(), remedy)
