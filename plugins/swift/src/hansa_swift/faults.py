"""What goes wrong between the libraries and a server, as errors of Hansa that name the setting to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hansa import HansaError, Invalid, TimedOut, Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import (
    CHECK_ADDRESS,
    CHECK_HOST,
    CHECK_LOGIN,
    MAYBE_TLS,
    NO_TLS,
    OTHER_NAME,
    advised,
    causes,
    remedy_of,
)
from hansa_connect.remote import RemoteConflict, RemoteForbidden, RemoteNotFound
from keystoneauth1 import exceptions as identity_errors
from requests.exceptions import RequestException, Timeout
from swiftclient.exceptions import ClientException
from urllib3.exceptions import HTTPError, TimeoutError as LibraryTimeout
from urllib3.util.ssl_match_hostname import CertificateError

if TYPE_CHECKING:
    from .connection import SwiftConnection

_BUSY = frozenset((408, 429, 498, 499))
"""What a server answers that cannot serve a request at the moment."""
_UNKNOWN_IDENTITY = (
    identity_errors.NotFound,
    identity_errors.BadRequest,
    identity_errors.InvalidResponse,
)
"""What is raised where nobody checks logins, or not in the way that is asked for."""
_NO_STORE = (identity_errors.EndpointNotFound, identity_errors.EmptyCatalog)


@contextmanager
def translated(connection: SwiftConnection, what: str) -> Iterator[None]:
    """Raise what the libraries raise as an error of Hansa: of an object or container, `what`, or of
    the server, whose connection is broken then.
    """
    try:
        yield
    except HansaError:
        raise
    except ClientException as error:
        raise _refusal(connection, what, error) from error
    except identity_errors.ClientException as error:
        connection.broken = True
        raise _identity_fault(connection, error) from error
    except (Timeout, LibraryTimeout) as error:
        connection.broken = True
        raise late(connection) from error
    except (RequestException, HTTPError, OSError) as error:
        connection.broken = True
        raise _broken(connection, error) from error


def late(connection: SwiftConnection) -> TimedOut:
    """Return the error of a call that took too long."""
    where = connection.contacted
    return TimedOut(f"{where} has not answered in time; see the setting timeout")


def _broken(connection: SwiftConnection, error: BaseException) -> HansaError:
    for one in causes(error):
        if isinstance(one, HansaError):
            return one
    # what the libraries say themselves has the whole URL in it
    innermost = next(causes(error))
    fault = f"the connection to {connection.contacted} broke: {one_line(innermost)}"
    return Unavailable(advised(fault, _remedy(connection, error)))


def _remedy(connection: SwiftConnection, error: BaseException) -> str:
    at_login = connection.contacted == connection.identity.where
    config = connection.config
    address = config.auth_url if at_login else config.storage_url
    setting = "auth_url" if at_login else "storage_url"
    if any(isinstance(one, CertificateError) for one in causes(error)):
        remedy = OTHER_NAME
    else:
        remedy = remedy_of(error, tls=not address.startswith("http://"))
    check = f"check the setting {setting}"
    return {
        CHECK_ADDRESS: check,
        CHECK_HOST: check,
        OTHER_NAME: f"set {setting} to a name that is in it",
        NO_TLS: f"it does not speak TLS here: {check}, or begin it with http://",
        MAYBE_TLS: f"{check}; if the server expects TLS there, begin it with https://",
    }.get(remedy, remedy)


def _identity_fault(
    connection: SwiftConnection, error: identity_errors.ClientException
) -> HansaError:
    """Return what a failed login means."""
    where = connection.identity.where
    user = connection.config.username
    if isinstance(error, identity_errors.Unauthorized | identity_errors.Forbidden):
        fault = f"{where} refuses the credentials of {user}"
        found = Unavailable(advised(fault, _check_login(connection)))
    elif isinstance(error, identity_errors.ConnectTimeout):
        return late(connection)
    elif isinstance(error, identity_errors.ConnectionError):
        return _broken(connection, error)
    elif isinstance(error, _NO_STORE):
        fault = f"{where} knows no object store for {user}"
        found = Unavailable(f"{fault}; check the settings region, interface and project")
    elif isinstance(error, _UNKNOWN_IDENTITY):
        fault = f"{where} does not understand the login"
        found = Unavailable(f"{fault}; check the settings auth_url and auth_type")
    else:
        found = Unavailable(f"{where} cannot check the login now")
    found.reason = one_line(error)
    return found


def _check_login(connection: SwiftConnection) -> str:
    if connection.config.auth_type == "v3password":
        return f"{CHECK_LOGIN}, user_domain and project"
    return CHECK_LOGIN


def _refusal(connection: SwiftConnection, what: str, error: ClientException) -> HansaError:
    """Return what a server's answer means."""
    status = int(error.http_status or 0)
    reply = one_line(Exception(f"{status} {error.http_reason or 'no reason given'}"))
    found: HansaError
    if status == 401:
        connection.broken = True
        fault = f"{connection.where} refuses the credentials of {connection.config.username}"
        found = Unavailable(advised(fault, _check_login(connection)))
    elif status == 0:
        connection.broken = True
        found = Unavailable(f"the connection to {connection.where} broke")
        reply = one_line(error)
    elif status >= 500 or status in _BUSY:
        found = Unavailable(f"{connection.where} cannot answer now: {reply}")
    else:
        found = _fault_of_object(what, status)
    if not found.reason:
        found.reason = f"{connection.where}: {reply}"
    return found


def _fault_of_object(what: str, status: int) -> HansaError:
    if status == 404:
        return RemoteNotFound(f"there is no {what}")
    if status in (409, 412):
        return RemoteConflict(f"{what} is there already, or is another one by now")
    if status == 416:
        return Invalid(f"{what} has no such range")
    if status in (400, 411, 413, 422):
        return Invalid(f"{what} is not accepted as it is: the server answers with {status}")
    return RemoteForbidden(f"{what} is refused")
