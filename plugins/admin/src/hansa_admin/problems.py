"""What is wrong with the parts of a cluster: servers, workers, what lives in them, and plugins."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hansa import InstalledPlugin
from hansa_cli.access import RUNNING

from .cluster import ClusterObject, ClusterServer, ClusterWorker

Severity: TypeAlias = Literal["error", "warning"]
LATE = 10.0
"""Seconds after which a worker is late that has not applied a change, and an object that has not
started.
"""
BROKEN = {"failed", "quarantined", "removed"}
"""The states of plugins in which something is wrong."""
ON_THE_WAY = {"starting", "pending"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    `kind`, `type` and `name` say with what: those of a definition, or `server`, `worker`, `plugin`
    and others of plugins, with a name alone. `since` is in seconds of the Unix epoch, 0 if unknown;
    `count` is how often it happened, or in how many workers it is so.
    """

    severity: Severity
    text: str
    kind: str
    type: str = ""
    name: str = ""
    since: float = 0.0
    count: int = 1

    @property
    def id(self) -> str:
        """What it is noted under: the same as long as something is wrong with the same thing."""
        what = "\0".join((self.kind, self.type, self.name))
        return hashlib.sha256(what.encode(errors="replace")).hexdigest()[:16]


def problems_of_servers(servers: Iterable[ClusterServer]) -> Iterator[Problem]:
    """Yield the servers that are silent, and those whose workers do not all run."""
    now = time.time()
    for one in servers:
        if one.state == "silent":
            text = "no worker of this server reports any more"
            yield Problem("error", text, "server", name=one.name, since=now - one.seconds)
        elif one.workers < one.wanted:
            text = f"{one.workers} of {one.wanted} workers run"
            count = one.wanted - one.workers
            yield Problem("warning", text, "server", name=one.name, count=count)


def problems_of_workers(workers: Iterable[ClusterWorker]) -> Iterator[Problem]:
    """Yield the workers that are late to apply changes."""
    for one in workers:
        if one.behind and one.seconds > LATE:
            text = f"{one.behind} changes are not applied yet"
            since = time.time() - one.seconds
            yield Problem("warning", text, "worker", name=one.name, since=since)


def problems_of_objects(objects: Iterable[ClusterObject]) -> Iterator[Problem]:
    """Yield what does not run, and what runs while its other side does not answer, such as with a
    certificate that ends soon.
    """
    now = time.time()
    for one in objects:
        if one.state in ON_THE_WAY and now - one.since < LATE:
            continue
        is_serving = one.state == RUNNING
        yield Problem(
            severity="warning" if is_serving else "error",
            text=one.why if is_serving else f"{one.state}: {one.why}".removesuffix(": "),
            kind=one.kind,
            type=one.type,
            name=one.name,
            since=one.since,
            count=len(one.workers),
        )


def problems_of_plugins(plugins: Iterable[InstalledPlugin]) -> Iterator[Problem]:
    """Yield the plugins that do not run though nobody has blocked them."""
    for one in plugins:
        if one.status in BROKEN:
            text = f"{one.status}: {one.why}".removesuffix(": ")
            yield Problem("error", text, "plugin", name=one.name)


def problems_of_queue(status: Mapping[str, object]) -> Iterator[Problem]:
    """Yield that messages have failed too often, and that the queue does not answer; `status` is
    what it reports.
    """
    error = status.get("error")
    if error:
        yield Problem("error", str(error), "queue", name="queue")
    failed = status.get("failed")
    if isinstance(failed, int) and failed:
        text = f"{failed} messages have failed too often, and wait to be looked at"
        yield Problem("error", text, "queue", name="failed", count=failed)
