"""What servers and load-balancers agree on: where a server lists the servers of its cluster, and
what such a list is.
"""

from __future__ import annotations

from .settings import BalancedServer, is_address

MEMBERS = "/hansa/load-balancer/members"
"""Where a server lists the servers of its cluster."""
PROOF = "X-Hansa-Follower"
"""The header in which a load-balancer that asks there carries the secret of proxies."""
SERVERS = "servers"
"""The member of the answer, a JSON object, that has the addresses by name."""


def checked(answer: object) -> dict[str, str]:
    """Return the addresses of an answer, by server; raises ValueError for one that is no such list,
    and `Invalid` for a name that none can have.
    """
    servers = answer.get(SERVERS) if isinstance(answer, dict) else None
    if not isinstance(servers, dict):
        raise ValueError("the answer is no list of servers")
    for name, address in servers.items():
        if not isinstance(address, str) or not is_address(address):
            raise ValueError(f"{name} is listed at {address!r}, which is not HOST:PORT")
        BalancedServer(name=name, address=address).check()
    return servers
