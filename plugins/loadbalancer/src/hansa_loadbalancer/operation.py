"""The base of the admin services of the load-balancer."""

from __future__ import annotations

from hansa_admin.operation import Operation

from .control import Control
from .settings import LoadBalancerSection


class LoadBalancerOperation(Operation):
    """Base of the operations on the load-balancer."""

    abstract = True

    @property
    def control(self) -> Control:
        """The load-balancer; raises `Unavailable` if this server's configuration names none."""
        return Control(self.server.section(LoadBalancerSection).socket)
