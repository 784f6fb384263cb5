"""The logs of all servers of a cluster: this server's are read, the others are asked for theirs."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from hansa import Server, name_lease

from .exchange import Exchange
from .odb_exchange import OdbExchange
from .query import LogAnswer, LogQuery
from .reading import read_logs
from .redis_exchange import RedisExchange

log = logging.getLogger("hansa.trace")

SECONDS = 2.0
"""Seconds for which other servers are waited for."""
ANNOUNCE = 60.0
"""Seconds between two times at which a server says that it runs."""
PAUSE = 2.0
"""Seconds before questions are listened for again, where that failed."""


@dataclass(frozen=True)
class Found:
    """The answers by server, and what could not be asked, in sentences by server."""

    answers: dict[str, LogAnswer] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def exchange_of(server: Server) -> Exchange:
    """Return how the servers of a cluster ask each other."""
    client = server.bus.redis
    return OdbExchange(server.journal) if client is None else RedisExchange(client, server.bus)


class ClusterLogs:
    """The logs of all servers. The first worker of each server answers others."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._folder = server.dir / "logs"
        self._exchange = exchange_of(server)
        self._stopped = threading.Event()
        self._answering = threading.Thread(target=self._serve, name="log answers", daemon=True)
        self._announcing = threading.Thread(target=self._announce, name="log servers", daemon=True)

    def start(self) -> None:
        """Begin to answer other servers."""
        if self._server.worker == 0:
            self._answering.start()
            self._announcing.start()

    def stop(self) -> None:
        """Answer no more; what is being answered may end by itself."""
        self._stopped.set()

    def ask(self, query: LogQuery, servers: list[str]) -> Found:
        """Return what these servers have, or all; in little more than 2 s, whoever does not answer."""
        own = self._server.name
        found = Found()
        running = self._running(servers, found)
        others = [name for name in running if name != own]
        id = self._send(others, query, found)
        asked_at = time.monotonic()
        if own in running:
            found.answers[own] = self._answer(query)
        if id:
            left = SECONDS - (time.monotonic() - asked_at)
            self._receive(id, others, left, found)
        return found

    def _running(self, servers: list[str], found: Found) -> list[str]:
        """Return which of the servers asked for run; the others are noted as missing."""
        own = self._server.name
        try:
            known = dict(self._exchange.known())
            reports = self._server.cluster.reports().values()
            alive = {report.server for report in reports} | {own}
            names = servers or sorted({*known, *alive})
            leases = self._server.cluster.leases([name_lease(name) for name in names])
        except Exception as error:
            found.missing["others"] = f"the other servers could not be asked: {error}"
            return [own]
        running = []
        for name in names:
            if name == own or name_lease(name) in leases:
                running.append(name)
            elif name in known or name in alive:
                found.missing[name] = f"{name} does not run: its lines are missing"
            else:
                found.missing[name] = f"no server named {name} was there in the last 7 days"
        return running

    def _send(self, others: list[str], query: LogQuery, found: Found) -> str:
        if not others:
            return ""
        try:
            return self._exchange.send(others, query)
        except Exception as error:
            self._note(others, f"could not be asked ({error})", found)
            return ""

    def _receive(self, id: str, others: list[str], seconds: float, found: Found) -> None:
        why = f"did not answer within {SECONDS:g} s"
        try:
            found.answers.update(self._exchange.receive(id, len(others), seconds))
        except Exception as error:
            why = f"could not be asked ({error})"
        silent = [name for name in others if name not in found.answers]
        self._note(silent, why, found)

    def _note(self, servers: list[str], why: str, found: Found) -> None:
        for name in servers:
            found.missing[name] = f"{name} {why}: its lines are missing"

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                self._exchange.serve(self._server.name, self._answer, self._stopped)
            except Exception as error:
                log.debug("questions of other servers cannot be listened for: %s", error)
                self._stopped.wait(PAUSE)

    def _answer(self, query: LogQuery) -> LogAnswer:
        return read_logs(self._server.name, self._folder, query)

    def _announce(self) -> None:
        while True:
            try:
                self._exchange.announce(self._server.name)
            except Exception as error:
                log.debug("other servers cannot learn that this one runs: %s", error)
            if self._stopped.wait(ANNOUNCE):
                return
