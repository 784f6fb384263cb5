"""What stands around a route, after its caller is known: it asks the roles whether the caller may."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TypeAlias

from hansa import (
    Channel,
    Dispatch,
    HansaError,
    Key,
    PlainSettings,
    Request,
    Response,
    Server,
    Service,
)
from hansa_admin.definitions import TypeOperation
from hansa_admin.operation import Operation, settings_of
from hansa_admin.rights import finality_of

from .callers import definition_of
from .grants import Grants
from .implied import ImpliedRights
from .policy import Policy
from .proof import PasswordRequired, has_proved
from .requirement import require, target_of

log = logging.getLogger("hansa.roles")

MOST_KNOWN = 1024
"""Maximum callers that a route remembers; when there are more, it forgets all."""

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


class RouteAuthorization:
    """Judges the callers of one route, and remembers those who may until roles or accounts change."""

    __slots__ = ("_edit", "_final", "_server", "policy", "target", "verdicts")

    def __init__(
        self, server: Server, service: type[Service], channel: Channel | None, policy: Policy
    ) -> None:
        self.target = target_of(service, channel)
        self.policy = policy
        self.verdicts = Verdicts()
        self._server = server
        self._edit = edit_of(service)
        self._final = final_of(service)

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
        if self._final is not None:
            self._require_proof(self._final, grants, request)
        if self._edit is not None:
            self._require_implied(self._edit, grants, request)
        if self._final is not None or self._edit is not None:
            return
        if len(verdicts.callers) >= MOST_KNOWN:
            verdicts.callers.clear()
        verdicts.callers[id(principal)] = (principal, account)

    def _require_implied(
        self, operation: type[TypeOperation], grants: Grants, request: Request
    ) -> None:
        """Raise `Forbidden` for an edit by which its author could do what it may not."""
        try:
            data = settings_of(request, operation.Input)
        except HansaError:
            return  # refused by the service itself
        ImpliedRights(self._server, grants, request.principal).require(*_edited(operation, data))

    def _require_proof(self, operation: type[Operation], grants: Grants, request: Request) -> None:
        """Raise `PasswordRequired` for what is final, if the caller proved too long ago who it is."""
        sessions = self.policy.sessions
        if has_proved(sessions, request.principal):
            return
        try:
            data = settings_of(request, operation.Input)
        except HansaError:
            return  # refused by the service itself
        is_final = operation.is_final(data)
        if not is_final and issubclass(operation, TypeOperation):
            implied = ImpliedRights(self._server, grants, request.principal)
            is_final = implied.is_final(*_edited(operation, data))
        if is_final:
            raise PasswordRequired(sessions.lifetimes.confirm_after)


def _edited(
    operation: type[TypeOperation], data: PlainSettings
) -> tuple[Key, PlainSettings | None]:
    """Return which definition an input is about, and its settings; None where it takes none."""
    key = (operation.of.kind, operation.of.type, str(data.get("name") or ""))
    return key, operation.settings_in(data) if operation.takes_settings else None


def final_of(service: type[Service]) -> type[Operation] | None:
    """Return an admin service whose calls are final, or may be; None for any other."""
    if issubclass(service, Operation) and finality_of(service) != "never":
        return service
    return None


def edit_of(service: type[Service]) -> type[TypeOperation] | None:
    """Return a service that defines, changes, deletes or tries definitions; None for any other."""
    if issubclass(service, TypeOperation) and service.right == "develop":
        return service
    return None


def authorized(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch:
    """Return the call of a route with the authorization of its callers before it.

    Calls from service to service have no principal, and are judged where they come in.
    """
    if channel is None:
        return _authorized_inside(service, call)
    policy = channel.server.resource(Policy)
    if not channel.has_callers:
        return call
    authorization = RouteAuthorization(channel.server, service, channel, policy)
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
            authorization = RouteAuthorization(server, service, None, server.resource(Policy))
            found = _authorized(authorization, call)
            routes[server] = found
        return found(request)

    return route
