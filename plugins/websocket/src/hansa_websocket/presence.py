"""Tells the `hook_service` of a channel of clients that connect and disconnect; what is to be told yet
is in files, which outlive the worker.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from hansa import Server, new_cid

from .client import CUT

if TYPE_CHECKING:
    from .client import Client

UNFINISHED = "."
"""Begins the name of a folder that is not locked yet."""
LOCK = "lock"
"""The file that a worker has locked as long as it, and its channel, live."""


class ConnectionEvent(TypedDict, total=False):
    """What the service gets; `code` and `reason`, of the close, with `disconnected` alone."""

    event: Literal["connected", "disconnected"]
    channel: str
    client: str
    address: str
    security: str
    connected_at: float
    server: str
    code: int
    reason: str


class Presence:
    """Tells one service of the clients of one channel, from `open` to `close`.

    Each client has a file in a folder of its own channel and object from before the service is told
    that it has connected, until the service has been told that it has gone. Who finds such a folder
    without an owner tells what its owner could not. Its methods block.
    """

    def __init__(self, channel: str, service: str, server: Server, log: logging.Logger) -> None:
        self._channel = channel
        self._service = service
        self._server = server
        self._log = log
        self._all = _folder(server, channel)
        self._own = self._all / new_cid()
        self._lock = contextlib.ExitStack()
        self._closed = threading.Event()
        self._telling: threading.Thread | None = None

    def open(self) -> None:
        """Make the folder, and begin to tell what others have left; raises OSError."""
        made = self._all / f"{UNFINISHED}{self._own.name}"
        made.mkdir(mode=0o700, parents=True)
        self._lock.enter_context(_locked(made))
        made.rename(self._own)
        name = f"websocket {self._channel} left"
        self._telling = threading.Thread(target=self._tell_left, name=name, daemon=True)
        self._telling.start()

    def close(self, patience: float) -> None:
        """Leave what could not be told to the next one; may be called more than once."""
        self._closed.set()
        if self._telling is not None:
            self._telling.join(patience)
        with contextlib.suppress(OSError):
            if not any(path.name != LOCK for path in self._own.iterdir()):
                shutil.rmtree(self._own)
        self._lock.close()

    def connected(self, client: Client) -> None:
        """Tell that a client has connected."""
        event = self._event("connected", client)
        try:
            self._file(client.id).write_text(json.dumps(event))
        except OSError as error:
            what = "if this worker is killed, nobody learns that its clients have gone"
            self._log.error("%s cannot be written: %s; %s", self._own, error.strerror, what)
        self._tell(event, client)

    def disconnected(self, client: Client) -> None:
        """Tell that a client has gone."""
        event = self._event("disconnected", client)
        event["code"] = client.close_code
        event["reason"] = client.close_reason
        self._tell(event, client)
        self._file(client.id).unlink(missing_ok=True)

    def _event(
        self, event: Literal["connected", "disconnected"], client: Client
    ) -> ConnectionEvent:
        return {
            "event": event,
            "channel": self._channel,
            "client": client.id,
            "address": client.address,
            "security": client.security,
            "connected_at": client.connected_at,
            "server": self._server.name,
        }

    def _tell_left(self) -> None:
        """Tell of clients of workers that have ended without doing so."""
        for folder in _without_owner(self._all):
            self._tell_of(folder)

    def _tell_of(self, folder: Path) -> None:
        for file in sorted(folder.glob("*.json")):
            if self._closed.is_set():
                return
            event = _read(file)
            # of one that is not whole, the service was not told that it had connected
            if event is not None:
                event["event"] = "disconnected"
                event["code"] = CUT
                event["reason"] = "the worker ended"
                self._tell(event, None)
            file.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, event: ConnectionEvent, client: Client | None) -> None:
        extra = {} if client is None else {"client": client}
        try:
            self._server.invoke(self._service, event, extra=extra)
        except (Exception, SystemExit):
            about = f"client {event['client']} has {event['event']}"
            self._log.exception("%s failed when it was told that %s", self._service, about)

    def _file(self, client: str) -> Path:
        return self._own / f"{client}.json"


def forget_left(channel: str, server: Server) -> None:
    """Drop what nobody is to be told of any more, since the channel names no service."""
    for folder in _without_owner(_folder(server, channel)):
        shutil.rmtree(folder, ignore_errors=True)


def _folder(server: Server, channel: str) -> Path:
    # names may have characters that files must not have
    return server.dir / "websocket" / hashlib.sha256(channel.encode()).hexdigest()[:16]


def _without_owner(all: Path) -> Iterator[Path]:
    """Return the folders of objects that have ended, each locked until the next one."""
    for folder in sorted(all.glob(f"[!{UNFINISHED}]*")):
        with _locked(folder) as has_none:
            if has_none:
                yield folder


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder for a block, or for as long as its process lives; whether that could be done."""
    with contextlib.ExitStack() as opened:
        try:
            lock = opened.enter_context(open(folder / LOCK, "a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # it has an owner, or that one has just removed it
            yield False
            return
        yield True


def _read(file: Path) -> ConnectionEvent | None:
    try:
        found: ConnectionEvent = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "client" in found else None
