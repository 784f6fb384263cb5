"""How a user logs in to the API of a cluster: by a session of its own there, or where no plugin
provides sessions, by the password in each call.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from .api import STATUS, Access, ApiError, ClusterApi

CONFIRM = "admin.session.confirm"
"""The service that takes the password of the caller's session once more."""
PASSWORD_NEEDED = "password-required"
"""The code of a call that is refused until the password was given once more."""
CHANGE = "admin.password.change"
"""The service by which a user changes the password."""
CORRECTABLE = ("wrong-password", "invalid", "too-many-requests")
"""Codes of a password that was not taken, and that may be entered again."""
log = logging.getLogger("hansa.web")


def log_in(
    api: ClusterApi, user: str, password: str, address: str, agent: str = ""
) -> Access | None:
    """Return the access of a user at an address and with a browser, or None if the cluster does not
    know user and password.

    Raises `ApiError`.
    """
    given = {"user": user, "password": password}
    # without sessions, a cluster wants the password before it says that there are none
    proof = Access.basic(user, password)
    try:
        begun = api.call("admin.login", given, proof, address, agent)
    except ApiError as error:
        if error.status == 401:
            return None
        if error.status != 404:
            raise
        return _with_password(api, user, password)
    access = Access.bearer(str(begun["user"]), str(begun["token"]))
    # the appearance of the cluster is learned from its status
    _status(api, access)
    return _with_permissions(api, access)


def log_out(api: ClusterApi, access: Access) -> None:
    """End a session of the API; one that cannot be reached ends it by itself when it is idle."""
    if not access.authorization.startswith("Bearer"):
        return
    try:
        api.call("admin.logout", {}, access)
    except ApiError as error:
        log.warning("a session could not be ended in %s: %s", api.name, error)


def confirm_password(api: ClusterApi, access: Access, password: str, address: str) -> Access | str:
    """Prove once more who the user of a session is; returns the access by its new token, or what is
    wrong. Raises `ApiError`.
    """
    try:
        begun = api.call(CONFIRM, {"password": password}, access, address)
    except ApiError as error:
        if error.code in CORRECTABLE:
            return str(error)
        raise
    return replace(access, authorization=Access.bearer(access.user, begun["token"]).authorization)


def change_password(
    api: ClusterApi, access: Access, password: str, new: str, address: str
) -> tuple[Access, int]:
    """Change the password of the user of a session; returns the access by its new token, and how many
    other sessions have ended. Raises `ApiError`.
    """
    done = api.call(CHANGE, {"password": password, "new": new}, access, address)
    session = done["session"]
    if session is None:
        proven = Access.basic(access.user, new)
    else:
        proven = Access.bearer(access.user, str(session["token"]))
    return replace(access, authorization=proven.authorization), int(done["ended"])


def _with_password(api: ClusterApi, user: str, password: str) -> Access | None:
    access = Access.basic(user, password)
    if not _status(api, access):
        return None
    return _with_permissions(api, access)


def _status(api: ClusterApi, access: Access) -> bool:
    """Ask for the state of the cluster; whether the caller is known, who may not be allowed to see
    it.
    """
    try:
        api.call(STATUS, {}, access)
    except ApiError as error:
        if error.status == 401:
            return False
        if error.status != 403:
            raise
    return True


def _with_permissions(api: ClusterApi, access: Access) -> Access:
    """Return an access with what it permits, if the cluster says so."""
    try:
        found = api.call("admin.me", {}, access)
    except ApiError:
        return access
    return replace(access, may=tuple(str(pattern) for pattern in found["may"]))
