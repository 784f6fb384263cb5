"""The edits of a configuration that is applied, each judged as if it were made by itself."""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Edit, NotFound, Server, Service
from hansa_admin.rights import finality_of

from .grants import Grants, Target
from .implied import DEPLOY, ImpliedRights
from .policy import Policy
from .proof import PasswordRequired, has_proved
from .requirement import require, target_of


def require_edits(server: Server, grants: Grants, principal: object, edits: Iterable[Edit]) -> None:
    """Raise `Forbidden` unless a caller may make each of these edits."""
    implied = ImpliedRights(server, grants, principal)
    for edit in edits:
        require(grants, principal, target_of_edit(server, edit))
        if edit.key[0] != "service":
            implied.require(edit.key, edit.data)


def require_reading_of_edits(
    server: Server, grants: Grants, principal: object, edits: Iterable[Edit]
) -> None:
    """Raise `Forbidden` unless a caller may have read what these edits refer to in files, variables
    and elsewhere.
    """
    implied = ImpliedRights(server, grants, principal)
    for edit in edits:
        implied.require_reading(edit.key, edit.data)


def require_proof_of_edits(
    server: Server, policy: Policy, principal: object, edits: Iterable[Edit]
) -> None:
    """Raise `PasswordRequired` if one of these edits is final and its author proved too long ago
    who it is.
    """
    if has_proved(policy.sessions, principal):
        return
    implied = ImpliedRights(server, policy.current(), principal)
    if any(_is_final(server, implied, edit) for edit in edits):
        raise PasswordRequired(policy.sessions.lifetimes.confirm_after)


def require_call(server: Server, policy: Policy, principal: object, service: str) -> None:
    """Raise `Forbidden` unless somebody may have a service called later, when there is no caller to
    be judged, and `PasswordRequired` if that may be final and the proof is too old.
    """
    implied = ImpliedRights(server, policy.current(), principal)
    implied.require_service(service)
    if not has_proved(policy.sessions, principal) and implied.calls_final(service):
        raise PasswordRequired(policy.sessions.lifetimes.confirm_after)


def _is_final(server: Server, implied: ImpliedRights, edit: Edit) -> bool:
    if edit.key[0] == "service":
        return False
    cls = _service_of_edit(server, edit)
    if cls is None or finality_of(cls) == "always":
        return True
    return implied.is_final(edit.key, edit.data)


def target_of_edit(server: Server, edit: Edit) -> Target:
    """Return the admin service that makes an edit by itself: to set what is not there is to create
    it. One of a type that no plugin here has needs the highest right.
    """
    kind, type, _ = edit.key
    if kind == "service":
        return DEPLOY
    cls = _service_of_edit(server, edit)
    if cls is None:
        return Target(f"admin.{kind}.{type}.{_action_of(server, edit)}", right="administer")
    return target_of(cls, None)


def _service_of_edit(server: Server, edit: Edit) -> type[Service] | None:
    """Return the admin service that makes an edit of a definition by itself; None for a type that
    no plugin here has.
    """
    registry = server.registry
    kind, type, _ = edit.key
    try:
        path = registry.type(kind, type).path
        return registry.service(".".join(("admin", *path, _action_of(server, edit)))).cls
    except NotFound:
        return None


def _action_of(server: Server, edit: Edit) -> str:
    if edit.data is None:
        return "delete"
    if edit.mode == "create":
        return "create"
    is_new = edit.mode == "set" and not server.definitions.exists(*edit.key)
    return "create" if is_new else "edit"
