"""`zato wait`: waits until a server takes requests, for scripts that start one."""

from __future__ import annotations

import argparse
import http.client
import ssl
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .invoke import Failed, RunningServer, find_server

READY: Final = "/hansa/ready"
"""The path that answers 200 as soon as a server takes requests."""
TIMED_OUT: Final = 1


def wait(words: list[str]) -> int:
    """Wait; returns the exit code: 0, 1 where it took too long, 2 for wrong usage."""
    given = parser().parse_args(words)
    if not given.path and not given.address:
        parser().error("give --path or --address")
    deadline = time.monotonic() + given.timeout
    while True:
        why = _why_not(given)
        if not why:
            break
        if time.monotonic() >= deadline:
            print(f"not ready after {given.timeout:g} s: {why}", file=sys.stderr)
            return TIMED_OUT
        time.sleep(given.interval)
    if not given.silent:
        print("OK")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the words."""
    made = argparse.ArgumentParser("zato wait", description="Wait until a server takes requests.")
    made.add_argument("--path", type=Path, help="folder of the server")
    made.add_argument("--address", default="", help="its address, such as http://127.0.0.1:17010")
    made.add_argument("--url-prefix", default="", help="what a proxy has before its paths")
    made.add_argument("--timeout", type=float, default=60.0, help="seconds to wait at most")
    made.add_argument("--interval", type=float, default=0.1, help="seconds between two looks")
    made.add_argument("--silent", action="store_true", help="print nothing once it is ready")
    return made


def _why_not(given: argparse.Namespace) -> str:
    """Return why a server does not take requests; empty if it does."""
    try:
        server = _at(given.address) if given.address else find_server(given.path, "")
        connection = server.connection()
    except Failed as failed:
        return str(failed)
    try:
        connection.request("GET", f"{given.url_prefix.rstrip('/')}{READY}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"no server answers at {server.host}:{server.port}: {error}"
    finally:
        connection.close()
    return "" if status == http.client.OK else f"it answers {status}"


def _at(address: str) -> RunningServer:
    """Return the server at an address; raises `Failed`."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failed(f"{address} is no address, such as http://127.0.0.1:17010")
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return RunningServer(parts.hostname, port or (443 if tls else 80), "", tls)
