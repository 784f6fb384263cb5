"""The services under test, deployed hot: each writes what it did to a file outside the system, one
line by one write.
"""

import json
import os
import signal
import time

from hansa import Model, Service

FOLDER = "."  # replaced when this is deployed
VERSION = 1  # replaced, too


def note(log, sync=True, **line):
    """Append one line; `sync` waits until it is on disk."""
    line |= {"pid": os.getpid(), "at": time.time()}
    file = os.open(
        os.path.join(FOLDER, os.path.basename(log)), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
    )
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
        if sync:
            os.fsync(file)
    finally:
        os.close(file)


class Record(Service):
    """Called at once: takes `work` seconds, writes its number down, and tells who did it."""

    class Input(Model):
        """The number of the request, and the file."""

        log: str
        number: int
        work: float = 0.0

    version = VERSION

    def handle(self):
        """Work, write, answer."""
        given = self.request.input
        if given.work:
            note(given.log + "-begun", sync=False, number=given.number)
            time.sleep(given.work)
        note(given.log, number=given.number, cid=self.cid)
        return {
            "number": given.number,
            "version": self.version,
            "again": VERSION,
            "pid": os.getpid(),
            "cid": self.cid,
            "server": self.server.name,
        }


class Accept(Service):
    """Takes a batch of numbers in and has each received later; answers once the queue has them all."""

    def handle(self):
        """Queue each number by itself."""
        given = self.request.input
        for number in given["numbers"]:
            payload = {"number": number, "log": given["log"], "work": given.get("work", 0.0)}
            options = given.get("options", {})
            self.server.invoke_async(
                given.get("service", "recorder.receive"), payload, cid=self.cid, **options
            )
        return {"accepted": len(given["numbers"])}


class Receive(Service):
    """Called by the queue: notes when it begins, works for `work` seconds, writes the number down."""

    def handle(self):
        """The line in the file is the effect."""
        given, attempt = self.request.payload, self.request.attempt
        note(given["log"] + "-begun", sync=False, number=given["number"], attempt=attempt)
        time.sleep(given["work"])
        note(given["log"], number=given["number"], attempt=attempt)
        return {"number": given["number"], "attempt": attempt, "log": given["log"]}


class Committed(Service):
    """A callback: the result of a call that the queue let count."""

    def handle(self):
        """Write down whose."""
        given = self.request.payload
        note(given["log"] + "-committed", number=given["number"], attempt=given["attempt"])


class Poison(Service):
    """Fails, always."""

    def handle(self):
        """Write the attempt down and raise."""
        given = self.request.payload
        note(given["log"], number=given["number"], attempt=self.request.attempt)
        raise RuntimeError(f"poison {given['number']}")


class Crash(Service):
    """Takes its worker with it, always."""

    def handle(self):
        """Write the attempt down and kill this process."""
        given = self.request.payload
        note(given["log"], number=given["number"], attempt=self.request.attempt)
        os.kill(os.getpid(), signal.SIGKILL)


class Tick(Service):
    """Called by the clock."""

    def handle(self):
        """Write down which planned time this was."""
        told = self.request.extra
        note(
            "ticks",
            job=told["job"],
            planned=told["planned"],
            attempt=self.request.attempt,
            server=self.server.name,
        )
