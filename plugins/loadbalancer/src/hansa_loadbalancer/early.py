"""What the supervisor and the `hansa` command need of the load-balancer: its section of config.toml, and its commands."""

from __future__ import annotations

from typing import Any

from hansa import Model, hookimpl

from .settings import LoadBalancerSection


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[loadbalancer]`."""
    return {"loadbalancer": LoadBalancerSection}


@hookimpl
def hansa_commands(commands: Any) -> None:
    """Add `hansa loadbalancer ...`."""
    from .cli import group

    commands.add_command(group)
