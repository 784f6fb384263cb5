"""The roles and accounts that count in one worker, and what they permit together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .grants import Grants, RoleState

if TYPE_CHECKING:
    from .kinds import Account, Role
    from .uses import LastUses


class Policy:
    """What may be done in this worker, as of the roles and accounts that it has applied.

    `grants` is None from a change until the next request, which works the new ones out.
    """

    def __init__(self, uses: LastUses) -> None:
        self.uses = uses
        self.grants: Grants | None = None
        self._roles: dict[str, Role] = {}
        self._accounts: dict[str, Account] = {}
        self._lock = threading.Lock()

    def current(self) -> Grants:
        """Return what the roles and accounts of now permit."""
        with self._lock:
            if self.grants is None:
                self.grants = Grants(
                    {
                        name: RoleState(role.config, role.builtin)
                        for name, role in self._roles.items()
                    },
                    {name: account.config for name, account in self._accounts.items()},
                )
            return self.grants

    def put_role(self, role: Role) -> None:
        """Have a role count, in place of an earlier one of its name."""
        with self._lock:
            self._roles[role.name] = role
            self.grants = None

    def drop_role(self, role: Role) -> None:
        """Have a role count no more, unless another one took its place."""
        with self._lock:
            if self._roles.get(role.name) is role:
                del self._roles[role.name]
                self.grants = None

    def put_account(self, account: Account) -> None:
        """Have an account count, in place of an earlier one of its name."""
        with self._lock:
            self._accounts[account.name] = account
            self.grants = None
        self.uses.start()

    def drop_account(self, account: Account) -> None:
        """Have an account count no more, unless another one took its place."""
        with self._lock:
            if self._accounts.get(account.name) is account:
                del self._accounts[account.name]
                self.grants = None
