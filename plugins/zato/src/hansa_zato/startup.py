"""Services that are called once as a worker starts, as Zato's startup services are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hansa import Request

from .section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server

log = logging.getLogger("hansa.zato.startup")
CHANNEL = "startup"


def call_startup_services(server: Server) -> threading.Thread | None:
    """Call the services of `zato.startup_services_any_worker`, and in the first worker those of
    `zato.startup_services_first_worker`, one after the other, in a thread that is returned.

    It is None if there are none. What fails is logged, and keeps no other from being called.
    """
    section = server.section(ZatoSection)
    wanted = dict(section.startup_services_any_worker)
    if server.worker == 0:
        wanted |= section.startup_services_first_worker
    if not wanted:
        return None
    made = threading.Thread(target=_call, args=(server, wanted), name="zato-startup", daemon=True)
    made.start()
    return made


def _call(server: Server, wanted: Mapping[str, str]) -> None:
    for name, payload in wanted.items():
        try:
            raw = _payload(Path(server.dir), payload)
        except OSError as error:
            log.error("the startup service %s is not called: %s", name, error)
            continue
        response = server.handle(name, Request(raw), type=CHANNEL, channel=CHANNEL)
        if not response.ok:
            log.error("the startup service %s failed", name, exc_info=response.error)


def _payload(folder: Path, given: str) -> bytes:
    """Return a payload: the content of a file that is named relative to the server's folder, or the
    text itself.
    """
    if given.startswith("file://"):
        return (folder / given.removeprefix("file://")).read_bytes()
    return given.encode()
