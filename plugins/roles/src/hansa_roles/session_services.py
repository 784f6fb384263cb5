"""The admin services of logins: `admin.login`, `logout`, `me`, and
`admin.session.{confirm,list,end}`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from hansa import Forbidden, Invalid, Model, Refused, Secret, setting
from hansa_admin.administration import name_of
from hansa_admin.cluster_settings import ClusterAppearance, appearance_of
from hansa_admin.guard import SECURITY as ADMIN
from hansa_admin.operation import Nothing, Operation
from hansa_admin.rights import Right

from . import session_login
from .builtin import LOG_IN, PASSWORD_LOGIN
from .callers import definition_of
from .grants import Grants, Target
from .login import AccountsLogin, LoginInput
from .permitted import permitted_rights, permitted_services
from .policy import Policy
from .proof import WRONG_PASSWORD, WrongPassword
from .requirement import SWITCHED_OFF, require
from .session import Session, SessionPrincipal, digest_of, token_in
from .sessions import LiveSession, Sessions

SHOWN = 16
"""Digits of the digest of a token by which a session is named."""


class LoggedIn(Model):
    """A session that began."""

    token: Annotated[
        str, setting("Token for the header `Authorization: Bearer`; it is never shown again")
    ]
    session: Annotated[str, setting("Name of the session, for admin.session.end")]
    user: Annotated[str, setting("Name of the user")]
    account: Annotated[str, setting("Account of the user; empty for the user admin")]
    roles: Annotated[list[str], setting("Roles that the user holds")]
    expires: Annotated[
        float, setting("End of the session in any case, in seconds of the Unix epoch")
    ]
    idle: Annotated[float, setting("Seconds after which it ends if it is not used")]
    confirmed_until: Annotated[
        float, setting("Time from which final acts need the password once more")
    ]


class LoggedOut(Model):
    """The end of the caller's own session."""

    ended: Annotated[bool, setting("Whether the caller had a session, which has ended now")]


class OwnSession(Model):
    """The session that the caller is known by."""

    session: Annotated[str, setting("Its name")]
    began: Annotated[float, setting("Time of the login, in seconds of the Unix epoch")]
    expires: Annotated[float, setting("Its end in any case")]
    idle: Annotated[float, setting("Seconds after which it ends if it is not used")]
    used: Annotated[float, setting("Time of its last use before this one")]
    confirmed_until: Annotated[
        float, setting("Time from which final acts need the password once more")
    ]


class Myself(Model):
    """Who calls, and what it may do."""

    user: Annotated[str, setting("Name of the user")]
    account: Annotated[str, setting("Account of the user; empty if it has none")]
    definition: Annotated[str, setting("Security definition that vouches for the user")]
    roles: Annotated[list[str], setting("Roles that the user holds, without their parents")]
    rights: Annotated[list[str], setting("Rights on admin services")]
    may: Annotated[
        list[str],
        setting(
            "Patterns, as in file names, that the admin services match which the user may call, and "
            "no others do"
        ),
    ]
    session: Annotated[
        OwnSession | None, setting("The session; null if the caller is known by other credentials")
    ]
    cluster: Annotated[ClusterAppearance, setting("How the cluster is shown to people")]


class Confirmation(Model):
    """The password of the caller."""

    password: Annotated[Secret, setting("Password of the user who has logged in")]
    user: Annotated[
        str,
        setting(
            "Name given at the login, where a directory knows the user by another one",
            max_length=256,
        ),
    ] = ""


class Users(Model):
    """Whose sessions to list."""

    all: Annotated[
        bool, setting("Those of all users, which needs the right administer, instead of one's own")
    ] = False
    offset: Annotated[int, setting("Number of sessions to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of sessions to return", ge=1, le=10_000)] = 1000


class ListedSession(Model):
    """A session in the list."""

    session: Annotated[str, setting("Its name")]
    user: Annotated[str, setting("Name of the user")]
    account: Annotated[str, setting("Account of the user; empty if it has none")]
    since: Annotated[float, setting("Time of the login, in seconds of the Unix epoch")]
    last: Annotated[float, setting("Time of its last use, to the minute")]
    expires: Annotated[float, setting("Its end in any case")]
    address: Annotated[str, setting("Address that the login came from")]
    agent: Annotated[str, setting("Program that logged in, as it calls itself")]
    own: Annotated[bool, setting("Whether it is the one that the caller is known by")]


