"""Whether distinguished names and filters of settings can be read."""

from __future__ import annotations

from ldap3.core.exceptions import LDAPExceptionError
from ldap3.operation.search import parse_filter
from ldap3.utils.dn import parse_dn


def fault_of_dn(dn: str) -> str:
    """Return what is wrong with a distinguished name; an empty text if nothing is."""
    try:
        parse_dn(dn)
    except LDAPExceptionError as error:
        return f"is not a valid distinguished name: {error}"
    return ""


def fault_of_filter(text: str) -> str:
    """Return what is wrong with a filter; an empty text if nothing is."""
    try:
        parse_filter(text, None, True, True, None, False)  # type: ignore[no-untyped-call]  # no stubs
    except LDAPExceptionError as error:
        return f"is not a valid filter: {error}"
    return ""
