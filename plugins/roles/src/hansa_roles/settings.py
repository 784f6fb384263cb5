"""The settings of roles and accounts."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_admin.rights import Right

BUILTIN_LOGINS = frozenset({"admin", "admin-accounts", "admin-login"})
"""Security definitions that come with Hansa; they cannot be credentials of an account."""


class RoleSettings(Model):
    """What holders of a role may do, and who holds it besides accounts."""

    active: Annotated[
        bool,
        setting("Whether the role permits anything; what it names stays guarded in any case"),
    ] = True
    parents: Annotated[
        list[str], setting("Roles whose permissions this one has, too", refers="role")
    ] = []
    services: Annotated[
        list[str],
        setting("Services that holders may invoke: names or patterns", example=["orders.*"]),
    ] = []
    channels: Annotated[
        list[str],
        setting(
            "Channels that holders may call: TYPE NAME, or patterns of that",
            example=["http orders", "http partner-*"],
        ),
    ] = []
    admin: Annotated[
        list[str],
        setting(
            "Admin services that holders may call: names or patterns", example=["admin.failed.*"]
        ),
    ] = []
    rights: Annotated[
        list[Right],
        setting(
            "Rights on admin services: holders may call those that need no more than one of them"
        ),
    ] = []
    security: Annotated[
        list[str],
        setting("Security definitions whose callers all hold the role", refers="security"),
    ] = []
    trusted: Annotated[
        list[str],
        setting("Security definitions whose claims and groups count", refers="security"),
    ] = []
    claims: Annotated[
        list[str],
        setting(
            "Claims of tokens whose bearers hold the role, as CLAIM=VALUE",
            example=["roles=ops", "realm_access.roles=ops"],
        ),
    ] = []
    groups: Annotated[list[str], setting("Groups of a directory whose members hold the role")] = []
    anonymous: Annotated[
        bool, setting("Whether callers whom no security definition identifies hold the role")
    ] = False

    def check(self) -> None:
        """Refuse empty patterns, malformed claims, and claims or groups that anybody may assert."""
        faults: dict[str, str] = {}
        for name in ("services", "channels", "admin", "groups"):
            if "" in getattr(self, name):
                faults[name] = "must not contain an empty text"
        for claim in self.claims:
            name, equals, value = claim.partition("=")
            if not (name and equals and value):
                faults["claims"] = f"{claim!r} is not of the form CLAIM=VALUE"
        asserted = bool(self.claims or self.groups)
        if asserted and not self.trusted:
            faults["trusted"] = "name the security definitions whose claims and groups count"
        elif self.trusted and not asserted:
            faults["trusted"] = "has no effect without claims or groups"
        if faults:
            raise Invalid(faults)


class AccountSettings(Model):
    """The credentials of a person or a program, and its roles."""

    active: Annotated[
        bool, setting("Whether its credentials are accepted; otherwise they are refused everywhere")
    ] = True
    credentials: Annotated[
        list[str],
        setting(
            "Security definitions that identify it; each is the credential of one account at most",
            refers="security",
        ),
    ] = []
    roles: Annotated[list[str], setting("Roles that it holds", refers="role")] = []

    def check(self) -> None:
        """Refuse what is the credential of the user `admin`, or of all accounts."""
        for name in BUILTIN_LOGINS.intersection(self.credentials):
            raise Invalid(
                {
                    "credentials": f"{name} comes with Hansa and cannot be the credential of an account"
                }
            )
