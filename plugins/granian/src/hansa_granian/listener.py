"""The listener of one worker: granian reads requests, this has them answered, keeps the limits, and
ends without losing a request.
"""

from __future__ import annotations

import logging
import math
import re
import select
import socket
import threading
import time
from importlib.metadata import version
from wsgiref.types import WSGIEnvironment

from hansa import Invalid, event_loop, new_cid
from hansa_http.admission import Admission, Occupation
from hansa_http.lanes import Lanes
from hansa_http.listener import ASK_AGAIN, QUIET, SPARE
from hansa_http.own_paths import ALWAYS_THERE, OWN_PREFIX
from hansa_http.serving import LARGE_BODY, Site
from hansa_http.turn_away import turn_away

from .call import Call
from .certificate import tried_copy
from .connections import Connection, Connections
from .worker import GranianWorker, Watcher

log = logging.getLogger("hansa.granian")

LOOK = 1.0
"""Seconds between looks at connections, while the listener accepts."""
END = 2.0
"""Seconds that granian has to end, once its connections are closed."""
WRITTEN = 0.5
"""Seconds in which an answer that was handed to granian is on its way, and its connection is not
ended."""
_is_cid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


class GranianListener:
    """Serves a site on a listening socket that other processes may share.

    Services run in granian's own threads, which costs no hand-over, as long as one of these is left
    that none of them can keep. Where all others wait, requests are handed to `lanes`, whose threads
    grow. What is Hansa's own is answered in threads that services cannot use up.
    """

    def __init__(self, site: Site, shared: socket.socket) -> None:
        section = site.section
        if section.client_ca:
            fault = "granian tells no certificates of clients: leave http.server at waitress"
            raise Invalid({"http.client_ca": fault})
        self.section = section
        self.gate = site.gate
        self.application = site.plain_application
        self.refuse = site.refuse
        self.incoming: dict[Call, None] = {}
        self._site = site
        self._shared = shared
        places = section.threads - 1
        self.lanes = Lanes(1, max(1, section.max_threads - places), section.max_queue)
        self.lanes.shared = site.shared_paths
        self._free = [None] * places
        self._reader_threads = places + 2
        self._running: dict[Call, float] = {}
        self._open: dict[tuple[str, str], Call | float] = {}
        self._opening = threading.Lock()
        self._admission = Admission(
            section.connection_limit, section.connections_per_address, site.is_proxy
        )
        self._connections = Connections(shared, self._is_served, self._admission.leave)
        self._worker: GranianWorker | None = None
        self._replaced: list[tuple[float, GranianWorker]] = []
        self._wake = threading.Event()
        self._looking = threading.Lock()
        self._stopping = False
        self._ask_at = 0.0
        self._thread = threading.Thread(target=self._look_after, name="http", daemon=True)

    @property
    def connections(self) -> int:
        """The number of connections that are open."""
        return len(self._look())

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to accept connections, in threads of granian's; raises `Invalid` for a certificate
        that granian cannot use.
        """
        self._context = None if self._site.certificate is None else self._site.certificate.context
        self._worker = self._begin()
        self._thread.start()
        log.info("HTTP is served by granian %s", version("granian"))

    def _begin(self) -> GranianWorker:
        section = self.section
        certificate = self._site.certificate
        with tried_copy(None if certificate is None else certificate.file) as copy:
            return GranianWorker(
                self._shared,
                self._accept,
                threads=self._reader_threads,
                connection_limit=section.connection_limit + SPARE,
                # what is a little over the limit is refused with a cid, which granian does not give
                max_header=section.max_header + 1024,
                timeout=section.channel_timeout,
                backlog=section.backlog,
                certificate=copy,
            )

    def drain(self, closing: bool, limit: float) -> None:
        """Accept nothing new and return when everything accepted is answered, at most `limit`
        seconds later; `closing`: no other process serves on.

        Idle connections are kept until the grace is over: the answer to their next request says
        `Connection: close`.
        """
        self.gate.draining = True
        worker = self._worker
        if worker is None:
            return
        began = time.monotonic()
        if not closing:
            worker.accept_no_more()
        if self._is_stuck:
            self.lanes.refuse_waiting()
        self._keep_idle(closing, began + self.section.grace)
        if closing:
            self._last_call(worker)
        left = self._answer_all(began + max(limit, self.section.grace))
        if left:
            log.warning(
                "%s requests are still not answered after %g s and are cut", len(left), limit
            )

    def _keep_idle(self, closing: bool, until: float) -> None:
        """Wait for the grace to end, or for connections to be gone and, if the server ends, for
        callers to stay away.
        """
        quiet_since = time.monotonic()
        while time.monotonic() < until:
            now = time.monotonic()
            if self._look():
                quiet_since = now
            elif not closing or now - quiet_since > QUIET:
                return
            time.sleep(0.02)

    def _last_call(self, worker: GranianWorker) -> None:
        """Have whoever waits in the backlog accepted, then close the socket: who comes later is
        refused by the kernel.
        """
        turn_away(self._shared)
        time.sleep(QUIET)  # connections that are half made get the other half
        until = time.monotonic() + QUIET
        while time.monotonic() < until and select.select([self._shared], [], [], 0)[0]:
            time.sleep(0.002)
        worker.accept_no_more()
        self._shared.close()

    def _answer_all(self, until: float) -> list[Connection]:
        """Close connections as they become idle; returns those that are left."""
        while True:
            quiet = time.time() - QUIET
            left = self._look()
            for connection in left:
                if connection.occupation is Occupation.IDLE and connection.last_activity < quiet:
                    connection.read_no_more()
            if not left or time.monotonic() > until:
                return left
            time.sleep(0.02)

    def stop(self) -> None:
        """Close every connection, end all threads."""
        self.gate.draining = True
        if self._stopping:
            return
        self._stopping = True
        worker = self._worker
        if worker is not None:
            self._wake.set()
            self._thread.join(10)
            worker.accept_no_more()
            for connection in self._look():
                connection.handle_close()
            self._end_replaced(math.inf)
            if not worker.end(END):
                log.warning("granian has not ended after %g s", END)
        self.lanes.shut_down(5)

    # -- requests ----------------------------------------------------------------------------------

    def _accept(self, watcher: Watcher) -> None:
        """Take in a request, in a thread of granian's, which must see no exception."""
        try:
            call = Call(self, watcher)
            with self._opening:
                self._open[call.client] = call
            if call.begin():
                self.dispatch(call)
        except Exception:
            log.exception("a request could not be taken in")
            watcher.done()

    def dispatch(self, call: Call) -> None:
        """Have a complete request answered: here, in a thread of granian's, or in another one, or on
        the event loop.
        """
        target = call.request_uri
        if target.startswith(OWN_PREFIX):
            path = target.partition("?")[0]
            if path in ALWAYS_THERE:
                call.service()
                return
            if path not in self.lanes.shared:
                self.lanes.add(call)
                return
        if call.received < LARGE_BODY and self._site.awaits(target, lambda: call.environ):
            event_loop.start(call.service)
            return
        try:
            place = self._free.pop()
        except IndexError:
            self.lanes.add(call)
            self._wake.set()
            return
        self._running[call] = time.monotonic()
        try:
            call.service()
        finally:
            del self._running[call]
            self._free.append(place)

    def forget(self, call: Call) -> None:
        """A request is answered, or will not be."""
        with self._opening:
            if self._open.get(call.client) is call:
                self._open[call.client] = time.monotonic()

    def _is_served(self, client: tuple[str, str]) -> bool:
        """Whether a request of a client waits, is being answered, or has just been."""
        found = self._open.get(client, 0.0)
        return not isinstance(found, float) or time.monotonic() - found < WRITTEN

    def _forget_answered(self) -> None:
        with self._opening:
            for client in [one for one in self._open if not self._is_served(one)]:
                del self._open[client]

    def cid_of(self, environ: WSGIEnvironment) -> str:
        """Return the caller's correlation id if it gave a proper one, else a new one."""
        given: str = environ.get("HTTP_X_HANSA_CID", "")
        return given if _is_cid(given) else new_cid()

    # -- what is looked after ----------------------------------------------------------------------

    def _look_after(self) -> None:
        """Start threads for requests that wait, end connections and requests that take too long."""
        next_look = 0.0
        while not self._stopping:
            try:
                pause = self.lanes.services.adapt()
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + LOOK
                    self._maintain()
            except Exception:
                log.exception("the listener stumbled and goes on")
                pause = 0.1
            if self._wake.wait(min(pause, LOOK)):
                self._wake.clear()

    def _maintain(self) -> None:
        now = time.monotonic()
        for call in list(self.incoming):
            call.cut_if_overdue(now)
        self._forget_answered()
        quiet = time.time() - self.section.channel_timeout
        for connection in self._look():
            is_served = connection.occupation is Occupation.SERVED
            if not is_served and connection.last_activity < quiet:
                connection.handle_close()
        if self._is_stuck:
            self._ask_for_replacement()
        self._end_replaced(now)
        self._renew_certificate()

    def _look(self) -> list[Connection]:
        """Return the connections that are open, and keep their number within the limits."""
        with self._looking:
            found = self._connections.look()
            for connection in found.gone:
                self._admission.leave(connection)
            for connection in found.new:
                if connection.is_open:
                    self._admission.enter(connection)
            return found.all

    def _renew_certificate(self) -> None:
        """Serve the certificate that replaced the one before."""
        certificate = self._site.certificate
        if certificate is None or self.gate.draining:
            return
        context = certificate.context
        if context is self._context:
            return
        self._context = context
        before = self._worker
        try:
            self._worker = self._begin()
        except Invalid as error:
            log.error("%s, and the certificate before serves on", error)
            return
        if before is not None:
            before.accept_no_more()
            self._replaced.append((time.monotonic() + self.section.channel_timeout, before))

    def _end_replaced(self, now: float) -> None:
        """End what serves a certificate of before, when its handshakes are over."""
        while self._replaced and self._replaced[0][0] < now:
            self._replaced.pop(0)[1].end(0)

    def _ask_for_replacement(self) -> None:
        replace = self._site.replace
        if replace is None or self.gate.draining or time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + ASK_AGAIN
        size = len(self._running) + self.lanes.services.size
        replace(f"all {size} threads are stuck for {self.lanes.services.stuck:.0f} s")

    @property
    def _is_stuck(self) -> bool:
        """Whether no thread of services has become free for longer than is allowed."""
        limit = self.section.stuck_limit
        if limit <= 0 or self._free or self.lanes.services.stuck <= limit:
            return False
        began = list(self._running.values())
        return not began or time.monotonic() - max(began) > limit
