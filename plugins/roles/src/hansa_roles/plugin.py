"""The hooks of hansa-roles in workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from hansa import (
    Channel,
    Dispatch,
    Edit,
    NotFound,
    PlainSettings,
    Security,
    Server,
    Service,
    hookimpl,
)
from hansa_admin.administration import Administration, Identity
from hansa_admin.api import PREFIX

from .authorization import authorized
from .builtin import LOG_IN, LOGIN, PASSWORD_LOGIN, ROLES
from .callers import definition_of
from .early import SessionsSection
from .edits import require_call, require_edits, require_proof_of_edits, require_reading_of_edits
from .grants import Grants
from .login import Accounts, AccountsLogin
from .password_service import OPERATIONS as PASSWORD_OPERATIONS
from .policy import Policy
from .services import OPERATIONS
from .session_services import OPERATIONS as SESSION_OPERATIONS
from .sessions import JOURNAL, Lifetimes, Sessions
from .uses import LastUses

BuiltIn: TypeAlias = tuple[str, str, str, PlainSettings]
"""A definition that comes with the plugin: its kind, type, name and settings."""


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return the logins of accounts."""
    return [Accounts, AccountsLogin]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return who may call what, and who is logged in."""
    return [*OPERATIONS, *SESSION_OPERATIONS, *PASSWORD_OPERATIONS]


@hookimpl(trylast=True)  # after the plugin admin
def hansa_startup(server: Server) -> Policy:
    """Return what may be done in this worker, and put the login of accounts before the admin API."""
    section = server.section(SessionsSection)
    lifetimes = Lifetimes(section.idle, section.maximum, section.confirm_after)
    sessions = Sessions(lambda: server.journal(JOURNAL), lifetimes)
    policy = Policy(server.objects, LastUses(lambda: server.records("accounts")), sessions)

    def require(principal: object, edits: Iterable[Edit]) -> None:
        require_edits(server, policy.current(), principal, edits)

    def require_proof(principal: object, edits: Iterable[Edit]) -> None:
        require_proof_of_edits(server, policy, principal, edits)

    def require_reading(principal: object, edits: Iterable[Edit]) -> None:
        require_reading_of_edits(server, policy.current(), principal, edits)

    def require_called(principal: object, service: str) -> None:
        require_call(server, policy, principal, service)

    try:
        administration = server.resource(Administration)
    except NotFound:
        return policy  # the plugin admin is blocked
    administration.login = LOGIN
    administration.identify = lambda principal: identity_of(policy.current(), principal)
    administration.judge_edits_by(require)
    administration.judge_proof_by(require_proof)
    administration.judge_reading_by(require_reading)
    administration.judge_calls_by(require_called)
    return policy


def identity_of(grants: Grants, principal: object) -> Identity:
    """Return the account and the roles of a caller."""
    account = grants.account_of.get(definition_of(principal), "")
    return Identity(account, tuple(sorted(grants.roles_of(principal))))


@hookimpl
def hansa_definitions(server: Server) -> list[BuiltIn]:
    """Return the built-in roles, the logins of accounts, and the channel of who logs in."""
    roles: list[BuiltIn] = [("role", "role", name, settings) for name, settings in ROLES.items()]
    found: list[BuiltIn] = [*roles, ("security", Accounts.type, LOGIN, {})]
    if any(registered.type == "http" for registered in server.registry.types("channel")):
        found.append(("security", AccountsLogin.type, PASSWORD_LOGIN, {}))
        settings = {
            "url_path": f"{PREFIX}/{LOG_IN}",
            "method": "POST",
            "service": LOG_IN,
            "format": "json",
            "security": PASSWORD_LOGIN,
        }
        found.append(("channel", "http", LOG_IN, settings))
    return found


@hookimpl(tryfirst=True)
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Have the callers of a route authorized before it."""
    return authorized(channel, service, call)


@hookimpl(tryfirst=True)  # before a request is accepted
def hansa_serve(server: Server) -> None:
    """Keep shut what is named by roles and accounts that cannot be read here."""
    definitions = server.definitions
    stored = [*definitions.all("role"), *definitions.all("account")]
    server.resource(Policy).guard_unread(stored)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Write down the last uses."""
    server.resource(Policy).uses.stop()
