"""The admin services `admin.role.who` and `admin.role.what`: who may call something, and what
somebody may do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from hansa import Model, NotFound, setting
from hansa_admin.operation import Operation

from .grants import Grants, Target
from .policy import Policy
from .requirement import target_of


class Subject(Model):
    """What is asked about."""

    name: Annotated[
        str,
        setting(
            "Service or admin service, or channel as TYPE NAME",
            example="http orders",
            min_length=1,
        ),
    ]


class Caller(Model):
    """Somebody who may."""

    caller: Annotated[str, setting("Account, security definition, claim or group")]
    role: Annotated[str, setting("Role that permits it; empty where none is needed")]


class Who(Model):
    """Who may call something."""

    name: Annotated[str, setting("What was asked about")]
    guarded: Annotated[
        bool, setting("Whether roles decide; if not, everybody may who is let in by its channel")
    ]
    items: Annotated[list[Caller], setting("Those who may, besides the user admin")]


class AccountName(Model):
    """An account, by name."""

    name: Annotated[str, setting("Name of the account", min_length=1)]


class Permission(Model):
    """One thing that an account may do."""

    action: Annotated[
        str, setting("invoke a service, call a channel or an admin service, or a right")
    ]
    of: Annotated[str, setting("Name or pattern of what it may be done to; empty for a right")]
    role: Annotated[str, setting("Role that permits it")]


class What(Model):
    """What an account may do."""

    name: Annotated[str, setting("Name of the account")]
    active: Annotated[bool, setting("Whether its credentials are accepted")]
    items: Annotated[list[Permission], setting("Its permissions, by role")]


class RoleOperation(Operation):
    """Base of what is asked of roles."""

    abstract = True
    right = "view"

    @property
    def grants(self) -> Grants:
        """What the roles and accounts of now permit."""
        return self.server.resource(Policy).current()


class RoleWho(RoleOperation):
    """Show who may call a service, an admin service or a channel."""

    name = "admin.role.who"
    Input = Subject
    Output = Who

    def handle(self) -> Who:
        """Return those who may; raises `NotFound` for what is not there."""
        asked: Subject = self.request.input
        grants = self.grants
        kind, space, name = asked.name.partition(" ")
        if space:
            self.server.definitions.get("channel", kind, name)
            guarded = grants.guards_channel(asked.name)
            items = _of_roles(grants, grants.roles_for_channel(asked.name))
        else:
            target = target_of(self.server.registry.service(asked.name).cls, None)
            guarded = _is_guarded(grants, target)
            items = _callers_of(grants, target)
        return Who(name=asked.name, guarded=guarded, items=items)


class RoleWhat(RoleOperation):
    """Show what an account may do."""

    name = "admin.role.what"
    Input = AccountName
    Output = What

    def handle(self) -> What:
        """Return its permissions; raises `NotFound`."""
        asked: AccountName = self.request.input
        grants = self.grants
        account = grants.accounts.get(asked.name)
        if account is None:
            raise NotFound(f"there is no account {asked.name!r}")
        held = set(account.roles)
        for name, role in grants.roles.items():
            if not set(role.settings.security).isdisjoint(account.credentials):
                held.add(name)
        items = [one for role in sorted(held) for one in _permissions(grants, role)]
        return What(name=asked.name, active=account.active, items=items)


def _is_guarded(grants: Grants, target: Target) -> bool:
    """Whether the callers of a service need a role."""
    if target.right is None:
        return grants.guards_service(target.service)
    return grants.guards_admin and not target.open


def _callers_of(grants: Grants, target: Target) -> list[Caller]:
    """Return those who may call a service."""
    if target.open:
        return [Caller(caller="everybody who logs in", role="")]
    if target.right is None:
        return _of_roles(grants, grants.roles_for_service(target.service))
    return _of_roles(grants, grants.roles_for_admin(target.service, target.right))


def _of_roles(grants: Grants, roles: Iterable[str]) -> list[Caller]:
    return [one for role in sorted(roles) for one in _holders(grants, role)]


def _holders(grants: Grants, role: str) -> Iterator[Caller]:
    """Return those who hold a role."""
    settings = grants.roles[role].settings
    for name, account in sorted(grants.accounts.items()):
        if role in account.roles and account.active:
            yield Caller(caller=f"account {name}", role=role)
    for definition in settings.security:
        yield Caller(caller=f"security {definition}", role=role)
    for definition in settings.trusted:
        for claim in settings.claims:
            yield Caller(caller=f"security {definition} with the claim {claim}", role=role)
        for group in settings.groups:
            yield Caller(caller=f"security {definition} in the group {group}", role=role)
    if settings.anonymous:
        yield Caller(caller="anybody", role=role)


def _permissions(grants: Grants, role: str) -> Iterator[Permission]:
    """Return what a role permits, by itself and by those it descends from."""
    for settings in grants.lines_of(role):
        for right in settings.rights:
            yield Permission(action=right, of="", role=role)
        for action, patterns in (
            ("invoke", settings.services),
            ("call", settings.channels),
            ("administer", settings.admin),
        ):
            for pattern in patterns:
                yield Permission(action=action, of=pattern, role=role)


OPERATIONS: tuple[type[Operation], ...] = (RoleWho, RoleWhat)
