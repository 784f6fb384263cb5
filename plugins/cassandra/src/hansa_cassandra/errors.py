"""What the driver raises, as errors of Hansa that name the connection and the setting to change."""

from __future__ import annotations

from collections.abc import Mapping

import cassandra
from cassandra import protocol
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from hansa import HansaError, TimedOut, Unavailable
from hansa_connect.remedies import CHECK_LOGIN, advised, remedy_of
from hansa_connect.remote import RemoteConflict, RemoteForbidden

from .faults import CassandraFault

CHECK_ADDRESSES = "check the settings contact_points and port"
CHECK_KEYSPACE = "check the setting keyspace"
CHECK_CONSISTENCY = "check the nodes of the cluster, and the setting consistency"
_BUSY = (protocol.OverloadedErrorMessage, protocol.IsBootstrappingErrorMessage)
_LASTING = (
    cassandra.RequestValidationException,
    cassandra.UnsupportedOperation,
    protocol.RequestValidationException,
)
_REMEDIES = (
    ("settings host and port", "settings contact_points and port"),
    ("setting host", "setting contact_points"),
    ("set host to", "set tls_server_name to"),
)
"""What the settings are called here."""
_MOST_REASON = 1000


def translated(error: BaseException, label: str, limit: float) -> HansaError:
    """Return the error for what a call has raised; `limit` is its time limit in seconds."""
    if isinstance(error, HansaError):
        return error
    if isinstance(error, NoHostAvailable):
        error = _causes(error)[0]
        if not isinstance(error, cassandra.DriverException | protocol.ErrorMessage):
            return _unreached(label, error, "")
    if isinstance(error, cassandra.OperationTimedOut):
        fault = f"{label}: no answer within {limit:g} s, the limit that the setting timeout sets"
        return TimedOut(fault)
    if isinstance(error, cassandra.Timeout):
        return TimedOut(f"{label}: replicas did not answer the node in time; {CHECK_CONSISTENCY}")
    if isinstance(error, cassandra.Unavailable):
        fault = (
            f"{label}: {error.alive_replicas} replicas are up, and the consistency level asks for "
            f"{error.required_replicas}"
        )
        return Unavailable(advised(fault, CHECK_CONSISTENCY))
    return _of_statement(error, label)


def connecting(error: BaseException, label: str, refusal: OSError | None, tls: bool) -> HansaError:
    """Return the error for a failure to connect; `refusal` is what the network said, if it did."""
    if isinstance(error, HansaError):
        return error
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, cassandra.AuthenticationFailed):
            return Unavailable(f"{label}: Cassandra refuses the login; {CHECK_LOGIN}")
    if refusal is None and isinstance(error, NoHostAvailable) and "keyspace" in str(error):
        return Unavailable(f"{label}: no node lets the keyspace be used; {CHECK_KEYSPACE}")
    cause = refusal or causes[0]
    ended = isinstance(cause, ConnectionException)
    remedy = remedy_of(ConnectionResetError() if ended else cause, tls=tls)
    for found, meant in _REMEDIES:
        remedy = remedy.replace(found, meant)
    if isinstance(cause, cassandra.OperationTimedOut):
        remedy = f"{CHECK_ADDRESSES}, and tls"
    return _unreached(label, cause, remedy)


def _unreached(label: str, cause: BaseException, remedy: str) -> Unavailable:
    found = Unavailable(advised(f"{label}: no node can be reached", remedy))
    found.reason = _text(cause)
    return found


def _of_statement(error: BaseException, label: str) -> HansaError:
    reason = str(error)[:_MOST_REASON]
    if isinstance(error, cassandra.Unauthorized):
        forbidden = RemoteForbidden(f"{label}: Cassandra does not allow the statement")
        forbidden.reason = reason
        return forbidden
    if isinstance(error, cassandra.AlreadyExists):
        conflict = RemoteConflict(f"{label}: Cassandra has a table or keyspace of that name")
        conflict.reason = reason
        return conflict
    if isinstance(error, _BUSY):
        return Unavailable(f"{label}: the node is overloaded")
    if isinstance(error, ConnectionException | OSError):
        return Unavailable(f"{label}: the connection to the node has ended before it answered")
    name = type(error).__name__.removesuffix("Message").removesuffix("Exception")
    return CassandraFault(label, name, reason, lasting=isinstance(error, _LASTING))


def _causes(error: BaseException) -> list[BaseException]:
    """Return what each node did, the error itself if that is not told."""
    told = error.errors if isinstance(error, NoHostAvailable) else None
    found = list(told.values()) if isinstance(told, Mapping) else []
    return [one for one in found if isinstance(one, BaseException)] or [error]


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())[:_MOST_REASON] or type(error).__name__