class ListedSessions(Model):
    """Sessions that have not ended."""

    items: Annotated[list[ListedSession], setting("Sessions, the newest first")]
    total: Annotated[int, setting("Number of sessions on all pages")]


class WhichSessions(Model):
    """Which sessions to end: one by its name, those of a user, or the caller's others."""

    session: Annotated[str, setting("Name of the session")] = ""
    user: Annotated[str, setting("All sessions of this user")] = ""
    others: Annotated[bool, setting("All of the caller's own but the one it calls by")] = False

    def check(self) -> None:
        """Refuse none of them, and more than one."""
        given = [name for name in ("session", "user", "others") if getattr(self, name)]
        if len(given) != 1:
            raise Invalid({"session": "give one of session, user and others"})


class EndedSessions(Model):
    """What was ended."""

    ended: Annotated[int, setting("Number of sessions that have ended now")]


class SessionOperation(Operation):
    """Base of what any caller may do who is let in."""

    abstract = True
    right: ClassVar[Right | None] = None

    @property
    def policy(self) -> Policy:
        """The roles and accounts of this worker."""
        return self.server.resource(Policy)

    @property
    def grants(self) -> Grants:
        """What the roles and accounts of now permit."""
        return self.policy.current()

    @property
    def sessions(self) -> Sessions:
        """The sessions of the cluster."""
        return self.policy.sessions

    @property
    def own(self) -> str:
        """The digest of the token that the caller is known by; empty if it is not by one."""
        principal = self.request.principal
        return principal.session if isinstance(principal, SessionPrincipal) else ""

    @property
    def roles(self) -> list[str]:
        """The roles of the caller; that of the user `admin` has all rights."""
        principal = self.request.principal
        if definition_of(principal) == ADMIN:
            return [ADMIN]
        return sorted(self.grants.roles_of(principal))

    @property
    def account(self) -> str:
        """The account of the caller; empty if it has none."""
        return self.grants.account_of.get(definition_of(self.request.principal), "")

    def is_mine(self, live: LiveSession) -> bool:
        """Whether a session is one of the caller's."""
        return is_same_user(live.session.principal, self.request.principal)

    def require_administer(self) -> None:
        """Raise `Forbidden` unless the caller may end and see the sessions of others; internal
        callers may.
        """
        if self.request.principal is not None:
            target = Target(self.get_name(), right="administer")
            require(self.grants, self.request.principal, target)

    def prove(self, user: str, password: str) -> object:
        """Return who has this name and this password, held up as a login is; raises
        `WrongPassword`.
        """
        login = self.server.objects.security(PASSWORD_LOGIN)
        assert isinstance(login, AccountsLogin)
        try:
            return login.judge(user, password, self.request)
        except Refused as refused:
            wrong = WrongPassword(WRONG_PASSWORD)
            wrong.headers.update(refused.headers)
            raise wrong from None

    def logged_in(self, token: str, session: Session) -> LoggedIn:
        """Return a session that has begun, and its token, which nothing may keep."""
        self.response.headers["Cache-Control"] = "no-store"
        return LoggedIn(
            token=token,
            session=session.digest[:SHOWN],
            user=session.principal.name,
            account=session.account,
            roles=self.roles,
            expires=self.sessions.ends(session),
            idle=self.sessions.lifetimes.idle,
            confirmed_until=self.sessions.confirmed_until(session),
        )


class LogIn(SessionOperation):
    """Log in with a user name and a password: begin a session, and return its token."""

    name = LOG_IN
    Input = LoginInput
    Output = LoggedIn

    def handle(self) -> LoggedIn:
        """Return the token; the channel has judged the password."""
        channel = self.request.channel
        if channel is None or channel.channel != LOG_IN:
            raise Forbidden("only a user name and a password begin a session")
        principal = self.request.principal
        if self.grants.is_switched_off(principal):
            raise Forbidden(SWITCHED_OFF)
        if not definition_of(principal):
            raise Forbidden("nobody knows which security definition has admitted the caller")
        former = token_in(self.request)
        agent = self.request.headers.get("user-agent", "")
        token, session = session_login.begin(self.server, principal, self.request.peer, agent)
        if former is not None:
            self._end_former(digest_of(former))
        return self.logged_in(token, session)

    def _end_former(self, digest: str) -> None:
        """End the session of the caller whose token came with the login (OWASP ASVS 5, 7.2.4); it is
        known here, since to begin one is to read of all others.
        """
        former = self.sessions.known(digest)
        if former is not None and self.is_mine(former):
            self.sessions.end(digest)


