"""What stands around a route, after its caller is known: it asks the roles whether the caller may."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TypeAlias

from hansa import Channel, Dispatch, Forbidden, HansaError, Request, Response, Server, Service
from hansa_admin.answers import Named
from hansa_admin.definitions import TypeOperation
from hansa_admin.operation import settings_of
from hansa_admin.rights import Right

from .callers import definition_of
from .grants import Demand, Grants, Target
from .policy import Policy

log = logging.getLogger("hansa.roles")

MOST_KNOWN = 1024
"""Maximum callers that a route remembers; when there are more, it forgets all."""
SWITCHED_OFF = "the account is switched off"
NOT_PERMITTED = "the caller may not call this"

Known: TypeAlias = dict[int, tuple[object, str]]
"""The callers that may, by identity: the principal, and its account if it has one."""


@dataclass(slots=True)
class Verdicts:
    """Who may, as of some grants: callers by identity, and security definitions all of whose
    callers may.
    """

    grants: Grants | None = None
    callers: Known = field(default_factory=dict)
    definitions: set[str] = field(default_factory=set)


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
    right: Right | None = getattr(service, "right", "administer")
    return Target(name, place, right, open=right is None)


class RouteAuthorization:
    """Judges the callers of one route, and remembers those who may until roles or accounts change."""

    __slots__ = ("_changes_login", "policy", "target", "verdicts")

    def __init__(self, service: type[Service], channel: Channel | None, policy: Policy) -> None:
        self.target = target_of(service, channel)
        self.policy = policy
        self.verdicts = Verdicts()
        self._changes_login = changes_login(service)

    def judge(self, request: Request) -> None:
        """Raise `Forbidden` unless the caller may; remember it if it may."""
        grants = self.policy.current()
        verdicts = self.verdicts
        if verdicts.grants is not grants:
            verdicts = Verdicts(grants)
            self.verdicts = verdicts
        principal = request.principal
        definition = definition_of(principal)
        if definition not in verdicts.definitions:
            require(grants, principal, self.target)
            if grants.judges_alike(definition):
                verdicts.definitions.add(definition)
        account = grants.account_of.get(definition, "")
        if account:
            self.policy.uses.noted.add(account)
        if self._changes_login:
            self._require_login(grants, request)
            return
        if len(verdicts.callers) >= MOST_KNOWN:
            verdicts.callers.clear()
        verdicts.callers[id(principal)] = (principal, account)

    def _require_login(self, grants: Grants, request: Request) -> None:
        """Raise `Forbidden` for the change of a credential by somebody who may not change accounts."""
        try:
            name = str(settings_of(request, Named).get("name", ""))
        except HansaError:
            return  # refused by the service itself
        require_login(grants, request.principal, name)


def changes_login(service: type[Service]) -> bool:
    """Whether a service creates, edits or deletes security definitions."""
    return (
        issubclass(service, TypeOperation)
        and service.of.kind == "security"
        and service.right == "develop"
    )


def require_login(grants: Grants, principal: object, definition: str) -> None:
    """Raise `Forbidden` if a security definition carries the rights of others, and the caller may
    not administer: who changes it could take their place.
    """
    if grants.carries_rights(definition):
        require(grants, principal, Target("admin.account.edit", right="administer"))


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


def authorized(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch:
    """Return the call of a route with the authorization of its callers before it.

    Calls from service to service have no principal, and are judged where they come in.
    """
    if channel is None:
        return _authorized_inside(service, call)
    policy = channel.server.resource(Policy)
    if not channel.has_callers:
        return call
    authorization = RouteAuthorization(service, channel, policy)
    return _authorized(authorization, call)


def _authorized(authorization: RouteAuthorization, call: Dispatch) -> Dispatch:
    policy = authorization.policy
    uses = policy.uses

    def route(request: Request) -> Response:
        principal = request.principal
        # PERF: a caller that is known costs 0.2 us, and is judged anew after a change alone
        verdicts = authorization.verdicts
        found = verdicts.callers.get(id(principal))
        if found is None or found[0] is not principal or verdicts.grants is not policy.grants:
            authorization.judge(request)
        elif found[1]:
            uses.noted.add(found[1])
        return call(request)

    return route


def _authorized_inside(service: type[Service], call: Dispatch) -> Dispatch:
    """Return the call of a service that other services, or the admin API, call by name."""
    routes: dict[Server, Dispatch] = {}

    def route(request: Request) -> Response:
        if request.principal is None:
            return call(request)
        assert request.channel is not None
        server = request.channel.server
        found = routes.get(server)
        if found is None:
            found = _authorized(RouteAuthorization(service, None, server.resource(Policy)), call)
            routes[server] = found
        return found(request)

    return route
