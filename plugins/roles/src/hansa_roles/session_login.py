"""Who logs in to the admin API gets a session, and is known by its token from then on."""

from __future__ import annotations

import hmac

from hansa import HansaError, Request, Security, Server
from hansa_admin.guard import SECURITY as ADMIN
from hansa_security.basic import Basic

from .grants import Grants
from .policy import Policy
from .session import Session, SessionPrincipal, digest_of, proof_of, refused

BACKGROUND = "x-hansa-background"
"""The header by which a client says that a request is not the user's, such as one that keeps a page
up to date: a session that sees no others ends.
"""
AGENT_LONGEST = 200
"""Characters of the name of a program that are kept."""


def authenticate(server: Server, request: Request, token: str) -> SessionPrincipal:
    """Return who called with the token of a session; raises `Refused`, or `Unavailable`."""
    policy = server.resource(Policy)
    sessions = policy.sessions
    live = sessions.find(token, request.peer)
    if live is None or not is_valid(server, policy.current(), live.session, token):
        raise refused()
    if BACKGROUND not in request.headers:
        sessions.use(live)
    return live.session.principal


def begin(
    server: Server, principal: object, address: str, agent: str, revision: int = 0
) -> tuple[str, Session]:
    """Begin a session of a caller at an address, with a program, who has just proved who it is;
    returns its token. It relies on what is defined as of `revision`, which this worker need not
    have applied yet.
    """
    policy = server.resource(Policy)
    grants = policy.current()
    definition = str(getattr(principal, "definition", ""))
    account = grants.account_of.get(definition, "")
    found = server.objects.security(definition)

    def make(token: str) -> Session:
        digest = digest_of(token)
        groups = tuple(str(group) for group in getattr(principal, "groups", ()))
        return Session(
            digest=digest,
            principal=SessionPrincipal(str(principal), definition, groups, session=digest),
            account=account,
            began=policy.sessions.clock(),
            revision=max(revision, revision_of(server, found, account)),
            proof=_proof(found, token),
            address=address,
            agent=agent[:AGENT_LONGEST],
        )

    return policy.sessions.begin(make)


def is_valid(server: Server, grants: Grants, session: Session, token: str) -> bool:
    """Whether what a session relies on is as it was at the login: the security definition, the
    password and the account of its user. A worker that has yet to apply a change judges by what it
    knows.
    """
    definition = session.principal.definition
    if definition != ADMIN and definition not in grants.logins:
        return False
    if grants.account_of.get(definition, "") != session.account:
        return False
    try:
        found = server.objects.security(definition)
    except HansaError:
        return False
    if revision_of(server, found, session.account) > session.revision:
        return False
    return hmac.compare_digest(_proof(found, token), session.proof)


def revision_of(server: Server, definition: Security, account: str) -> int:
    """Return the newest revision of a security definition and an account, as this worker has them;
    0 for what comes with a plugin.
    """
    keys = [("security", definition.type, definition.name)]
    if account:
        keys.append(("account", "account", account))
    states = [server.objects.state(*key) for key in keys]
    return max(state.revision if state is not None else 0 for state in states)


def _proof(definition: Security, token: str) -> str:
    """Return what ties a session to the password of a user that comes with Hansa, which is edited
    outside; empty for any other.
    """
    if definition.builtin and isinstance(definition, Basic):
        return proof_of(token, definition.config.password)
    return ""
