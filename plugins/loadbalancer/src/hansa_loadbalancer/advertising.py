"""In workers: where load-balancers reach this server, told to the whole cluster, and the answer to
those that ask for all of its servers.
"""

from __future__ import annotations

import hmac
import json
import logging
import threading
from typing import ClassVar

from hansa import Forbidden, Server, Service, Unavailable
from hansa_http.early import HttpSection

from .members import PROOF, SERVERS
from .settings import LoadBalancerSection

log = logging.getLogger("hansa.loadbalancer")

TTL = 10.0
RENEWAL = 2.0
"""Seconds for which an address is known, and after which it is told again."""


def address_lease(server: str) -> str:
    """Return the lease whose holder is the address of a server."""
    return f"address:{server}"


class Advertisement:
    """Tells the cluster the address of this worker's server, for as long as the worker lives."""

    def __init__(self, server: Server, address: str) -> None:
        self.address = address
        self._server = server
        self._lease = address_lease(server.name)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="advertising", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Tell it from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Tell it no longer; where the whole server ends, its first worker takes it back."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(TTL)
        if self._server.closing and self._server.worker == 0:
            try:
                self._server.bus.release(self._lease, self.address)
            except Exception as error:
                log.warning("the address is forgotten in at most %g s: %s", TTL, error)

    def _renew(self) -> None:
        while True:
            if self._server.closing and self._server.worker > 0:
                return  # lest it tells again what the first worker has taken back
            trouble = ""
            try:
                self._tell()
            except Exception as error:
                trouble = str(error)
            if trouble and trouble != self._trouble:
                log.warning("load-balancers cannot be told of this server now: %s", trouble)
            self._trouble = trouble
            if self._stopped.wait(RENEWAL):
                return

    def _tell(self) -> None:
        bus = self._server.bus
        if bus.acquire(self._lease, self.address, TTL):
            return
        # the name is this server's alone, so that another address is that of an earlier start
        held = bus.leases([self._lease]).get(self._lease)
        if held is not None:
            bus.release(self._lease, held.holder)
        bus.acquire(self._lease, self.address, TTL)


class Members(Service):
    """List the servers of the cluster that tell their addresses, for load-balancers that know the
    secret of proxies.
    """

    name: ClassVar[str] = "loadbalancer.members"

    def handle(self) -> bytes:
        """Return them as JSON; raises `Forbidden`, and `Unavailable` where they are not known."""
        secret = self.server.section(HttpSection).proxy_secret
        given = self.request.headers.get(PROOF.lower(), "")
        if not secret or not hmac.compare_digest(given.encode(), str(secret).encode()):
            raise Forbidden("this is for load-balancers that know the secret of proxies")
        self.response.content_type = "application/json"
        self.response.headers["Cache-Control"] = "no-store"
        return json.dumps({SERVERS: addresses_in(self.server)}).encode()


def addresses_in(server: Server) -> dict[str, str]:
    """Return the addresses of the servers of the cluster that tell them, by name; raises
    `Unavailable`.
    """
    try:
        reports = server.cluster.reports(silent=True).values()
        names = sorted({report.server for report in reports})
        found = server.cluster.leases(address_lease(name) for name in names)
    except Exception as error:
        log.warning("the servers of the cluster cannot be listed now: %s", error)
        raise Unavailable("the servers of the cluster cannot be listed now") from None
    held = {name: found.get(address_lease(name)) for name in names}
    return {name: lease.holder for name, lease in held.items() if lease is not None}


def advertised(server: Server) -> str:
    """Return the address that a server's configuration has told to load-balancers; empty for none."""
    return server.section(LoadBalancerSection).advertise
