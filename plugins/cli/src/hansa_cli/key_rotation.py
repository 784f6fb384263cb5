"""The cluster's key of secrets is replaced by a new one while its servers serve.

The new key goes into the files of all servers beside the present one; the cluster goes over to it
in one transaction; the old one leaves the files, and is kept beside them. Each step finds out what
was done before, so that what was interrupted is finished by running it again.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .client import Client

if TYPE_CHECKING:
    from hansa import KeyFile

POLL = 0.2
"""Seconds between two looks at what servers hold."""


class Stopped(click.ClickException):
    """Why the rotation goes no further, and what to do. Exit code 1."""


@dataclass(frozen=True)
class ServerKeys:
    """The keys of a server, as its workers report them: fingerprints in the order of the file."""

    name: str
    host: str
    file: str
    keys: list[str]


@dataclass(frozen=True)
class HeldKeys:
    """The fingerprint of the key that the cluster uses, and what each server holds."""

    current: str
    servers: list[ServerKeys]


class KeyRotation:
    """Replaces the key through the admin API and the key files of this machine.

    `say` is called with a line for each step; `limit` is how many seconds the servers get to learn
    of each.
    """

    def __init__(self, client: Client, say: Callable[[str], None], *, limit: float = 30.0) -> None:
        self._client = client
        self._say = say
        self._limit = limit

    def run(self, given: Path | None = None) -> list[str]:
        """Rotate the key, or finish what was begun; returns the files in which old keys are kept.

        `given` is the key file of a server on another machine that has the new key already. Raises
        `Stopped`, what the client raises, or `Invalid` for a key file.
        """
        with contextlib.ExitStack() as locks:
            held = self._held()
            for server in held.servers:
                file = key_file(server, held.current)
                if file is not None:
                    locks.enter_context(file.alone())
            return self._rotate(given)

    def _rotate(self, given: Path | None) -> list[str]:
        held = self._held()
        self._refuse_configured(held)
        started = {server.keys[0] for server in held.servers if server.keys[0] != held.current}
        if not started and any(len(server.keys) > 1 for server in held.servers):
            self._say("an earlier rotation is finished")
            return self._drop(held)
        new = self._new_key(held, started, given)
        self._distribute(held, new)
        self._use(new)
        return self._drop(self._held())

    def _held(self) -> HeldKeys:
        answer = self._client.call("admin.key.list")
        servers = [ServerKeys(**server) for server in answer["servers"]]
        return HeldKeys(answer["current"], servers)

    def _refuse_configured(self, held: HeldKeys) -> None:
        """Refuse to begin where a server has one key, which is not in a file."""
        silent = [server.name for server in held.servers if not server.keys]
        if silent:
            raise Stopped(f"{', '.join(silent)}: the keys are not known yet; try again")
        configured = [
            server.name for server in held.servers if not server.file and len(server.keys) == 1
        ]
        if configured:
            raise Stopped(
                f"{', '.join(configured)}: the key is in the configuration ([server] secret_key, "
                "or the variable that it refers to). Put a new key in front of it, as NEW,OLD, for "
                "every server, restart them (hansa cluster restart), and run this again; "
                "`hansa key new` prints a new key"
            )

    def _new_key(self, held: HeldKeys, started: set[str], given: Path | None) -> str:
        """Return the fingerprint of the key to go over to, which a file of this machine then has,
        or every server.
        """
        from hansa import KeyFile

        if given is not None:
            key = KeyFile(given).read()[0]
            if started and KeyFile.fingerprint_of(key) not in started:
                raise Stopped(f"{given} is not the new key that servers have already")
            return self._announce(held, key)
        if not started:
            self._refuse_without_files(held)
            return self._announce(held, KeyFile.new_key())
        for server in held.servers:
            if server.keys[0] not in started:
                continue
            file = key_file(server, held.current)
            if file is not None:
                return self._announce(held, file.read()[0])
        new = sorted(started)[0]
        lacking = [server for server in held.servers if new not in server.keys]
        if len(started) == 1 and not lacking:
            return new
        holder = next(server for server in held.servers if server.keys[0] == new)
        raise Stopped(
            f"{holder.name} on {holder.host or 'another machine'} has a new key already: copy its "
            f"{holder.file or 'key'} here, and run `hansa key rotate --from COPY`"
        )

    def _refuse_without_files(self, held: HeldKeys) -> None:
        if not any(key_file(server, held.current) for server in held.servers):
            where = ", ".join(f"{one.name}: {one.host} {one.file}" for one in held.servers)
            raise Stopped(f"no key file of a server is on this machine, or may be changed: {where}")

    def _announce(self, held: HeldKeys, key: str) -> str:
        """Put a key in front of the present one in the files of this machine."""
        from hansa import KeyFile

        new = KeyFile.fingerprint_of(key)
        if new == held.current:
            raise Stopped("the cluster uses this key already")
        for server in held.servers:
            file = key_file(server, held.current)
            if file is not None and file.fingerprints()[0] != new:
                file.announce(key, held.current)
                self._say(f"{server.name}: the new key {new[:12]} is in {file.path}")
        return new

    def _distribute(self, held: HeldKeys, new: str) -> None:
        """Wait until every server holds the new key; raises `Stopped` saying where it has to go."""
        here = {server.name for server in held.servers if key_file(server, held.current)}
        deadline = time.monotonic() + self._limit
        while True:
            lacking = [server for server in self._held().servers if new not in server.keys]
            elsewhere = [server for server in lacking if server.name not in here]
            if not lacking:
                return
            if lacking == elsewhere or time.monotonic() > deadline:
                break
            time.sleep(POLL)
        if not elsewhere:
            names = ", ".join(server.name for server in lacking)
            raise Stopped(f"{names}: the new key was not read in {self._limit:g} s; run this again")
        source = next(server for server in held.servers if server.name in here or not here)
        lines = [
            f"  {server.name} on {server.host or 'another machine'}: {_remedy(server)}"
            for server in elsewhere
        ]
        raise Stopped(
            "nothing is encrypted with the new key before these servers have it:\n"
            + "\n".join(lines)
            + f"\nwhere COPY is a copy of {socket.gethostname()}:{source.file}. "
            "The last of these runs completes the rotation; then run `hansa key rotate` here again"
        )

    def _use(self, new: str) -> None:
        """Have the cluster go over to the new key, and wait until all workers have."""
        deadline = time.monotonic() + self._limit
        while True:
            answer = self._client.call("admin.key.use", {"fingerprint": new})
            if not answer["pending"]:
                break
            if time.monotonic() > deadline:
                names = ", ".join(answer["pending"])
                raise Stopped(f"{names}: not known to use the new key; run this again")
        self._say(f"the cluster uses the key {new[:12]}: all that it has stored is encrypted anew")

    def _drop(self, held: HeldKeys) -> list[str]:
        """Take the old key out of the files of this machine, and keep it beside them."""
        kept: list[str] = []
        for server in held.servers:
            if len(server.keys) == 1:
                continue
            file = key_file(server, held.current)
            if file is None:
                self._say(f"{server.name} still has the old key: {_drop_remedy(server)}")
                continue
            for path in file.keep_only(held.current):
                self._say(f"{server.name}: the old key is kept in {path}")
                kept.append(str(path))
        return kept


def key_file(server: ServerKeys, current: str) -> KeyFile | None:
    """Return the key file of a server if it is on this machine and may be changed: it then has the
    key that the cluster uses.
    """
    from hansa import Invalid, KeyFile

    file = KeyFile(Path(server.file))
    try:
        return file if server.file and current in file.fingerprints() else None
    except Invalid:
        return None


def _remedy(server: ServerKeys) -> str:
    if server.file:
        return "run `hansa key rotate --from COPY` there"
    return "put the new key in front of its present one, as NEW,OLD, and restart it"


def _drop_remedy(server: ServerKeys) -> str:
    if server.file:
        return f"run `hansa key rotate` on {server.host or 'its machine'}"
    return "leave the new key alone in its configuration, and restart it"
