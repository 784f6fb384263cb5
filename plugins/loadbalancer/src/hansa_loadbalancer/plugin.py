"""Entry point of the load-balancer in workers: its admin services."""

from __future__ import annotations

from hansa import Service, hookimpl

from .services import OPERATIONS


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return `admin.loadbalancer.*`."""
    return list(OPERATIONS)
