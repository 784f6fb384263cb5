"""What a search engine refuses, as errors of Hansa."""

from __future__ import annotations

from hansa import HansaError, Unavailable
from hansa_connect.remote import RemoteConflict, RemoteForbidden, RemoteNotFound
from hansa_http.response import BadAnswer

CHECK_LOGIN = "check the definition that the setting security names"
_LATER = (408, 429, 502, 503, 504)
_LONGEST = 1000


class SearchFault(BadAnswer):
    """A search engine refuses a request; `reason` is what it says, and only the log has it.

    A fault of the request (400) would be the same again: a broker's message is given up at once.
    """

    code = "search-fault"
    title = "Refused by the search engine"
    internal = True

    def __init__(self, connection: str, status: int, reason: str, fault: str = "") -> None:
        told = fault or f"the request was refused with status {status}"
        super().__init__(f"{connection}: {told}")
        self.reason = reason[:_LONGEST]
        if status == 400:
            self.outcome = "reject"


class LoginRefused(Unavailable):
    """A search engine does not take the login of a connection."""


class PartialAnswer(Unavailable):
    """Parts of a cluster did not answer a search, or not in time: what was found is not all."""

    code = "partial-answer"


def fault_of(connection: str, status: int, reason: str) -> HansaError:
    """Return the error for a status that is no success."""
    error: HansaError
    if status == 401:
        error = LoginRefused(f"{connection}: the server refuses the login; {CHECK_LOGIN}")
    elif status == 403:
        error = RemoteForbidden(f"{connection}: the server does not allow the request")
    elif status == 404:
        error = RemoteNotFound(f"{connection}: there is no such document, index or core")
    elif status == 409:
        error = RemoteConflict(f"{connection}: the document is there, or was changed meanwhile")
    elif status in _LATER:
        error = Unavailable(f"{connection}: the server answers with status {status}")
    else:
        return SearchFault(connection, status, reason)
    error.reason = reason[:_LONGEST]
    return error
