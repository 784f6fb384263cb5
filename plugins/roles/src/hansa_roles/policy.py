"""The roles and accounts that count in one worker, and what they permit together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hansa import DefinitionRecord, Key, Objects

from .grants import Grants, RoleState
from .unread import account_unread, role_unread

if TYPE_CHECKING:
    from .kinds import Account, Role
    from .sessions import Sessions
    from .settings import AccountSettings
    from .uses import LastUses

log = logging.getLogger("hansa.roles")


class Policy:
    """What may be done in this worker, as of the roles and accounts that it has applied.

    `grants` is None from a change until the next request, which works the new ones out. Roles and
    accounts whose settings could not be used when the worker began to serve guard what they name.
    `sessions` are those of who has logged in.
    """

    def __init__(self, objects: Objects, uses: LastUses, sessions: Sessions) -> None:
        self.uses = uses
        self.sessions = sessions
        self.grants: Grants | None = None
        self._roles: dict[str, Role] = {}
        self._accounts: dict[str, Account] = {}
        self._objects = objects
        self._unread: dict[Key, DefinitionRecord] = {}
        self._lock = threading.Lock()

    def current(self) -> Grants:
        """Return what the roles and accounts of now permit."""
        with self._lock:
            self._forget_deleted()
            if self.grants is None:
                self.grants = Grants(self._role_states(), self._account_settings())
            return self.grants

    def _role_states(self) -> dict[str, RoleState]:
        found = {
            name: role_unread(record.data)
            for (kind, _, name), record in self._unread.items()
            if kind == "role"
        }
        for name, role in self._roles.items():
            found[name] = RoleState(role.config, role.builtin)
        return found

    def _account_settings(self) -> dict[str, AccountSettings]:
        found = {
            name: account_unread(record.data)
            for (kind, _, name), record in self._unread.items()
            if kind == "account"
        }
        for name, account in self._accounts.items():
            found[name] = account.config
        return found

    def guard_unread(self, stored: Iterable[DefinitionRecord]) -> None:
        """Have those of these roles and accounts that have no object here guard what they name, until
        they have one or are deleted.
        """
        with self._lock:
            for record in stored:
                known = self._roles if record.kind == "role" else self._accounts
                if record.name in known:
                    continue
                log.error(
                    "%s %r cannot be read: what it names stays shut", record.kind, record.name
                )
                self._unread[record.key] = record
                self.grants = None

    def _forget_deleted(self) -> None:
        for key in list(self._unread):
            if self._objects.state(*key) is None:
                del self._unread[key]
                self.grants = None

    def put_role(self, role: Role) -> None:
        """Have a role count, in place of an earlier one of its name."""
        with self._lock:
            self._roles[role.name] = role
            self._unread.pop((role.kind, role.type, role.name), None)
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
            self._unread.pop((account.kind, account.type, account.name), None)
            self.grants = None
        self.uses.start()

    def drop_account(self, account: Account) -> None:
        """Have an account count no more, unless another one took its place."""
        with self._lock:
            if self._accounts.get(account.name) is account:
                del self._accounts[account.name]
                self.grants = None
