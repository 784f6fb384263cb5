"""The servers of a cluster, asked for again and again, become those of the load-balancer's
configuration.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from .control import Control
from .files import SOCKET, with_changes, with_server, without_server
from .members import MEMBERS, PROOF, checked
from .settings import BalancedServer, LoadBalancerSection, read, split_address

log = logging.getLogger("hansa.loadbalancer")

ASK = 1.0
"""Seconds between two questions."""
ABSENCE = 30.0
"""Seconds for which a server must not be listed until it is forgotten: one that restarts, or a
Redis that is away for a moment, changes nothing.
"""
GAP = 10.0
"""Seconds without an answer after which nothing is known of how long a server was not listed."""
TIMEOUT = 3.0
"""Seconds that a server has to answer."""
LONGEST = 1024 * 1024
"""Bytes of the longest answer that is read."""


class Following:
    """Asks the servers of the configuration file at `path`, in turn, which servers there are."""

    def __init__(self, path: Path, run_folder: Path) -> None:
        self.path = path
        self._control = Control(str(run_folder / SOCKET))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)
        self._missing: dict[str, float] = {}
        self._answered = ""
        self._answered_at = 0.0
        self._trouble = ""

    def start(self) -> None:
        """Ask from now on, while the configuration says so."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2 * TIMEOUT)

    def _run(self) -> None:
        while not self._stopped.wait(ASK):
            trouble = ""
            try:
                self.ask_once()
            except Exception as error:  # whatever it is, it must go on
                trouble = str(error) or type(error).__name__
            if trouble and trouble != self._trouble:
                log.warning("the servers stay as they are, since none lists them: %s", trouble)
            self._trouble = trouble

    def ask_once(self) -> None:
        """Ask servers, beginning with the one that answered last, until one answers, and change the
        configuration where it differs; raises what kept the last one from answering.
        """
        section, _ = read(self.path)
        if not section.follow:
            return
        failed: OSError | ValueError | http.client.HTTPException | None = None
        for server in sorted(section.servers, key=lambda one: one.name != self._answered):
            try:
                found = self._listed_by(server, section)
            except (OSError, ValueError, http.client.HTTPException) as error:
                failed = error
                continue
            self._answered = server.name
            self._adopt(section, found)
            return
        if failed is not None:
            raise failed

    def _listed_by(self, server: BalancedServer, section: LoadBalancerSection) -> dict[str, str]:
        """Return the servers that one of them lists, by name."""
        host, port = split_address(server.address)
        proof = {PROOF: str(section.proxy_secret or ""), "Connection": "close"}
        with contextlib.closing(self._connection(host, port, server.name, section)) as connection:
            connection.request("GET", MEMBERS, headers=proof)
            answer = connection.getresponse()
            body = answer.read(LONGEST)
        if answer.status != http.client.OK:
            raise ValueError(f"{server.name} at {server.address} answers {answer.status}")
        return checked(json.loads(body))

    def _connection(
        self, host: str, port: int, name: str, section: LoadBalancerSection
    ) -> http.client.HTTPConnection:
        if not section.server_ca:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.path.parent / section.server_ca)
        return _NamedConnection(host, port, name, context)

    def _adopt(self, section: LoadBalancerSection, found: Mapping[str, str]) -> None:
        """Make the servers of the configuration those that were listed."""
        present = {server.name: server.address for server in section.servers}
        gone = self._gone([name for name in present if name not in found])
        new = {name: at for name, at in found.items() if present.get(name) != at}
        if not found or not (gone or new):
            return

        def edit(text: str) -> str:
            for name, address in new.items():
                if name in present:
                    text = with_changes(text, name, {"address": address})
                else:
                    text = with_server(text, {"name": name, "address": address})
            for name in gone:
                text = without_server(text, name)
            return text

        how = self._control.change(edit)
        added = ", ".join(f"{name} at {address}" for name, address in new.items()) or "none"
        log.info(
            "followed the cluster: new %s, gone %s (%s)", added, ", ".join(gone) or "none", how
        )

    def _gone(self, missing: list[str]) -> list[str]:
        """Return those of the servers that are not listed which all answers of the last 30 seconds
        have left out.
        """
        now = time.monotonic()
        if now - self._answered_at > GAP:
            # after an outage, servers may not have said yet that they are there
            self._missing.clear()
        self._answered_at = now
        self._missing = {name: self._missing.get(name, now) for name in missing}
        return [name for name, since in self._missing.items() if now - since > ABSENCE]


class _NamedConnection(http.client.HTTPSConnection):
    """A connection whose certificate is to be for a name, whatever the address is."""

    def __init__(self, host: str, port: int, name: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT, context=context)
        self._name = name
        self._tls = context

    def connect(self) -> None:
        """Connect, and verify the certificate for the name."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
