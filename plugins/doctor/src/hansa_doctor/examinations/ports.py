"""Whether parts that run answer at their addresses, and whether those that do not run could."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from hansa import ExaminedServer, Finding
from hansa_quickstart.component import Component
from hansa_quickstart.failure import Failure
from hansa_quickstart.sanity import check_ports

from ..subject import parts_around

LIMIT = 3.0
"""Seconds that a connection may take."""


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield what is at each address of the server and of the parts around it."""
    for part in parts_around(server):
        if not part.exists:
            yield Finding("ok", "run by hansa server run: its ports are not known here")
        elif part.has_process and part.pid() is not None:
            yield from _of_running(part)
        elif part.has_process:
            yield _of_stopped(part)


def _of_running(part: Component) -> Iterator[Finding]:
    for address in (*part.addresses, *part.https_addresses):
        host, _, port = address.rpartition(":")
        place = ("127.0.0.1" if host in ("*", "0.0.0.0", "") else host.strip("[]"), int(port))
        try:
            with socket.create_connection(place, LIMIT):
                yield Finding("ok", f"{part.name} answers at {address}")
        except OSError as error:
            remedy = f"look into {part.logs}, and start it again: hansa stop and hansa start"
            why = f"{part.name} runs and does not answer at {address}: {error}"
            yield Finding("fault", why, remedy)


def _of_stopped(part: Component) -> Finding:
    try:
        check_ports(part)
    except Failure as failure:
        remedy = "end that program, or give the part another address in its config.toml"
        return Finding("fault", failure.message, remedy)
    remedy = f"hansa start {part.folder}"
    return Finding("warning", f"{part.name} does not run; its addresses are free", remedy)
