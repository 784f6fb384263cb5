"""What a request is for, and the refusal of a caller who may not."""

from __future__ import annotations

from hansa import Channel, Forbidden, Service
from hansa_admin.rights import right_of

from .grants import Demand, Grants, Target

SWITCHED_OFF = "the account is switched off"
NOT_PERMITTED = "the caller may not call this"


def target_of(service: type[Service], channel: Channel | None) -> Target:
    """Return what a route is for.

    An administrative service that declares no right needs that of the highest role. What is
    administrative at its built-in channel alone, such as the description of an API, is a service
    like any other elsewhere.
    """
    name = service.get_name()
    place = "" if channel is None else f"{channel.type} {channel.name}"
    is_builtin = channel is not None and channel.builtin and hasattr(service, "right")
    if not (service.is_administrative() or is_builtin):
        return Target(name, place)
    right = right_of(service)
    return Target(name, place, right, open=right is None)


def require(grants: Grants, principal: object, target: Target) -> None:
    """Raise `Forbidden` unless a caller may; roles are named for administrative services alone."""
    if grants.is_switched_off(principal):
        raise Forbidden(SWITCHED_OFF)
    unmet = grants.unmet(principal, target)
    if unmet is None:
        return
    if target.right is not None:
        raise Forbidden(_refusal(unmet))
    error = Forbidden(NOT_PERMITTED)
    error.reason = _refusal(unmet)
    raise error


def _refusal(unmet: Demand) -> str:
    """Return what is not permitted, and which roles would permit it."""
    roles = ", ".join(sorted(unmet.roles)) or "none, but the user admin"
    return f"{unmet.what} may be called by: {roles}"
