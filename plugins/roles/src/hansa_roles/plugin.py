"""The hooks of hansa-roles in workers."""

from __future__ import annotations

from collections.abc import Iterable

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

from .authorization import authorized
from .builtin import LOGIN, ROLES
from .callers import definition_of
from .edits import require_edits
from .grants import Grants
from .login import Accounts
from .policy import Policy
from .services import OPERATIONS
from .uses import LastUses


@hookimpl
def hansa_security() -> list[type[Security]]:
    """Return the login of accounts."""
    return [Accounts]


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return who may call what."""
    return list(OPERATIONS)


@hookimpl(trylast=True)  # after the plugin admin
def hansa_startup(server: Server) -> Policy:
    """Return what may be done in this worker, and put the login of accounts before the admin API."""
    policy = Policy(server.objects, LastUses(lambda: server.records("accounts")))

    def require(principal: object, edits: Iterable[Edit]) -> None:
        require_edits(server, policy.current(), principal, edits)

    try:
        administration = server.resource(Administration)
    except NotFound:
        return policy  # the plugin admin is blocked
    administration.login = LOGIN
    administration.identify = lambda principal: identity_of(policy.current(), principal)
    administration.judge_edits_by(require)
    return policy


def identity_of(grants: Grants, principal: object) -> Identity:
    """Return the account and the roles of a caller."""
    account = grants.account_of.get(definition_of(principal), "")
    return Identity(account, tuple(sorted(grants.roles_of(principal))))


@hookimpl
def hansa_definitions() -> list[tuple[str, str, str, PlainSettings]]:
    """Return the built-in roles, and the login of accounts."""
    roles = [("role", "role", name, settings) for name, settings in ROLES.items()]
    login: tuple[str, str, str, PlainSettings] = ("security", Accounts.type, LOGIN, {})
    return [*roles, login]


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
