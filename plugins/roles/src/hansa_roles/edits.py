"""The edits of a configuration that is applied, each judged as if it were made by itself."""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Edit, NotFound, Server

from .grants import Grants, Target
from .implied import DEPLOY, ImpliedRights
from .requirement import require, target_of


def require_edits(server: Server, grants: Grants, principal: object, edits: Iterable[Edit]) -> None:
    """Raise `Forbidden` unless a caller may make each of these edits."""
    implied = ImpliedRights(server, grants, principal)
    for edit in edits:
        require(grants, principal, target_of_edit(server, edit))
        if edit.key[0] != "service":
            implied.require(edit.key, edit.data)


def target_of_edit(server: Server, edit: Edit) -> Target:
    """Return the admin service that makes an edit by itself: to set what is not there is to create
    it. One of a type that no plugin here has needs the highest right.
    """
    registry = server.registry
    kind, type, _ = edit.key
    if kind == "service":
        return DEPLOY
    action = _action_of(server, edit)
    try:
        path = registry.type(kind, type).path
        service = registry.service(".".join(("admin", *path, action)))
    except NotFound:
        return Target(f"admin.{kind}.{type}.{action}", right="administer")
    return target_of(service.cls, None)


def _action_of(server: Server, edit: Edit) -> str:
    if edit.data is None:
        return "delete"
    if edit.mode == "create":
        return "create"
    is_new = edit.mode == "set" and not server.definitions.exists(*edit.key)
    return "create" if is_new else "edit"
