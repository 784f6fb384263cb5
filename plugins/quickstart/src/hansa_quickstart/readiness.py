"""Whether a component does its work, and waiting until it does."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from hansa_cli.access import USER, address_file
from hansa_cli.certificates import tls_context
from hansa_cli.location import Trust

from . import kvdb
from .addresses import reachable
from .component import CA, KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN, Component
from .console import end_of_output, troubles_of_workers
from .credentials import admin_password
from .failure import FAILED, Failure
from .https import (
    authority_certificates,
    server_certificates,
    trusted_certificates,
    web_certificates,
)
from .progress import Progress

START_LIMIT: Final = 90.0
"""Seconds that a component may take to start."""
TIMEOUT: Final = 5.0
"""Seconds to wait for a connection, and for each part of a response."""


def wait_ready(
    component: Component,
    process: subprocess.Popen[bytes] | None,
    progress: Progress,
    meanwhile: Callable[[], None],
) -> None:
    """Wait until a component does its work, calling `meanwhile` again and again.

    `process` is the component's own, if this command has started it. A server gets more time
    whenever it has ended a worker and found what to start the next one without. Raises `Failure`
    with the reason and the end of its log.
    """

    def over() -> bool:
        meanwhile()
        ended = process is not None and process.poll() is not None
        return ended or works(component)

    troubles = ""
    while not progress.wait(component.name, over, START_LIMIT):
        before = troubles
        troubles = troubles_of_workers(component, component.pid())
        if troubles == before:
            message = f"{component.name} does not answer after {START_LIMIT:g} s.{troubles}"
            raise Failure(message + end_of_output(component), FAILED)
    if process is not None and process.poll() is not None:
        component.forget()
        message = f"{component.name} ended with status {process.returncode} while it started."
        raise Failure(message + end_of_output(component), FAILED)


def works(component: Component) -> bool:
    """Whether a component does its work at this moment."""
    if component.kind == KVDB:
        return kvdb.engine_of(component).ready()
    if component.kind == SERVER:
        return _all_workers_run(component) and answers(component)
    if component.kind == LOAD_BALANCER:
        return _balancer_answers(component)
    if component.kind == WEB_ADMIN:
        return _admin_page_answers(component)
    if component.kind == CA:
        trusted = authority_certificates(component)
        return _status(component.addresses[0], "/authority", trusted=trusted) == 200
    return False


def answers(server: Component) -> bool:
    """Whether the first worker of a server answers."""
    trusted = server_certificates(server)
    return _status(server.addresses[0], "/hansa/ready", trusted=trusted) == 200


def _all_workers_run(server: Component) -> bool:
    """Whether a server has recorded that all of its workers run."""
    return served_since(server, server.pid()) is not None


def served_since(server: Component, pid: int | None) -> float | None:
    """Return when the process of a server has recorded that all of its workers run, as the
    `time.time()` of the record; None if it has not.
    """
    record = address_file(server.folder)
    try:
        about = json.loads(record.read_text())
        written = record.stat().st_mtime
    except (OSError, ValueError):
        return None
    return written if "workers" in about and about.get("pid") == pid else None


def _balancer_answers(balancer: Component) -> bool:
    """Whether the load-balancer itself answers, without a server."""
    section = balancer.section("loadbalancer")
    path = str(section.get("alive_path", "/hansa/load-balancer/alive"))
    trusted = trusted_certificates(balancer)
    return _status(balancer.addresses[0], path, trusted=trusted) == 200


def _admin_page_answers(component: Component) -> bool:
    """Whether the web admin shows its login; without a process of its own, whether the
    load-balancer serves its port.
    """
    if component.has_process:
        trusted = web_certificates(component)
        return _status(component.addresses[0], "/login", trusted=trusted) == 200
    balancer = component.part(LOAD_BALANCER)
    if balancer is None:
        return False
    password = admin_password(component)
    trusted = trusted_certificates(balancer)
    return _status(balancer.addresses[-1], "/hansa/api/docs", password, trusted) in (200, 401)


def _status(address: str, path: str, password: str = "", trusted: Sequence[Path] = ()) -> int:
    """Return the status of a response, 0 if there is none; over HTTPS if certificates are trusted."""
    headers = {"Connection": "close"}
    if password:
        login = base64.b64encode(f"{USER}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    try:
        with contextlib.closing(_connection(address, trusted)) as connection:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0


def _connection(address: str, trusted: Sequence[Path]) -> http.client.HTTPConnection:
    host, port = reachable(address)
    if not trusted:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    context = tls_context(Trust(tuple(file for file in trusted if file.is_file()), only=True))
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
