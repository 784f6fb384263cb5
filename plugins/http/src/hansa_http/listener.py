"""The listener of one worker: a thread that accepts connections on the shared socket, and ends
without losing a request.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias
from wsgiref.types import WSGIApplication, WSGIEnvironment

from hansa import HansaError, Response, event_loop
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from .admission import Admission
from .certificate import ServerCertificate
from .connection import Connection
from .early import HttpSection
from .gate import Gate
from .lanes import Lanes
from .parser import Parser
from .serving import LARGE_BODY, Awaits, Site, never
from .task import Answer
from .tls_socket import TlsSocket
from .turn_away import turn_away

log = logging.getLogger("hansa.http")
Refuse: TypeAlias = Callable[[WSGIEnvironment, HansaError], Response]
SPARE = 16
"""Connections over the limit that are accepted while others are closed for them; waitress counts
what it listens with, too."""
QUIET = 0.25
"""Seconds after which nothing more is expected of a connection that is being made, or idle."""

ASK_AGAIN = 60.0
"""Seconds after which a worker whose threads are still stuck asks once more to be replaced: its
successor may not have started."""


def _nobody(address: str) -> bool:
    return False


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """Serves a WSGI application on a listening socket that other processes may share.

    `is_proxy` says of which addresses connections are not limited for each address; with a
    `certificate` connections are TLS. `replace` is called with the reason when all threads of
    services are stuck, and every minute until others serve or a thread becomes free. `refuse` makes
    the answer to a request whose body is over the limit; without it that is a problem.

    `start` begins to accept, `drain` ends it without losing what was accepted, `stop` closes
    everything. This works on a duplicate of the socket given, which is closed only by the drain of
    a server that ends.
    """

    channel_class = Connection

    def __init__(
        self,
        application: WSGIApplication,
        shared: socket.socket,
        section: HttpSection,
        gate: Gate,
        replace: Callable[[str], None] | None = None,
        is_proxy: Callable[[str], bool] = _nobody,
        certificate: ServerCertificate | None = None,
    ) -> None:
        adjustments = Adjustments(
            threads=section.threads,
            ident="Hansa",
            server_name="localhost",
            url_scheme=section.scheme,
            asyncore_use_poll=True,
            # beyond the limit, one is closed for each that comes; nobody is accepted if none can be
            connection_limit=section.connection_limit + SPARE,
            channel_timeout=section.channel_timeout,
            cleanup_interval=max(1, section.channel_timeout // 5),
            channel_request_lookahead=1,
            # waitress refuses a body of exactly its limit
            max_request_body_size=section.max_body + 1,
            max_request_header_size=section.max_header,
            backlog=section.backlog,
            clear_untrusted_proxy_headers=False,
            expose_tracebacks=False,
            log_socket_errors=False,
        )
        self.gate = gate
        self.admission = Admission(
            section.connection_limit, section.connections_per_address, is_proxy
        )
        self._certificate = certificate
        self.refuse: Refuse | None = None
        self.awaits: Awaits = never
        self.grace = section.grace
        self.lanes = Lanes(section.threads, section.max_threads, section.max_queue)
        self._stuck_limit = section.stuck_limit
        self._replace = replace
        self._ask_at = 0.0
        self._shared = shared
        own = shared.dup()
        self._ended = threading.Event()
        self._stopping = False
        self._serving = False
        self._orders: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._loop, name="http", daemon=True)
        super().__init__(
            application,
            {},
            _start=False,
            _sock=own,
            dispatcher=self.lanes.services,
            adj=adjustments,
            sockinfo=(own.family, own.type, own.proto, own.getsockname()),
            bind_socket=False,
        )

    @property
    def connections(self) -> int:
        """The number of connections that are open."""
        return len(self.active_channels)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to accept connections, in a thread of its own."""
        self.accept_connections()
        self._serving = True
        self._thread.start()

    def drain(self, closing: bool, limit: float) -> None:
        """Accept nothing new and return when everything accepted is answered, at most `limit`
        seconds later.

        While others serve the same socket (`closing` false) new connections are left to them at
        once. Else this goes on to accept until the grace is over, so that a load-balancer sees that
        it is not ready before it is gone; then it takes what still waits in the backlog, and closes
        the socket. Idle connections are kept until the grace is over: the answer to their next
        request says `Connection: close`.
        """
        self.gate.draining = True
        if not self._serving:
            return
        began = time.monotonic()
        if not closing:
            self.accepting = False
        if self._is_stuck:
            self.lanes.refuse_waiting()
        self._keep_idle(closing, began + self.grace)
        if closing:
            self._in_loop(lambda: turn_away(self.socket))
            self._ended.wait(QUIET)  # connections that are half made get the other half
            self._in_loop(self._last_call)
        if not self._answer_all(began + max(limit, self.grace)):
            log.warning(
                "%s requests are still not answered after %g s and are cut",
                len(self.active_channels),
                limit,
            )

    def _keep_idle(self, closing: bool, until: float) -> None:
        """Wait for the grace to end, or for connections to be gone and, if the server ends, for
        callers to stay away.
        """
        quiet_since = time.monotonic()
        now = quiet_since
        while now < until:
            if self.active_channels:
                quiet_since = now
            elif not closing or now - quiet_since > QUIET:
                return
            self._ended.wait(0.01)
            now = time.monotonic()

    def _answer_all(self, until: float) -> bool:
        """Close connections as they become idle; whether none is left in time."""
        while time.monotonic() < until:
            self._in_loop(self._close_idle)
            if not self.active_channels or self._ended.wait(0.02):
                return True
        return False

    def stop(self) -> None:
        """Close the listening socket and every connection, end all threads."""
        self.gate.draining = True
        if self._stopping:
            return
        self._stopping = True
        if self._serving:
            self.pull_trigger()
            self._thread.join(10)
        self.lanes.shut_down(5)
        wasyncore.close_all(self._map, ignore_all=True)

    def _in_loop(self, order: Callable[[], None]) -> None:
        """Have something done by the thread that owns the connections, and wait for it."""
        done = threading.Event()

        def carry_out() -> None:
            try:
                order()
            finally:
                done.set()

        self._orders.append(carry_out)
        self.pull_trigger()
        while not done.wait(0.05) and self._thread.is_alive():
            pass

    def _last_call(self) -> None:
        """Accept whoever waits in the backlog, then close the socket: who comes later is refused by
        the kernel.
        """
        before = -1
        while len(self.active_channels) != before:
            before = len(self.active_channels)
            self.handle_accept()
        self._shared.close()
        wasyncore.dispatcher.close(self)

    def _close_idle(self) -> None:
        """Close connections on which nothing happens, except where a request may be on its way."""
        until = time.time() - QUIET
        for connection in list(self.active_channels.values()):
            if connection.idle and connection.last_activity < until:
                connection.handle_close()

    def _loop(self) -> None:
        pause = 1.0
        try:
            while not self._stopping:
                try:
                    wasyncore.loop(timeout=pause, map=self._map, use_poll=True, count=1)
                    pause = self.lanes.services.adapt()
                    while self._orders:
                        self._orders.popleft()()
                    if not self.accepting:  # waitress looks after connections only while it accepts
                        self.maintenance(time.time())
                except Exception:
                    log.exception("the listener stumbled and goes on")
                    time.sleep(0.1)
        finally:
            self._ended.set()

    # -- what waitress calls -----------------------------------------------------------------------

    def accept(self) -> tuple[socket.socket | TlsSocket, tuple[str, int]] | None:
        """Accept a connection, over TLS with a certificate; None if nobody waits any more."""
        accepted: tuple[socket.socket, tuple[str, int]] | None = super().accept()
        if accepted is None or self._certificate is None:
            return accepted
        connection, address = accepted
        return TlsSocket(connection, self._certificate.context), address

    def add_task(self, task: Connection) -> None:
        """Have a complete request answered: on the event loop, or by a thread, or refuse it when too
        many wait for one already.
        """
        request = task.requests[0] if task.requests else None
        if (
            isinstance(request, Parser)
            and request.error is None
            and request.body_bytes_received < LARGE_BODY
            and self.awaits(request.request_uri, Answer(task, request).get_environment)
        ):
            event_loop.start(task.service)
        else:
            self.lanes.add(task)

    def maintenance(self, now: float) -> None:
        """Close idle connections, cut requests that do not get complete, end those that were
        refused.
        """
        for connection in list(self.active_channels.values()):
            if connection.lingering_until and now > connection.lingering_until:
                connection.will_close = True
            elif connection.overdue(now):
                connection.cut()
        if self._is_stuck:
            self._ask_for_replacement()
        super().maintenance(now)

    def _ask_for_replacement(self) -> None:
        if self._replace is None or self.gate.draining or time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + ASK_AGAIN
        self._replace(
            f"all {self.lanes.services.size} threads are stuck for {self.lanes.services.stuck:.0f} s"
        )

    @property
    def _is_stuck(self) -> bool:
        """Whether no thread of services has become free for longer than is allowed."""
        return 0 < self._stuck_limit < self.lanes.services.stuck


def serve_by_waitress(site: Site, shared: socket.socket) -> Listener:
    """Return the listener of a site, which has not begun to accept connections."""
    listener = Listener(
        site.application,
        shared,
        site.section,
        site.gate,
        site.replace,
        site.is_proxy,
        site.certificate,
    )
    listener.refuse = site.refuse
    listener.awaits = site.awaits
    listener.lanes.shared = site.shared_paths
    return listener
