"""The edits of a configuration that is applied, each judged as if it were made by itself."""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Edit, NotFound, Registry

from .authorization import require, require_login, target_of
from .grants import Grants, Target

DEPLOY = Target("admin.service.deploy", right="deploy")


def require_edits(
    registry: Registry, grants: Grants, principal: object, edits: Iterable[Edit]
) -> None:
    """Raise `Forbidden` unless a caller may make each of these edits."""
    for edit in edits:
        require(grants, principal, target_of_edit(registry, edit))
        kind, _, name = edit.key
        if kind == "security":
            require_login(grants, principal, name)


def target_of_edit(registry: Registry, edit: Edit) -> Target:
    """Return the admin service that makes an edit by itself; one of a type that no plugin here has
    needs the highest right.
    """
    kind, type, _ = edit.key
    if kind == "service":
        return DEPLOY
    action = "delete" if edit.data is None else "create" if edit.mode == "create" else "edit"
    try:
        path = registry.type(kind, type).path
        service = registry.service(".".join(("admin", *path, action)))
    except NotFound:
        return Target(f"admin.{kind}.{type}.{action}", right="administer")
    return target_of(service.cls, None)
