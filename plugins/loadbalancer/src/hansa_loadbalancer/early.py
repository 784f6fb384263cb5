"""The section `[loadbalancer]` of config.toml, and the commands of the load-balancer."""

from __future__ import annotations

import click
from hansa import Model, hookimpl

from .settings import LoadBalancerSection


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[loadbalancer]`."""
    return {"loadbalancer": LoadBalancerSection}


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa loadbalancer ...`."""
    from .cli import group

    commands.add_command(group)
