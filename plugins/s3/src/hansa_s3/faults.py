"""What goes wrong between boto3 and a server, as errors of Hansa that name the setting to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore import exceptions
from hansa import HansaError, Invalid, TimedOut, Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import (
    CHECK_ADDRESS,
    CHECK_HOST,
    MAYBE_TLS,
    NO_TLS,
    OTHER_NAME,
    advised,
    causes,
    remedy_of,
)
from hansa_connect.remote import RemoteConflict, RemoteForbidden, RemoteNotFound
from urllib3.util.ssl_match_hostname import CertificateError

if TYPE_CHECKING:
    from .store import Store

_LOGIN = frozenset(
    (
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "InvalidToken",
        "MissingSecurityHeader",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    )
)
"""Codes of a server that does not know the key, or that finds another signature."""
_ELSEWHERE = frozenset(("301", "PermanentRedirect", "IllegalLocationConstraintException"))
"""Codes of a server that has the bucket in another region."""
_MISSING = frozenset(("NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NoSuchVersion", "NotFound"))
_BUSY = frozenset(("RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"))
CHECK_KEY = "check the settings access_key_id and secret_access_key"
_REMEDIES = {
    CHECK_ADDRESS: "check the setting address",
    CHECK_HOST: "check the setting address",
    OTHER_NAME: "set address to a name that is in it",
    NO_TLS: "it does not speak TLS here: check the setting address, or begin it with http://",
    MAYBE_TLS: "check the setting address; if the server expects TLS there, begin it with https://",
}
"""What to change where the address is one setting, by what to change where it is several."""


@contextmanager
def translated(store: Store, what: str) -> Iterator[None]:
    """Raise what boto3 raises as an error of Hansa: of an object or bucket, `what`, or of the server."""
    from boto3.exceptions import Boto3Error

    try:
        yield
    except HansaError:
        raise
    except exceptions.ClientError as error:
        raise _refusal(store, what, error.response) from error
    except (exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError) as error:
        raise late(store) from error
    except exceptions.ParamValidationError as error:
        raise Invalid(f"{what}: {one_line(error)}") from error
    except (exceptions.BotoCoreError, Boto3Error) as error:
        raise _broken(store, what, error) from error


def late(store: Store) -> TimedOut:
    """Return the error of a call that took too long."""
    store.trouble(f"{store.where} does not answer")
    return TimedOut(f"{store.where} has not answered in time; see the setting timeout")


def _broken(store: Store, what: str, error: BaseException) -> HansaError:
    inner: BaseException | None = error
    while inner is not None:  # s3transfer wraps what a request has raised
        if isinstance(inner, exceptions.ClientError):
            return _refusal(store, what, inner.response)
        if isinstance(inner, HansaError):
            return inner
        inner = inner.__cause__ or inner.__context__
    # what boto3 says itself has the whole URL in it
    innermost = next(causes(error))
    fault = f"the connection to {store.where} broke: {one_line(innermost)}"
    told = advised(fault, _remedy(store, error))
    store.trouble(told)
    return Unavailable(told)


def _remedy(store: Store, error: BaseException) -> str:
    if any(isinstance(one, CertificateError) for one in causes(error)):
        remedy = OTHER_NAME
    else:
        remedy = remedy_of(error, tls=store.tls)
    if not remedy and isinstance(error, exceptions.EndpointConnectionError):
        remedy = CHECK_ADDRESS
    return _REMEDIES.get(remedy, remedy)


def _refusal(store: Store, what: str, response: Mapping[str, Any]) -> HansaError:
    """Return what a server's answer means."""
    told = response.get("Error", {})
    code = str(told.get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reply = one_line(Exception(f"{code}: {told.get('Message') or 'no reason given'}"))
    found = _fault_of_server(store, code, status, reply)
    if found is None:
        store.trouble("")  # it answers
        found = _fault_of_object(what, code, status)
    if not found.reason:
        found.reason = f"{store.where}: {reply}"
    return found


def _fault_of_server(store: Store, code: str, status: int, reply: str) -> HansaError | None:
    """Return what is wrong with the server, or with who asks it; None if it is the object."""
    if code in _LOGIN:
        fault = f"{store.where} refuses the credentials of {store.who}: {reply}"
        fault = advised(fault, f"{CHECK_KEY}, and region")
    elif code == "RequestTimeTooSkewed":
        fault = advised(f"{store.where} has another time: {reply}", "set the clock")
    elif code in _ELSEWHERE or status == 301:
        fault = f"{store.where} has the bucket elsewhere: {reply}; check the setting region"
    elif status >= 500 or status == 429 or code in _BUSY:
        fault = f"{store.where} cannot answer now: {reply}"
    else:
        return None
    store.trouble(fault)
    return Unavailable(fault)


def _fault_of_object(what: str, code: str, status: int) -> HansaError:
    if code == "NoSuchBucket":
        return RemoteNotFound(f"there is no such bucket: {what}")
    if code in _MISSING or status == 404:
        return RemoteNotFound(f"there is no {what}")
    if status in (409, 412):
        return RemoteConflict(f"{what} is there already, or is another one by now")
    if status == 416:
        return Invalid(f"{what} has no such range")
    return RemoteForbidden(f"{what} is refused")
