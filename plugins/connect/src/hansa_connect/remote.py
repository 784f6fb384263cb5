"""Faults of remote files. A service asks for these, so that its caller is not at fault: unless the
service catches them, the caller reads that an unexpected error occurred, and the log has the rest.
"""

from __future__ import annotations

from hansa import Conflict, Forbidden, NotFound


class RemoteNotFound(NotFound):
    """There is nothing at a path of another system."""

    code = "remote-not-found"
    status = 500
    title = "Not found in another system"
    outcome = "retry"
    internal = True


class RemoteForbidden(Forbidden):
    """Another system refuses what was asked of a path."""

    code = "remote-forbidden"
    status = 500
    title = "Refused by another system"
    outcome = "retry"
    internal = True


class RemoteConflict(Conflict):
    """There is something at a path of another system already."""

    code = "remote-conflict"
    status = 500
    title = "Taken in another system"
    outcome = "retry"
    internal = True
