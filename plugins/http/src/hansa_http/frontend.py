"""What the plugin keeps in a worker: the table of channels, the request handler, and once it
serves, a listener and a log.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

from hansa import Invalid, Server

from .access import AccessLog
from .app import create_app
from .certificate import ServerCertificate
from .early import HttpSection
from .gate import Gate
from .handler import RequestHandler
from .listener import serve_by_waitress
from .own_paths import HEALTH_CHECKS
from .plain_app import create_plain_app
from .serving import WAITRESS, HttpServer, Site
from .table import Table

log = logging.getLogger("hansa.http")


class HttpFrontend:
    """HTTP in one worker; channels and other plugins get it as `server.resource(HttpFrontend)`.

    Channels enter `table` when they start; `handler` answers requests, with or without a listener.
    `shared_paths` are paths of Hansa's own behind which services run: the threads of services
    answer there, and not those that are kept for the admin API.
    """

    def __init__(self, section: HttpSection) -> None:
        self.section = section
        self.table = Table()
        self.gate = Gate()
        self.handler = RequestHandler(self.table, self.gate, section)
        self.shared_paths: set[str] = set()
        self._access: AccessLog | None = None
        self._servers: dict[str, Callable[[Site, socket.socket], HttpServer]] = {
            WAITRESS: serve_by_waitress
        }
        self._listener: HttpServer | None = None

    def offer(self, name: str, make: Callable[[Site, socket.socket], HttpServer]) -> None:
        """Have the setting `http.server` choose what is made by a function; plugins call it in a
        `hansa_serve` that is `tryfirst`.
        """
        self._servers[name] = make

    def serve(self, server: Server) -> None:
        """Begin to accept connections, if the supervisor has bound a socket; raises `Invalid` for
        a server that is not there.
        """
        shared = server.sockets.get(self.section.scheme)
        if shared is None:
            return
        make = self._servers.get(self.section.server)
        if make is None:
            there = ", ".join(sorted(self._servers))
            fault = f"{self.section.server!r} is not installed here; there is {there}"
            raise Invalid({"http.server": fault})
        certificate = None
        if self.section.certificate:
            certificate = certificate_of(server.dir, self.section)
        self.gate.unready = lambda: _why_unready(server)
        if self.section.access_log:
            left_out = frozenset() if self.section.access_log_health else HEALTH_CHECKS
            self._access = AccessLog(server.dir / "logs" / "access.log", left_out)
        if self.handler.proxies.any_local_program:
            log.warning(
                "http.trusted_proxies has an address of this machine, where any program can pretend "
                "to be a proxy and make up the addresses of callers: set http.proxy_secret, and the "
                "same as loadbalancer.proxy_secret of the load-balancer"
            )
        site = Site(
            application=create_app(self.handler, self._access),
            plain_application=create_plain_app(self.handler, self._access),
            section=self.section,
            gate=self.gate,
            refuse=self.handler.refuse,
            is_proxy=self.handler.proxies.trusts,
            replace=server.replace_worker,
            certificate=certificate,
            shared_paths=self.shared_paths,
            awaits=self.table.awaits,
        )
        self._listener = make(site, shared)
        self._listener.start()

    def drain(self, closing: bool, grace: float) -> None:
        """Answer everything accepted within `grace` seconds, and accept nothing new; `closing`: no
        other worker serves on.
        """
        if self._listener is not None:
            self._listener.drain(closing, grace)

    def stop(self) -> None:
        """Close the listener, and then the log of what it answered."""
        listener = self._listener
        self._listener = None
        if listener is not None:
            listener.stop()
        access = self._access
        self._access = None
        if access is not None:
            access.close()


def _why_unready(server: Server) -> str:
    """Return why a worker wants no requests; empty if it does."""
    return server.fault if server.ready else "the worker is starting or ending"


def certificate_of(folder: Path, section: HttpSection) -> ServerCertificate:
    """Return the certificate of a section, whose files are relative to a folder."""
    client_ca = folder / section.client_ca if section.client_ca else None
    required = section.client_certificates == "required"
    return ServerCertificate(folder / section.certificate, client_ca, required=required)
