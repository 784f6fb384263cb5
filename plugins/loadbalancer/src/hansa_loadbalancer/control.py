"""Control of a running load-balancer by whoever may read its run folder: questions to HAProxy, changes of the configuration."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hansa import Conflict, Invalid, Unavailable, started_at

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
    write_private,
)
from .generate import BACKEND
from .runtime import RuntimeSocket
from .settings import SECTION, BalancedServer, parse

WAIT = 30.0  # seconds that the load-balancer gets to take a change
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
    """The load-balancer whose socket is at `socket`; methods raise `Unavailable` if it does not run."""

    def __init__(self, socket: str) -> None:
        if not socket:
            raise Unavailable(
                f"this server knows no load-balancer: set [{SECTION}] socket in its config.toml"
            )
        self.folder = Path(socket).parent
        self.runtime = RuntimeSocket(Path(socket))

    def about(self) -> About:
        """What the load-balancer tells of itself."""
        return read_about(self.folder)

    # -- questions ---------------------------------------------------------------------------------------------------

    def servers(self) -> list[dict[str, Any]]:
        """The servers of the configuration, with what HAProxy knows of each."""
        section = parse(Path(self.about().config), self._text())
        rows = {row["svname"]: row for row in self.runtime.statistics() if row["pxname"] == BACKEND}
        found = []
        for server in section.servers:
            row = rows.get(server.name, {})
            status = str(row.get("status", "unknown"))
            if row.get("weight") == 0 and status.startswith("UP"):
                status = (
                    "DRAIN"  # HAProxy keeps that word for its own command, which no reload survives
                )
            found.append(
                {
                    "name": server.name,
                    "address": server.address,
                    "weight": server.weight,
                    "state": server.state,
                    "maxconn": server.maxconn,
                    "status": status,
                    "check_result": " ".join(
                        str(row[key]) for key in ("check_status", "last_chk") if key in row
                    ),
                    "seconds": int(row.get("lastchg", 0)),
                    "active": int(row.get("scur", 0)),
                    "queued": int(row.get("qcur", 0)),
                    "requests": int(row.get("stot", 0)),
                    "failed": int(row.get("econ", 0)) + int(row.get("eresp", 0)),
                }
            )
        return found

    def command(self, command: str) -> str:
        """The answer to a command that only looks; raises `Invalid` for any other."""
        words = command.strip(" ")
        if not _WORDS.fullmatch(words) or not any(
            words == known or words.startswith(known + " ") for known in COMMANDS
        ):
            raise Invalid({"command": f"is not one of {', '.join(COMMANDS)}"})
        return self.runtime.ask(words)

    def source(self) -> dict[str, str]:
        """The configuration as it is stored and as HAProxy has it, and where both are."""
        file = self.folder / SOURCE
        about = self.about()
        try:
            generated = file.read_text()
        except OSError as error:
            raise Unavailable(f"{file} cannot be read: {error.strerror}") from None
        return {
            "stored": self._text(),
            "stored_in": about.config,
            "generated": generated,
            "generated_in": str(file),
        }

    def _text(self) -> str:
        path = Path(self.about().config)
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{path} cannot be read: {error}") from None

    # -- changes -----------------------------------------------------------------------------------------------------

    def add(self, server: BalancedServer) -> str:
        """Have a server get requests too; raises `Conflict` if there is one of that name. Tells whether it took a reload."""

        def edit(text: str) -> str:
            if any(each.name == server.name for each in parse(path, text).servers):
                raise Conflict(f"the load-balancer has a server {server.name!r} already")
            return with_server(text, settings_of(server))

        path = Path(self.about().config)
        return self.change(edit)

    def remove(self, name: str) -> str:
        """Have a server get no more requests, and forget it; what it still answers is let finish. Raises `NotFound`."""
        return self.change(lambda text: without_server(text, name))

    def set(self, name: str, **settings: Any) -> str:
        """Change settings of a server, such as `weight` and `state`; raises `NotFound`."""
        return self.change(lambda text: with_changes(text, name, settings))

    def change(self, edit: Callable[[str], str]) -> str:
        """Change the stored configuration and wait until it is in force; tells how: `live`, `reload`, or `` for no change.

        Raises `Invalid`, and leaves everything as it was, if the result is refused.
        """
        with locked(self.folder / CHANGES, wait=True):
            about = self.about()
            path, before = Path(about.config), self._text()
            after = edit(before)
            parse(path, after)
            if after == before:
                return ""
            write_private(path, after)
            try:
                return self._wait(
                    lambda now: now.considered == digest(after) and now.attempt > about.attempt
                ).how
            except Invalid:
                write_private(path, before)
                raise

    def reload(self) -> About:
        """Have HAProxy replaced by a new process, losing nothing; raises `Invalid` if the configuration is refused."""
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
