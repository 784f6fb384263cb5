"""Which setting to change when a database cannot be connected to."""

from __future__ import annotations

from hansa_connect.remedies import (
    CHECK_ADDRESS,
    CHECK_HOST,
    CHECK_LOGIN,
    MAYBE_TLS,
    NO_TLS,
    OTHER_AUTHORITY,
    SET_TLS,
    remedy_of,
)

CHECK_DATABASE = "check the setting database"

# SQLSTATE of PostgreSQL, numbers of MySQL and MariaDB
_BY_CODE: dict[object, str] = {
    "28P01": CHECK_LOGIN,
    "28000": CHECK_LOGIN,
    "3D000": CHECK_DATABASE,
    1045: CHECK_LOGIN,
    1698: CHECK_LOGIN,
    1044: "check the settings username and database: the user may not use it",
    1049: CHECK_DATABASE,
    2003: CHECK_ADDRESS,
    3159: SET_TLS,
}

_BY_TEXT = (
    ("server does not support ssl", NO_TLS),
    ("ssl is required but the server doesn't support it", NO_TLS),
    ("invalid response to ssl negotiation", "check the settings engine and port"),
    ("no encryption", SET_TLS),
    ("insecure transport", SET_TLS),
    ("certificate verify failed", OTHER_AUTHORITY),
    ("root certificate", OTHER_AUTHORITY),
    ("password authentication failed", CHECK_LOGIN),
    ("no password supplied", "set password"),
    ('role "', CHECK_LOGIN),
    ('database "', CHECK_DATABASE),
    ("could not translate host name", CHECK_HOST),
    ("failed to resolve host", CHECK_HOST),
    ("connection refused", CHECK_ADDRESS),
    ("timeout", CHECK_ADDRESS),
    ("ora-01017", CHECK_LOGIN),
    ("ora-12514", CHECK_DATABASE),
    ("unable to open database file", CHECK_DATABASE),
    ("server closed the connection unexpectedly", MAYBE_TLS),
)
"""What drivers say without a code of their own, in lower case, the first that is found counts."""


def remedy_of_connecting(error: BaseException, codes: set[object], *, tls: bool) -> str:
    """Return which setting to change; empty if neither the codes of an error nor its text tell."""
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    text = str(error).lower()
    for part, remedy in _BY_TEXT:
        if part in text:
            return remedy
    return remedy_of(error, tls=tls)
