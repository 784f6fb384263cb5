"""What roles permit, against a plain reading of the rules: every grant, every caller, every target."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias, cast

import pytest
from hansa import Edit, Invalid, NotFound, Server, load
from hansa_jwt.principal import TokenPrincipal
from hansa_ldap.principal import DirectoryPrincipal
from hansa_roles.callers import Rule, definition_of
from hansa_roles.edits import target_of_edit
from hansa_roles.grants import Grants, RoleState, Target
from hansa_roles.settings import AccountSettings, RoleSettings
from hansa_roles.unread import account_unread, role_unread
from hypothesis import HealthCheck, given, settings as profile, strategies as st

Mode: TypeAlias = Literal["create", "edit", "set"]
ROLES = ("r0", "r1", "r2", "r3")
DEFINITIONS = ("d0", "d1", "d2", "admin")
SERVICES = ("orders.get", "orders.put", "rates")
CHANNELS = ("http c", "amqp c")
CLAIMS: tuple[dict[str, Any], ...] = (
    {},
    {"roles": "ops"},
    {"roles": ["dev", "ops"]},
    {"realm": {"roles": ["ops"]}},
    {"scope": "read write"},
    {"scope": "readwrite"},
)


@dataclass(frozen=True)
class Principal:
    definition: str
    claims: dict[str, Any]
    groups: tuple[str, ...]


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True)


role_states = st.builds(
    RoleState,
    st.builds(
        RoleSettings,
        parents=some(*ROLES),
        services=some("orders.*", "rates", "*", "orders.get"),
        channels=some("http *", "amqp c", "* c"),
        admin=some("admin.failed.*", "admin.service.list"),
        rights=some("view", "operate", "administer"),
        security=some(*DEFINITIONS),
        trusted=some(*DEFINITIONS),
        claims=some("roles=ops", "realm.roles=ops", "scope=write"),
        groups=some("staff"),
        anonymous=st.booleans(),
        active=st.booleans(),
    ),
    builtin=st.booleans(),
)
accounts = st.builds(
    AccountSettings,
    credentials=some("d0", "d1"),
    roles=some(*ROLES),
    active=st.booleans(),
)
principals = st.none() | st.builds(
    Principal,
    st.sampled_from(DEFINITIONS),
    st.sampled_from(CLAIMS),
    st.sampled_from([(), ("staff",), ("guests",)]),
)
targets = st.builds(
    Target, st.sampled_from(SERVICES), st.sampled_from(("", *CHANNELS))
) | st.builds(
    Target,
    st.sampled_from(["admin.failed.list", "admin.service.list", "admin.role.edit"]),
    st.sampled_from(("", "http c")),
    st.sampled_from(["view", "operate", "administer"]),
)


class Oracle:
    """The rules as the README has them, read from the definitions anew for each question."""

    def __init__(self, roles: dict[str, RoleState], account: AccountSettings | None) -> None:
        self.roles = roles
        self.account = account

    def ancestry(self, name: str, above: tuple[str, ...] = ()) -> list[RoleSettings]:
        role = self.roles.get(name)
        if role is None or not role.settings.active or name in above:
            return []
        found = [role.settings]
        for parent in role.settings.parents:
            found += self.ancestry(parent, (*above, name))
        return found

    def owns(self, principal: Principal | None) -> bool:
        if principal is None or self.account is None:
            return False
        return principal.definition in self.account.credentials

    def holds(self, principal: Principal | None, name: str) -> bool:
        role = self.roles[name].settings
        if principal is None:
            return role.anonymous
        if self.account and self.owns(principal) and name in self.account.roles:
            return True
        if principal.definition in role.security:
            return True
        if principal.definition not in role.trusted:
            return False
        texts = {
            "roles=ops": principal.claims.get("roles") in ("ops", ["dev", "ops"]),
            "realm.roles=ops": "realm" in principal.claims,
            "scope=write": principal.claims.get("scope") == "read write",
        }
        return any(texts[claim] for claim in role.claims) or bool(
            set(role.groups) & set(principal.groups)
        )

    def permitted(self, principal: Principal | None, field: str, name: str, right: str) -> bool:
        for role in self.roles:
            if not self.holds(principal, role):
                continue
            for one in self.ancestry(role):
                if right in one.rights and field == "admin":
                    return True
                if any(fnmatchcase(name, pattern) for pattern in getattr(one, field)):
                    return True
        return False

    def guarded(self, field: str, name: str) -> bool:
        return any(
            fnmatchcase(name, pattern)
            for role in self.roles.values()
            if not role.builtin
            for pattern in getattr(role.settings, field)
        )

    def administers(self) -> bool:
        given = [name for name, role in self.roles.items() if not role.builtin]
        if self.account:
            given += self.account.roles
        return any(one.admin or one.rights for name in given for one in self.ancestry(name))

    def may(self, principal: Principal | None, target: Target) -> bool:
        if self.owns(principal) and self.account and not self.account.active:
            return False
        if principal is not None and principal.definition == "admin":
            return True
        strict = self.owns(principal) or self.administers()
        if target.right is not None:
            if not strict:
                return True
            return self.permitted(principal, "admin", target.service, target.right)
        asked_for = strict and not target.channel
        invoke = not (asked_for or self.guarded("services", target.service))
        call = not (target.channel and self.guarded("channels", target.channel))
        return (invoke or self.permitted(principal, "services", target.service, "")) and (
            call or self.permitted(principal, "channels", target.channel, "")
        )


@given(
    st.dictionaries(st.sampled_from(ROLES), role_states),
    st.none() | accounts,
    principals,
    targets,
)
@profile(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_as_the_rules_say(
    roles: dict[str, RoleState],
    account: AccountSettings | None,
    principal: Principal | None,
    target: Target,
):
    grants = Grants(roles, {} if account is None else {"a": account})
    allowed = not grants.is_switched_off(principal) and grants.unmet(principal, target) is None
    assert allowed == Oracle(roles, account).may(principal, target)


@given(st.dictionaries(st.sampled_from(ROLES), role_states.filter(lambda one: one.builtin)))
@profile(max_examples=50, deadline=None)
def test_built_in_roles_alone_change_nothing(roles: dict[str, RoleState]):
    grants = Grants(roles)
    caller = Principal("d0", {"roles": "ops"}, ())
    assert grants.unmet(caller, Target("orders.get", "http c")) is None
    assert grants.unmet(None, Target("orders.get", "http c")) is None
    assert grants.unmet(caller, Target("admin.service.list", "http c", "administer")) is None


@pytest.mark.parametrize(
    ("claims", "rule", "holds"),
    [
        ({"roles": "ops"}, "roles=ops", True),
        ({"roles": "ops2"}, "roles=ops", False),
        ({"roles": "dev ops"}, "roles=ops", False),
        ({"roles": ["dev", "ops"]}, "roles=ops", True),
        ({"roles": [["ops"]]}, "roles=ops", False),
        ({"roles": {"ops": 1}}, "roles=ops", False),
        ({"scope": "read write"}, "scope=write", True),
        ({"scp": ["read", "write"]}, "scp=write", True),
        ({"a.b": "c"}, "a.b=c", True),
        ({"a": {"b": ["c"]}}, "a.b=c", True),
        ({"a": "b"}, "a.b=c", False),
        ({"level": 3}, "level=3", True),
        ({"ok": True}, "ok=true", True),
        ({"ok": True}, "ok=1", False),
        ({"x": None}, "x=None", False),
        ({"link": "a=b"}, "link=a=b", True),
    ],
)
def test_claims(claims: dict[str, Any], rule: str, holds: bool):
    assert Rule.of_claim("r", rule).holds_for(Principal("d", claims, ())) is holds


def test_the_principals_of_tokens_and_directories():
    token = TokenPrincipal("jane", "corporate", '{"realm_access": {"roles": ["ops"]}}')
    assert Rule.of_claim("r", "realm_access.roles=ops").holds_for(token)
    assert not Rule("r", group="ops").holds_for(token)
    person = DirectoryPrincipal("jane", "directory", "cn=jane", ("ops",))
    assert Rule("r", group="ops").holds_for(person)
    assert not Rule.of_claim("r", "groups=ops").holds_for(person)
    assert definition_of(token) == "corporate" and definition_of(person) == "directory"
    assert definition_of("jane") == "", "a principal of another plugin may name none"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"claims": ["roles=ops"]}, "trusted"),
        ({"groups": ["staff"]}, "trusted"),
        ({"trusted": ["d"]}, "trusted"),
        ({"claims": ["roles"], "trusted": ["d"]}, "claims"),
        ({"claims": ["=ops"], "trusted": ["d"]}, "claims"),
        ({"services": [""]}, "services"),
        ({"rights": ["everything"]}, "rights"),
    ],
)
def test_faulty_roles(given: dict[str, Any], fault: str):
    with pytest.raises(Invalid) as caught:
        load(RoleSettings, given)
    assert any(key.startswith(fault) for key in caught.value.errors)


@pytest.mark.parametrize("name", ["admin", "admin-accounts"])
def test_what_comes_with_hansa_is_nobodys_credential(name: str):
    with pytest.raises(Invalid):
        load(AccountSettings, {"credentials": [name]})


def test_roles_and_accounts_that_cannot_be_read():
    here = {"services": ["orders.*"], "channels": ["http c"], "security": ["d0"], "rights": 1}
    missing = {"$file": "/nowhere"}
    for role, guarded in (
        (here, [True, False, True, False]),
        ({**here, "services": missing}, [True, True, True, False]),
        ({**here, "channels": ["amqp c", missing]}, [True, False, True, True]),
    ):
        grants = Grants({"r0": role_unread(role)})
        found = [grants.guards_service(name) for name in ("orders.get", "rates")]
        found += [grants.guards_channel(name) for name in CHANNELS]
        assert (found, grants.guards_admin) == (guarded, True)
        assert not grants.roles_for_service("orders.get")
    account = account_unread({"credentials": ["d0", missing], "roles": ["r0"]})
    assert (account.active, account.credentials, account.roles) == (False, ["d0"], [])


class Store:
    """The definitions of a server, and its types: none."""

    def exists(self, kind: str, type: str, name: str) -> bool:
        return name == "there"

    def type(self, kind: str, type: str) -> None:
        raise NotFound("no such type")


@pytest.mark.parametrize(
    ("name", "mode", "action"),
    [
        ("there", "set", "edit"),
        ("new", "set", "create"),
        ("new", "create", "create"),
        ("new", "edit", "edit"),
    ],
)
def test_to_set_what_is_not_there_is_to_create_it(name: str, mode: Mode, action: str) -> None:
    server = cast(Server, SimpleNamespace(definitions=Store(), registry=Store()))
    target = target_of_edit(server, Edit(("channel", "http", name), {}, mode))
    assert target.service == f"admin.channel.http.{action}"
