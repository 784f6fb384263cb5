"""The admin service by which callers change their own password: `admin.password.change`."""

from __future__ import annotations

from typing import Annotated

from hansa import Applied, Conflict, Forbidden, Invalid, Model, Secret, setting
from hansa_admin.administration import name_of
from hansa_admin.guard import SECURITY as ADMIN
from hansa_admin.operation import Operation
from hansa_security.basic import Basic

from . import session_login
from .callers import definition_of
from .proof import WRONG_PASSWORD, WrongPassword
from .session import SessionPrincipal
from .session_services import LoggedIn, SessionOperation, is_same_user
from .sessions import LiveSession

BY_ADMIN = "the password of admin is set outside of the cluster, by `hansa update password`"


class NewPassword(Model):
    """The password of the caller, and the one from now on."""

    password: Annotated[Secret, setting("Password of the caller as it is now")]
    new: Annotated[Secret, setting("Password from now on")]


class PasswordChanged(Model):
    """A password that has changed."""

    revision: Annotated[int, setting("Revision of the change")]
    ended: Annotated[int, setting("Number of other sessions of the user, which have ended now")]
    session: Annotated[
        LoggedIn | None,
        setting(
            "The caller's session, which has another token now; null if the caller is known by other "
            "credentials"
        ),
    ]


class PasswordChange(SessionOperation):
    """Change one's own password, by the one that there is; all other sessions of the user end."""

    name = "admin.password.change"
    Input = NewPassword
    Output = PasswordChanged

    def handle(self) -> PasswordChanged:
        """Store it; raises `WrongPassword`, which is held up as a login is, `Invalid` for one that is
        too weak, and `Conflict` if the password is not the cluster's to change.
        """
        asked: NewPassword = self.request.input
        definition = self._own_definition()
        record = self.server.definitions.get("security", definition.type, definition.name)
        stored = record.data.get("password")
        if isinstance(stored, dict) and "$encrypted" not in stored:
            raise Conflict(
                f"the password of security definition {definition.name} stands elsewhere "
                f"({', '.join(stored)}): change it there"
            )
        principal = self.request.principal
        proved = self.prove(name_of(principal), asked.password)
        if not is_same_user(proved, principal):
            raise WrongPassword(WRONG_PASSWORD)
        if asked.new == asked.password:
            raise Invalid({"new": "is the password that there is already"})
        mine = [live for live in self.sessions.all() if self.is_mine(live)]
        applied = self._store(definition, asked.new, record.revision)
        session = self._begin_anew(proved, applied.revision)
        for live in mine:
            self.sessions.end(live.session.digest)
        others = [live for live in mine if live.session.digest != self.own]
        return PasswordChanged(revision=applied.revision, ended=len(others), session=session)

    def _own_definition(self) -> Basic:
        """Return the security definition that has the caller's password."""
        principal = self.request.principal
        name = definition_of(principal)
        if not name:
            raise Forbidden("only who is known by a security definition has a password to change")
        if name == ADMIN:
            raise Conflict(BY_ADMIN)
        found = self.server.objects.security(name)
        if not isinstance(found, Basic) or found.builtin:
            raise Conflict(
                f"security definition {name} of type {found.type} has no password of its own: change "
                "it where the user is known by it"
            )
        return found

    def _store(self, definition: Basic, password: str, seen: int) -> Applied:
        try:
            return self.server.definitions.define(
                "security",
                definition.type,
                definition.name,
                {"password": password},
                mode="edit",
                seen_revision=seen,
                by=self.caller,
            )
        except Invalid as error:
            faults = {"new" if key == "password" else key: one for key, one in error.errors.items()}
            raise Invalid(faults or error.detail) from None

    def _begin_anew(self, proved: object, revision: int) -> LoggedIn | None:
        """Begin the session of a caller who has one again, since the former relies on a password of
        before.
        """
        principal = self.request.principal
        former: LiveSession | None = self.sessions.known(self.own)
        if former is None or not isinstance(principal, SessionPrincipal):
            return None
        token, session = session_login.begin(
            self.server, proved, self.request.peer, former.session.agent, revision
        )
        return self.logged_in(token, session)


OPERATIONS: tuple[type[Operation], ...] = (PasswordChange,)
