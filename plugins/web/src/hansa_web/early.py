"""The section `[web]` of config.toml, `hansa web`, and the web admin beside a single server."""

from __future__ import annotations

import click
from hansa import Configuration, Engine, Model, hookimpl

from .engine import WebAdmin
from .settings import WebSection


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[web]`."""
    return {"web": WebSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa web ...`."""
    from .commands import group

    commands.add_command(group)


@hookimpl
def hansa_engines(config: Configuration) -> list[Engine]:
    """Return the web admin, if the section has an address."""
    section = config.section(WebSection)
    if not section.address:
        return []
    return [WebAdmin(config.path, config.dir, section.address)]


@hookimpl
def hansa_ready(config: Configuration) -> list[str]:
    """Say where the web admin is."""
    section = config.section(WebSection)
    if not section.address:
        return []
    scheme = "https" if section.certificate else "http"
    return [f"web admin: {scheme}://{section.address}/"]
