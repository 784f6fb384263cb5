"""The process of the web admin: its configuration is read, its socket bound, its pages served."""

from __future__ import annotations

import logging
import signal
import socket
import tomllib
from pathlib import Path
from types import FrameType
from wsgiref.types import WSGIApplication

from hansa import Invalid, load, print_lines, resolve
from hansa_http.certificate import ServerCertificate

from .api import ClusterApi
from .application import build
from .connection import destinations
from .listener import WebServer
from .settings import SECTION, WebSection, relative_to, split_address

log = logging.getLogger("hansa.web")


def run_process(path: Path, directory: Path) -> None:
    """Serve the pages until SIGTERM or SIGINT; raises `Invalid` for a configuration that is not
    valid, or an address that cannot be listened at.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    section = read_section(path)
    if not section.address:
        raise Invalid({f"{path}: web.address": "is missing"})
    clusters = [ClusterApi(one) for one in destinations(section, path, directory)]
    serve(build(section, clusters), section, path)


def read_section(path: Path) -> WebSection:
    """Return the section `[web]` of a configuration file; raises `Invalid` with all faults."""
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid({str(path): f"cannot be read: {error}"}) from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid({str(path): f"is not valid TOML: {error}"}) from None
    try:
        return load(WebSection, resolve(data.get(SECTION, {})))
    except Invalid as invalid:
        faults = {f"{path}: {SECTION}.{key}": fault for key, fault in invalid.errors.items()}
        raise Invalid(faults) from None


def serve(application: WSGIApplication, section: WebSection, path: Path) -> None:
    """Answer requests until SIGTERM or SIGINT; raises `Invalid` for a certificate that cannot be
    used, or an address that cannot be listened at.
    """
    server = WebServer(application, listen(section.address), section, certificate_of(section, path))
    scheme = "https" if section.certificate else "http"

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    print_lines(f"The web admin is at {scheme}://{section.address}/")
    try:
        server.run()
    finally:
        server.close()


def certificate_of(section: WebSection, path: Path) -> ServerCertificate | None:
    """Return the certificate of a section, if it has one; raises `Invalid`."""
    if not section.certificate:
        return None
    try:
        return ServerCertificate(relative_to(path, section.certificate))
    except Invalid as invalid:
        fault = next(iter(invalid.errors.values()))
        raise Invalid({f"{path}: {SECTION}.certificate": fault}) from None


def listen(address: str) -> socket.socket:
    """Return a listening socket; raises `Invalid` if there can be none."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        fault = f"{address} cannot be listened at: {error.strerror}"
        raise Invalid({f"{SECTION}.address": fault}) from None
