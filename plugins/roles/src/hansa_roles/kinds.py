"""The kinds `role` and `account`; what they permit is worked out in the policy of the worker."""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Definition
from hansa_admin.rights import Authorizing

from .policy import Policy
from .settings import AccountSettings, RoleSettings


class Role(Authorizing, Definition[RoleSettings]):
    """Roles: what their holders may call, and who holds them."""

    kind = "role"
    type = "role"
    acyclic = True
    # a role that is switched off grants nothing, and what it names stays guarded
    lives_inactive = True

    def start(self) -> None:
        """Have it count in this worker, in place of the one of this name that did."""
        self.server.resource(Policy).put_role(self)

    def withdrawn(self) -> None:
        """Have it count no more, unless another one took its place."""
        self.server.resource(Policy).drop_role(self)


class Account(Authorizing, Definition[AccountSettings]):
    """Accounts of people and programs: their credentials and their roles."""

    kind = "account"
    type = "account"
    # the credentials of an account that is switched off are refused
    lives_inactive = True

    @classmethod
    def claims(cls, config: AccountSettings) -> Iterable[str]:
        """Return its credentials: each is that of one account."""
        return [f"the credential {name}" for name in config.credentials]

    def start(self) -> None:
        """Have it count in this worker, in place of the one of this name that did."""
        self.server.resource(Policy).put_account(self)

    def withdrawn(self) -> None:
        """Have it count no more, unless another one took its place."""
        self.server.resource(Policy).drop_account(self)

    def last_used(self) -> str | None:
        """Return the time of the last call with one of its credentials in the cluster, in ISO 8601,
        UTC, to the minute; None if none is known.
        """
        return self.server.resource(Policy).uses.last(self.name)
