"""Who may do what, by the roles and accounts of one moment: worked out once, and never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeAlias

from hansa_admin.guard import SECURITY as ADMIN
from hansa_admin.rights import Right

from .callers import Rule, definition_of
from .settings import AccountSettings, RoleSettings

NOBODY: frozenset[str] = frozenset()
RoleNames: TypeAlias = frozenset[str]
Permits: TypeAlias = Callable[[RoleSettings], bool]
"""Whether the settings of a role permit something."""


@dataclass(frozen=True, slots=True)
class RoleState:
    """A role as it is now; `builtin` ones permit, and guard nothing. Of one that is `unread` nobody
    knows which admin services it permits, so that these are guarded.
    """

    settings: RoleSettings
    builtin: bool = False
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is for: a service, through a channel (`TYPE NAME`, empty for the admin API).

    An administrative service has a `right` that its callers must be allowed; with `open` it judges
    by itself what they ask for.
    """

    service: str
    channel: str = ""
    right: Right | None = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that a caller must be permitted, and the roles that permit it."""

    what: str
    roles: RoleNames


@dataclass(frozen=True, slots=True)
class Grants:
    """What the roles and accounts of one moment permit."""

    roles: Mapping[str, RoleState] = field(default_factory=dict)
    accounts: Mapping[str, AccountSettings] = field(default_factory=dict)
    account_of: Mapping[str, str] = field(init=False)
    """The account of each security definition that is a credential."""
    logins: frozenset[str] = field(init=False)
    """The security definitions whose callers may administer: credentials of accounts, and those that
    roles name which permit admin services.
    """
    guards_admin: bool = field(init=False)
    """Whether somebody was given permissions on admin services, so that others need them, too."""
    _lines: Mapping[str, tuple[RoleSettings, ...]] = field(init=False)
    _held: Mapping[str, RoleNames] = field(init=False)
    _rules: Mapping[str, tuple[Rule, ...]] = field(init=False)
    _anonymous: RoleNames = field(init=False)

    def __post_init__(self) -> None:
        lines = {name: tuple(self._line(name)) for name in self.roles}
        owners = {
            credential: name
            for name, account in self.accounts.items()
            for credential in account.credentials
        }
        anonymous = {name for name, role in self.roles.items() if role.settings.anonymous}
        _set(self, "_lines", lines)
        _set(self, "account_of", owners)
        _set(self, "_held", self._held_by_definition())
        _set(self, "_rules", self._rules_by_definition())
        _set(self, "_anonymous", frozenset(anonymous))
        _set(self, "logins", frozenset(self._admitting()))
        unread = any(role.unread for role in self.roles.values())
        _set(self, "guards_admin", unread or any(map(self._administers, self._given())))

    # -- roles -------------------------------------------------------------------------------------

    def _line(self, name: str) -> Iterator[RoleSettings]:
        """Return the settings of a role and of those it descends from, each once, but for those
        that are switched off.
        """
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            role = self.roles.get(current)
            if current in seen or role is None or not role.settings.active:
                continue
            seen.add(current)
            waiting += role.settings.parents
            yield role.settings

    def _given(self) -> set[str]:
        """Return the roles that count as given: those that were defined, and those of accounts."""
        found = {name for name, role in self.roles.items() if not role.builtin}
        for account in self.accounts.values():
            found.update(account.roles)
        return found

    def _administers(self, name: str) -> bool:
        return any(one.admin or one.rights for one in self._lines.get(name, ()))

    def _admitting(self) -> Iterator[str]:
        yield from self.account_of
        for name, role in self.roles.items():
            if self._administers(name):
                yield from role.settings.security
                yield from role.settings.trusted

    def lines_of(self, name: str) -> tuple[RoleSettings, ...]:
        """Return the settings of a role and of those it descends from, if they are switched on."""
        return self._lines.get(name, ())

    def roles_for_service(self, service: str) -> RoleNames:
        """Return the roles that permit a service to be invoked."""
        return self._permitting(lambda one: _matches(one.services, service))

    def roles_for_channel(self, channel: str) -> RoleNames:
        """Return the roles that permit a channel, `TYPE NAME`, to be called."""
        return self._permitting(lambda one: _matches(one.channels, channel))

    def roles_for_admin(self, service: str, right: Right | None) -> RoleNames:
        """Return the roles that permit an administrative service that needs a right."""
        return self._permitting(lambda one: right in one.rights or _matches(one.admin, service))

    def _permitting(self, permits: Permits) -> RoleNames:
        found = [name for name, line in self._lines.items() if any(map(permits, line))]
        return frozenset(found)

    def guards_service(self, service: str) -> bool:
        """Whether a role that was defined names a service, so that its callers need one."""
        return any(_matches(one.services, service) for one in self._defined())

    def guards_channel(self, channel: str) -> bool:
        """Whether a role that was defined names a channel, so that its callers need one."""
        return any(_matches(one.channels, channel) for one in self._defined())

    def _defined(self) -> Iterator[RoleSettings]:
        return (role.settings for role in self.roles.values() if not role.builtin)

    # -- callers -----------------------------------------------------------------------------------

    def _held_by_definition(self) -> dict[str, RoleNames]:
        found: dict[str, set[str]] = {}
        for name, role in self.roles.items():
            for definition in role.settings.security:
                found.setdefault(definition, set()).add(name)
        for account in self.accounts.values():
            for definition in account.credentials:
                found.setdefault(definition, set()).update(account.roles)
        return {definition: frozenset(names) for definition, names in found.items()}

    def _rules_by_definition(self) -> dict[str, tuple[Rule, ...]]:
        found: dict[str, list[Rule]] = {}
        for name, role in self.roles.items():
            for definition in role.settings.trusted:
                rules = found.setdefault(definition, [])
                rules.extend(Rule.of_claim(name, claim) for claim in role.settings.claims)
                rules.extend(Rule(name, group=group) for group in role.settings.groups)
        return {definition: tuple(rules) for definition, rules in found.items()}

    def roles_of(self, principal: object) -> RoleNames:
        """Return the roles that a caller holds, without their parents."""
        if principal is None:
            return self._anonymous
        definition = definition_of(principal)
        held = self._held.get(definition, NOBODY)
        rules = self._rules.get(definition)
        if rules:
            held = held.union(rule.role for rule in rules if rule.holds_for(principal))
        return held

    def judges_alike(self, definition: str) -> bool:
        """Whether all callers of a security definition may do the same: none has claims that count.

        Those that no definition identifies are told from those of a type that names none.
        """
        return bool(definition) and definition not in self._rules

    def is_switched_off(self, principal: object) -> bool:
        """Whether a caller's account is not active."""
        account = self.account_of.get(definition_of(principal))
        return account is not None and not self.accounts[account].active

    # -- decisions ---------------------------------------------------------------------------------

    def demands(self, principal: object, target: Target) -> list[Demand]:
        """Return what a caller must be permitted; nothing where everybody may who was let in."""
        definition = definition_of(principal)
        if definition == ADMIN or target.open:
            return []
        judged = self.guards_admin or definition in self.account_of
        if target.right is not None:
            roles = self.roles_for_admin(target.service, target.right)
            return [Demand(target.service, roles)] if judged else []
        found: list[Demand] = []
        asked_for = not target.channel and judged
        if asked_for or self.guards_service(target.service):
            found.append(Demand(target.service, self.roles_for_service(target.service)))
        if target.channel and self.guards_channel(target.channel):
            found.append(Demand(target.channel, self.roles_for_channel(target.channel)))
        return found

    def unmet(self, principal: object, target: Target) -> Demand | None:
        """Return the first thing that a caller is not permitted; None if it may."""
        demands = self.demands(principal, target)
        if not demands:
            return None
        held = self.roles_of(principal)
        for demand in demands:
            if held.isdisjoint(demand.roles):
                return demand
        return None

    def carries_rights(self, definition: str) -> bool:
        """Whether a security definition decides who somebody is that roles or accounts name."""
        return (
            definition in self._held or definition in self._rules or definition in self.account_of
        )


def _matches(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _set(grants: Grants, name: str, value: object) -> None:
    """Set a field of what is frozen once it is made."""
    object.__setattr__(grants, name, value)
