"""What an edit implies: what its author could do by it, and has to be allowed besides the edit.

A definition acts with the rights of the server: a job calls its service, an outgoing connection
presents the credentials it names, and a reference is read where the server can read it. Whoever may
define must not come by rights in these ways that nobody has given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hansa import Key, NotFound, PlainSettings, Reference, Server, is_reference, references

from .grants import Grants, Target
from .requirement import require, target_of

ADMINISTER = Target("admin.account.edit", right="administer")
DEPLOY = Target("admin.service.deploy", right="deploy")


class ImpliedRights:
    """Judges the edits of one author."""

    def __init__(self, server: Server, grants: Grants, principal: object) -> None:
        self._server = server
        self._grants = grants
        self._principal = principal

    def require(self, key: Key, given: PlainSettings | None) -> None:
        """Raise `Forbidden` unless the author may do what a definition with these settings does;
        None stands for its deletion.

        What is stored counts, too, since an edit keeps what it does not change: who gives a
        connection another address gets what it presents.
        """
        if key[0] == "security":
            self._require_login(key[2])
        if given is None:
            return
        stored = self._stored(key)
        for one in {*self._references(key, stored), *self._references(key, given)}:
            self._require_reference(key, one)
        if not set(_looked_up(given)).issubset(_looked_up(stored)):
            self._require(DEPLOY)

    def _require(self, target: Target) -> None:
        require(self._grants, self._principal, target)

    def _stored(self, key: Key) -> PlainSettings:
        try:
            return self._server.definitions.get(*key).data
        except NotFound:
            return {}

    def _references(self, key: Key, settings: PlainSettings) -> Iterator[Reference]:
        try:
            model = self._server.registry.type(key[0], key[1]).model
        except NotFound:
            return iter(())
        return references(model, settings)

    def _require_login(self, name: str) -> None:
        """Who changes a security definition that carries the rights of others, or what such a one
        relies on, could take their place.
        """
        if self._is_login(name):
            self._require(ADMINISTER)

    def changes_login(self, key: Key) -> bool:
        """Whether an edit of a definition changes how somebody who has rights proves who it is."""
        return key[0] == "security" and self._is_login(key[2])

    def _is_login(self, name: str) -> bool:
        return self._grants.carries_rights(name) or self._supports_rights(name)

    def _supports_rights(self, name: str) -> bool:
        """Whether a definition that carries rights names this one, such as its authorities."""
        for record in self._server.definitions.all("security"):
            if self._grants.carries_rights(record.name):
                found = self._references(record.key, record.data)
                if any(one.kind == "security" and one.name == name for one in found):
                    return True
        return False

    def _require_reference(self, key: Key, reference: Reference) -> None:
        if reference.kind == "service":
            self._require_service(reference.name)
        is_for_callers = key[0] == "channel" and reference.setting.startswith("security")
        if reference.kind == "security" and not is_for_callers:
            # it may be presented to any address
            self._require_login(reference.name)

    def _require_service(self, name: str) -> None:
        try:
            service = self._server.registry.service(name).cls
        except NotFound:
            return
        target = target_of(service, None)
        if target.open or getattr(service, "runs_services", False):
            # what it calls is judged by its caller, and a job has none
            self._require(ADMINISTER)
        elif target.right is not None or self._grants.guards_service(name):
            self._require(target)


def _looked_up(value: object) -> Iterator[str]:
    """Find references such as `{"$file": PATH}` anywhere in plain data."""
    if isinstance(value, dict):
        if is_reference(value):
            yield json.dumps(value, default=str)
        for item in value.values():
            yield from _looked_up(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _looked_up(item)
