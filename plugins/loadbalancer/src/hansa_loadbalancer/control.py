"""Control of a running load-balancer through its run folder: queries to HAProxy, changes of the
configuration.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

from hansa import Conflict, Invalid, PlainSettings, Unavailable, replace_file, started_at

from .files import (
    CHANGES,
    SOURCE,
    About,
    digest,
    locked,
    read_about,
    settings_of,
    with_changes,
    with_server,
    without_server,
)
from .generate import BACKEND, hidden, proxy_secrets_in
from .runtime import RuntimeSocket
from .settings import SECTION, BalancedServer, parse

WAIT = 30.0
"""Seconds that the load-balancer gets to apply a change."""
COMMANDS = (
    "show info",
    "show stat",
    "show errors",
    "show sess",
    "show servers state",
    "show servers conn",
    "show backend",
    "show activity",
    "show pools",
    "show threads",
    "show version",
    "show ssl cert",
)
_WORDS = re.compile(r"[A-Za-z0-9_.:/#<>*-]+(?: [A-Za-z0-9_.:/#<>*-]+)*")


class Control:
    """The load-balancer whose socket is at `socket`; methods raise `Unavailable` if it does not
    run.
    """

    def __init__(self, socket: str) -> None:
        if not socket:
            raise Unavailable(
                f"this server has no load-balancer: set [{SECTION}] socket in its config.toml"
            )
        self.folder = Path(socket).parent
        self.runtime = RuntimeSocket(Path(socket))

    def about(self) -> About:
        """Return what the load-balancer reports of itself."""
        return read_about(self.folder)

    # -- queries -----------------------------------------------------------------------------------

    def servers(self) -> list[PlainSettings]:
        """Return the servers of the configuration, each with its state in HAProxy."""
        section = parse(Path(self.about().config), self._text())
        rows = {row["svname"]: row for row in self.runtime.statistics() if row["pxname"] == BACKEND}
        return [_server_state(server, rows.get(server.name, {})) for server in section.servers]

    def command(self, command: str) -> str:
        """Return the answer to a command that changes nothing; raises `Invalid` for any other."""
        words = command.strip(" ")
        known = any(f"{words} ".startswith(f"{command} ") for command in COMMANDS)
        if not known or not _WORDS.fullmatch(words):
            raise Invalid({"command": f"is not one of {', '.join(COMMANDS)}"})
        return self.runtime.ask(words)

    def source(self) -> dict[str, str]:
        """Return the configuration as it is stored and as HAProxy has it, without secrets, and
        where both are.
        """
        file = self.folder / SOURCE
        about = self.about()
        try:
            generated = file.read_text()
        except OSError as error:
            raise Unavailable(f"{file} cannot be read: {error.strerror}") from None
        stored = self._text()
        # they differ while a change of it is refused
        secrets = proxy_secrets_in(stored) | proxy_secrets_in(generated)
        return {
            "stored": hidden(stored, secrets),
            "stored_in": about.config,
            "generated": hidden(generated, secrets),
            "generated_in": str(file),
        }

    def _text(self) -> str:
        path = Path(self.about().config)
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{path} cannot be read: {error}") from None

    # -- changes -----------------------------------------------------------------------------------

    def add(self, server: BalancedServer) -> str:
        """Have a server get requests too; raises `Conflict` if there is one of that name. Returns
        as `change` does.
        """

        def edit(text: str) -> str:
            if any(each.name == server.name for each in parse(path, text).servers):
                raise Conflict(f"the load-balancer has a server {server.name!r} already")
            return with_server(text, settings_of(server))

        path = Path(self.about().config)
        return self.change(edit)

    def remove(self, name: str) -> str:
        """Have a server get no more requests, and forget it; what it still answers is let finish.
        Raises `NotFound`.
        """
        return self.change(lambda text: without_server(text, name))

    def set(self, name: str, **settings: object) -> str:
        """Change settings of a server, such as `weight` and `state`; raises `NotFound`."""
        return self.change(lambda text: with_changes(text, name, settings))

    def change(self, edit: Callable[[str], str]) -> str:
        """Change the stored configuration and wait until it is in force; returns how: `live`,
        `reload`, or empty for no change.

        Raises `Invalid`, and leaves everything as it was, if the result is refused.
        """
        with locked(self.folder / CHANGES, wait=True):
            about = self.about()
            path = Path(about.config)
            before = self._text()
            after = edit(before)
            parse(path, after)
            if after == before:
                return ""
            replace_file(path, after)
            try:
                return self._wait(
                    lambda now: now.considered == digest(after) and now.attempt > about.attempt
                ).how
            except Invalid:
                replace_file(path, before)
                raise

    def reload(self) -> About:
        """Have HAProxy replaced by a new process, losing nothing; raises `Invalid` if the
        configuration is refused.
        """
        with locked(self.folder / CHANGES, wait=True):
            about = self.about()
            handle = os.pidfd_open(about.pid)
            try:
                if started_at(about.pid) == about.start:
                    signal.pidfd_send_signal(handle, signal.SIGHUP)
            finally:
                os.close(handle)
            return self._wait(lambda now: now.attempt > about.attempt)

    def _wait(self, over: Callable[[About], bool]) -> About:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            about = self.about()
            if over(about):
                if about.faults:
                    raise Invalid(about.faults)
                return about
            time.sleep(0.02)
        raise Unavailable(
            f"the load-balancer has not taken the change within {WAIT:g} s", retry_after=10
        )


def _server_state(server: BalancedServer, row: PlainSettings) -> PlainSettings:
    """Return a server of the configuration with its row of HAProxy's statistics."""
    status = str(row.get("status", "unknown"))
    if row.get("weight") == 0 and status.startswith("UP"):
        # HAProxy keeps that word for its own command, which no reload survives
        status = "DRAIN"
    results = [str(row[key]) for key in ("check_status", "last_chk") if key in row]
    return {
        "name": server.name,
        "address": server.address,
        "weight": server.weight,
        "state": server.state,
        "maxconn": server.maxconn,
        "status": status,
        "check_result": " ".join(results),
        "seconds": int(row.get("lastchg", 0)),
        "active": int(row.get("scur", 0)),
        "queued": int(row.get("qcur", 0)),
        "requests": int(row.get("stot", 0)),
        "failed": int(row.get("econ", 0)) + int(row.get("eresp", 0)),
    }
