"""What Odoo refuses, as errors of Hansa."""

from __future__ import annotations

from hansa import HansaError, Unavailable
from hansa_connect.remote import RemoteForbidden, RemoteNotFound
from hansa_http.response import BadAnswer

_FORBIDDEN = frozenset(("AccessError",))
_MISSING = frozenset(("MissingError", "NotFound"))
_PERMANENT = frozenset(
    (
        "UserError",
        "ValidationError",
        "RedirectWarning",
        "UnprocessableEntity",
        "ValueError",
        "TypeError",
    )
)


class OdooFault(BadAnswer):
    """Odoo does not do what was asked, and has changed nothing.

    `name` is that of its exception without the package, such as `ValidationError`, empty if it
    tells none; `reason` is what it says. A fault of the data would be the same again: brokers give
    such a message up at once.
    """

    code = "odoo-fault"
    title = "Refused by Odoo"
    internal = True

    def __init__(self, connection: str, name: str, reason: str) -> None:
        super().__init__(f"{connection}: Odoo refuses the call: {name or 'an unnamed fault'}")
        self.name = name
        self.reason = reason
        if name in _PERMANENT:
            self.outcome = "reject"


class LoginRefused(Unavailable):
    """Odoo does not take the login of a connection."""


def fault_of(connection: str, name: str, reason: str) -> HansaError:
    """Return the error for an exception of Odoo, whose name may have its package before it."""
    short = name.rpartition(".")[2]
    if short in _FORBIDDEN:
        return _with_reason(RemoteForbidden(f"{connection}: Odoo does not allow the call"), reason)
    if short in _MISSING:
        return _with_reason(RemoteNotFound(f"{connection}: Odoo has no such record"), reason)
    return OdooFault(connection, short, reason)


def _with_reason(error: HansaError, reason: str) -> HansaError:
    error.reason = reason
    return error
