"""One component's life: started in the background or below this process, ready, stopped."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from hansa import spawn

from . import kvdb
from .addresses import reachable
from .component import KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN, Component
from .failure import FAILED, Failure
from .progress import Progress

START_LIMIT = 90.0
TAIL_LINES = 15


def launch(component: Component, *, below: bool = False) -> subprocess.Popen[bytes]:
    """Start a component's process in the background; `below` lets it end with this process. Its pid is noted."""
    component.console.parent.mkdir(mode=0o700, exist_ok=True)
    with open(component.console, "wb") as out:
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": out,
            "stderr": out,
            "cwd": component.folder,
        }
        options["env"] = environment(component)
        # a session of its own: the terminal that it was started from may close
        make: Any = spawn if below else subprocess.Popen
        child: subprocess.Popen[bytes] = make(
            component.command(), **options, **({} if below else {"start_new_session": True})
        )
    component.note(child.pid)
    return child


def environment(component: Component) -> dict[str, str]:
    """The variables of its process: its logs are files."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "HANSA_CONSOLE": "off"}


def wait_ready(
    component: Component,
    child: subprocess.Popen[bytes] | None,
    progress: Progress,
    meanwhile: Callable[[], None],
) -> None:
    """Wait until a component does its work, calling `meanwhile`; raises `Failure` with the reason and the end of its log."""

    def over() -> bool:
        meanwhile()
        return (child is not None and child.poll() is not None) or works(component)

    if not progress.wait(component.name, over, START_LIMIT):
        raise Failure(
            f"{component.name} does not answer after {START_LIMIT:g} s.{tail(component)}", FAILED
        )
    if child is not None and child.poll() is not None:
        component.forget()
        raise Failure(
            f"{component.name} ended with status {child.returncode} while it started.{tail(component)}",
            FAILED,
        )


def works(component: Component) -> bool:
    """Whether a component does its work at this moment."""
    if component.kind == KVDB:
        return kvdb.engine_of(component).ready()
    if component.kind == SERVER:
        return _all_workers(component) and answers(component)
    if component.kind == LOAD_BALANCER:
        return _alive(component)
    if component.kind == WEB_ADMIN:
        balancer = component.part(LOAD_BALANCER)
        status = (
            _status(balancer.addresses[-1], "/hansa/api/docs", password(component))
            if balancer
            else 0
        )
        return status in (200, 401)
    return False


def answers(server: Component) -> bool:
    """Whether the first worker of a server answers."""
    return _status(server.addresses[0], "/hansa/ready") == 200


def _all_workers(server: Component) -> bool:
    """Whether a server says that all of its workers run."""
    try:
        about = json.loads((server.folder / "run" / "server.json").read_text())
    except (OSError, ValueError):
        return False
    return "workers" in about and about.get("pid") == server.pid()


def _alive(balancer: Component) -> bool:
    """Whether a load-balancer answers by itself."""
    section, address = balancer.section("loadbalancer"), balancer.addresses[0]
    if not section.get("certificate"):
        return _status(address, str(section.get("alive_path", "/hansa/load-balancer/alive"))) == 200
    with contextlib.suppress(OSError), socket.create_connection(reachable(address), 2):
        return True
    return False


def password(component: Component) -> str:
    """The admin's password, as the first server of the cluster has it; empty if it cannot be read."""
    if os.environ.get("HANSA_ADMIN_PASSWORD"):
        return os.environ["HANSA_ADMIN_PASSWORD"]
    server = component if component.kind == SERVER else component.part(SERVER)
    try:
        return (server.folder / "admin.password").read_text().strip() if server else ""
    except OSError:
        return ""


def _status(address: str, path: str, password: str = "") -> int:
    """The status of an answer over HTTP, 0 if there is none."""
    headers = {"Connection": "close"}
    if password:
        headers["Authorization"] = (
            "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        )
    connection = http.client.HTTPConnection(*reachable(address), timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def tail(component: Component) -> str:
    """The last lines that a component wrote: on its console, else into its log."""
    logs = component.folder / "logs"
    for file in (component.console, *sorted(logs.glob("*.log"), key=_changed, reverse=True)):
        lines = _last_lines(file)
        if lines:
            return "\n".join([f" The end of {file}:", *(f"  {line}" for line in lines)])
    return f" It wrote nothing into {logs}."


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _last_lines(path: Path) -> list[str]:
    try:
        with open(path, "rb") as file:
            return _end_of(file).decode(errors="replace").splitlines()[-TAIL_LINES:]
    except OSError:
        return []


def _end_of(file: IO[bytes], size: int = 16384) -> bytes:
    file.seek(max(0, file.seek(0, os.SEEK_END) - size))
    return file.read()


# -- the end ----------------------------------------------------------------------------------------------------------


def ask_to_end(components: list[Component]) -> None:
    """Have components begin to finish what they accepted; `stop` waits for their end."""
    for component in components:
        pid = component.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # `stop` tells
                os.kill(pid, signal.SIGTERM)


def stop(
    component: Component, progress: Progress, child: subprocess.Popen[bytes] | None = None
) -> None:
    """Have a component finish what it accepted, and wait for its end; killed when it takes far too long."""
    pid = component.pid()
    if pid is None:
        component.forget()
        return
    limit = _grace(component)
    for number, seconds in ((signal.SIGTERM, limit), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        except PermissionError:
            raise Failure(f"{component.name}: process {pid} belongs to another user") from None
        # a child has to be waited for, else its number stays
        if progress.wait(f"the end of {component.name}", lambda: _ended(component, child), seconds):
            break
    else:
        raise Failure(f"{component.name}: process {pid} does not end", FAILED)
    component.forget()


def _ended(component: Component, child: subprocess.Popen[bytes] | None) -> bool:
    if child is not None:
        child.poll()
    return component.pid() is None


def _grace(component: Component) -> float:
    """Seconds that a component may take: a server twice its grace, and a little more to stop what it runs."""
    if component.kind != SERVER:
        return 60.0
    return float(component.section("server").get("grace", 30.0)) * 2 + 30
