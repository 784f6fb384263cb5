"""The pipe between a supervisor and one of its workers: lines of JSON in both directions."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """What a supervisor tells a worker to be.

    `config` and `dir` are paths, `overrides` settings that go before the file's, `environment`
    variables to set, `sockets` those that `hansa_listen` bound, `engines` the addresses of engines,
    both by name. `needed` are the plugins of the worker that it replaces: without them, that one
    goes on. `failed` are plugins that failed in the supervisor, and why.
    """

    index: int
    generation: int
    config: Path
    dir: Path
    overrides: dict[str, Any]
    environment: Mapping[str, str]
    engines: Mapping[str, str]
    sockets: Mapping[str, socket.socket]
    needed: Sequence[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


class Control:
    """A worker's end of the pipe."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe

    def receive_job(self) -> Job:
        """Wait for the job and the sockets; ends the process if the supervisor has ended."""
        first, numbers, _, _ = socket.recv_fds(self._pipe, 1, 64)
        # unbuffered, else it would also take what comes after
        line = first + self._pipe.makefile("rb", buffering=0).readline()
        if not line:
            sys.exit(0)
        told = json.loads(line)
        names = told.pop("sockets")
        sockets = {
            name: socket.socket(fileno=number) for name, number in zip(names, numbers, strict=True)
        }
        config = Path(told.pop("config"))
        directory = Path(told.pop("dir"))
        return Job(config=config, dir=directory, sockets=sockets, **told)

    def tell(self, event: str, **more: object) -> None:
        """Send an event to the supervisor."""
        line = json.dumps({"event": event, **more})
        self._pipe.sendall(line.encode() + b"\n")

    def wait_for_end(self, heard: Callable[[dict[str, Any]], None]) -> bool:
        """Wait until the supervisor says to stop, or has ended; returns whether the whole server
        ends.

        Every other event is handed to `heard`.
        """
        for line in self._pipe.makefile("r"):
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "stop":
                return bool(event["closing"])
            heard(event)
        # the supervisor is gone, nobody else will serve its sockets
        return True


def take_standard_input() -> socket.socket:
    """Take the pipe that the supervisor has put in the place of standard input, which then is
    empty.
    """
    pipe = socket.socket(fileno=os.dup(0))
    close_standard_input()
    return pipe


def close_standard_input() -> None:
    """Have nothing come from standard input: it is not for services, nor for what they start."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
