"""The base of the admin services of the load-balancer, and what they answer to a change."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from hansa import setting
from hansa_admin.operation import Operation

from .control import Control
from .settings import LoadBalancerSection

How: TypeAlias = Annotated[
    str, setting("live, reload, or empty if there was nothing to change; neither loses a request")
]
"""How a change came into force."""


class LoadBalancerOperation(Operation):
    """Base of the operations on the load-balancer."""

    abstract = True

    @property
    def control(self) -> Control:
        """The load-balancer; raises `Unavailable` if this server's configuration names none."""
        return Control(self.server.section(LoadBalancerSection).socket)
