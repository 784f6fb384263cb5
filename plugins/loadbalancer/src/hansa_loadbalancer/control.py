"""Control of a running load-balancer through its run folder: queries to HAProxy, changes of the
configuration.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
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
from .generate import BACKEND, hidden
from .lines import with_lines
from .runtime import RuntimeSocket
from .settings import SECTION, BalancedServer, parse
from .trial import Verdict, ask
from .versions import (
    Version,
    digest_shown,
    forget_templates,
    keep,
    secrets_in,
    template_name,
    template_of,
    unmasked,
    version,
    versions,
    with_template,
)

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

    def source(self, number: int = 0) -> dict[str, str]:
        """Return the configuration as it is stored and as HAProxy has it, without secrets, and
        where both are; with a number what was stored in that version. Raises `NotFound`.
        """
        file = self.folder / SOURCE
        about = self.about()
        try:
            generated = file.read_text()
        except OSError as error:
            raise Unavailable(f"{file} cannot be read: {error.strerror}") from None
        stored = version(self.versions_folder, number).text if number else self._text()
        template_file = template_of(stored, Path(about.config).parent)
        try:
            template = template_file.read_text()
        except (OSError, UnicodeDecodeError):
            template = ""
        # they differ while a change of it is refused
        secrets = secrets_in(stored) | secrets_in(generated)
        return {
            "stored": hidden(stored, secrets),
            "stored_in": about.config,
            "digest": digest_shown(stored),
            "template": hidden(template, secrets),
            "template_in": str(template_file),
            "generated": hidden(generated, secrets),
            "generated_in": str(file),
        }

    @property
    def versions_folder(self) -> Path:
        """The folder of the texts that were replaced."""
        return self.folder.parent / "versions"

    def versions(self) -> list[Version]:
        """Return the texts that were replaced by a save, the latest first."""
        return versions(self.versions_folder)

    def check(self, stored: str, template: str | None) -> Verdict:
        """Have an edited text, and a template if it is given, judged by the load-balancer; nothing is
        changed. Secrets may be masked as `source` has them. Faults name the lines.
        """
        with locked(self.folder / CHANGES, wait=True):
            before = self._text()
            template = None if template is None else unmasked(template, before)
            return self._judged(unmasked(stored, before), template, secrets_in(before))

    def _judged(self, text: str, template: str | None, secrets: set[str]) -> Verdict:
        verdict = ask(self.folder, text, template)
        hiding = (
            secrets | secrets_in(text) | secrets_in(verdict.generated) | self._serving_secrets()
        )
        faults = with_lines(verdict.faults, text, self.about().config)
        return replace(
            verdict,
            faults={key: hidden(fault, hiding) for key, fault in faults.items()},
            generated=hidden(verdict.generated, hiding),
        )

    def _serving_secrets(self) -> set[str]:
        """Return the secrets that HAProxy has, which stored texts may only refer to."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return secrets_in((self.folder / SOURCE).read_text())
        return set()

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
            before = self._text()
            after = edit(before)
            parse(Path(self.about().config), after)
            return self._put(before, after)

    def save(self, stored: str, template: str | None, seen: str, by: str) -> str:
        """Store an edited text, with a template if one is given, once it was found valid; returns as
        `change` does. What it replaces is kept.

        Raises `Conflict` if `seen`, the digest that `source` gave, is another's, and `Invalid` with
        all faults if it is refused; nothing is changed then.
        """
        with locked(self.folder / CHANGES, wait=True):
            before = self._text()
            if seen and seen != digest_shown(before):
                raise Conflict("the configuration was changed since it was read: read it again")
            template = None if template is None else unmasked(template, before)
            return self._save(before, unmasked(stored, before), template, by)

    def restore(self, number: int, by: str) -> str:
        """Store a version again, as `save` does; raises `NotFound`, and what that raises."""
        with locked(self.folder / CHANGES, wait=True):
            text = version(self.versions_folder, number).text
            return self._save(self._text(), text, None, by)

    def _save(self, before: str, after: str, template: str | None, by: str) -> str:
        folder = Path(self.about().config).parent
        verdict = self._judged(after, template, secrets_in(before))
        if verdict.faults:
            raise Invalid(verdict.faults)
        if template is not None:
            name = template_name(template)
            if name:
                replace_file(folder / name, template, durable=True)
            after = with_template(after, name)
        if after == before:
            return ""
        kept = keep(self.versions_folder, before, by)
        serving = after
        try:
            return self._put(before, after)
        except Invalid:  # as where something else listens there by now: nothing was replaced
            kept.unlink(missing_ok=True)
            serving = before
            raise
        finally:
            forget_templates(folder, [serving, *(one.text for one in self.versions())])

    def _put(self, before: str, after: str) -> str:
        """Store a text in the place of another one, and wait until it is in force."""
        if after == before:
            return ""
        about = self.about()
        path = Path(about.config)
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