class SessionConfirm(SessionOperation):
    """Confirm the caller's session by the password, before what is final: its token is replaced."""

    name = "admin.session.confirm"
    Input = Confirmation
    Output = LoggedIn

    def handle(self) -> LoggedIn:
        """Return the new token; raises `WrongPassword`, which is held up as a login is."""
        principal = self.request.principal
        former = self.sessions.known(self.own)
        if former is None or not isinstance(principal, SessionPrincipal):
            raise Forbidden("only who is known by a session confirms it")
        asked: Confirmation = self.request.input
        proved = self.prove(asked.user or principal.name, asked.password)
        if not is_same_user(proved, principal):
            raise WrongPassword(WRONG_PASSWORD)
        token, session = session_login.begin(
            self.server, proved, self.request.peer, former.session.agent
        )
        self.sessions.end(self.own)
        return self.logged_in(token, session)


class LogOut(SessionOperation):
    """End the session that the caller is known by, in the whole cluster."""

    name = "admin.logout"
    Input = Nothing
    Output = LoggedOut

    def handle(self) -> LoggedOut:
        """End it."""
        return LoggedOut(ended=bool(self.own) and self.sessions.end(self.own))


class Me(SessionOperation):
    """Show who calls: its account and roles, which admin services it may call, and its cluster."""

    name = "admin.me"
    recorded = False
    Input = Nothing
    Output = Myself

    def handle(self) -> Myself:
        """Return it."""
        principal = self.request.principal
        grants = self.grants
        return Myself(
            user=name_of(principal),
            account=self.account,
            definition=definition_of(principal),
            roles=self.roles,
            rights=permitted_rights(grants, principal),
            may=permitted_services(self.server.registry, grants, principal),
            session=self._session(),
            cluster=appearance_of(self.server),
        )

    def _session(self) -> OwnSession | None:
        for live in self.sessions.all():
            if live.session.digest == self.own:
                return OwnSession(
                    session=self.own[:SHOWN],
                    began=live.session.began,
                    expires=self.sessions.ends(live.session),
                    idle=self.sessions.lifetimes.idle,
                    used=live.used,
                    confirmed_until=self.sessions.confirmed_until(live.session),
                )
        return None


class SessionList(SessionOperation):
    """List the sessions of the caller, or of all users."""

    name = "admin.session.list"
    recorded = False
    Input = Users
    Output = ListedSessions

    def handle(self) -> ListedSessions:
        """Return a page of the list."""
        asked: Users = self.request.input
        if asked.all:
            self.require_administer()
        found = [live for live in self.sessions.all() if asked.all or self.is_mine(live)]
        page = found[asked.offset : asked.offset + asked.limit]
        return ListedSessions(items=[self._show(live) for live in page], total=len(found))

    def _show(self, live: LiveSession) -> ListedSession:
        session = live.session
        return ListedSession(
            session=session.digest[:SHOWN],
            user=session.principal.name,
            account=session.account,
            since=session.began,
            last=live.used,
            expires=self.sessions.ends(session),
            address=session.address,
            agent=session.agent,
            own=session.digest == self.own,
        )


class SessionEnd(SessionOperation):
    """End a session of the caller, all but the one that it calls by, or those of any user."""

    name = "admin.session.end"
    Input = WhichSessions
    Output = EndedSessions

    def handle(self) -> EndedSessions:
        """End them in the whole cluster; raises `Forbidden` for those of others, unless the caller
        may administer.
        """
        asked: WhichSessions = self.request.input
        wanted = [live for live in self.sessions.all() if self._is_asked_for(asked, live)]
        names_another = bool(asked.user) and asked.user != self.caller
        if names_another or not all(map(self.is_mine, wanted)):
            self.require_administer()
        ended = [self.sessions.end(live.session.digest) for live in wanted]
        return EndedSessions(ended=sum(ended))

    def _is_asked_for(self, asked: WhichSessions, live: LiveSession) -> bool:
        if asked.others:
            return self.is_mine(live) and live.session.digest != self.own
        if asked.user:
            return live.session.principal.name == asked.user
        return live.session.digest[:SHOWN] == asked.session


def is_same_user(one: object, other: object) -> bool:
    """Whether two principals are one user of one security definition."""
    return definition_of(one) == definition_of(other) and name_of(one) == name_of(other)


OPERATIONS: tuple[type[Operation], ...] = (
    LogIn,
    LogOut,
    Me,
    SessionConfirm,
    SessionList,
    SessionEnd,
)
