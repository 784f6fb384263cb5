"""What an edit implies: what its author could do by it, and has to be allowed besides the edit.

A definition acts with the rights of the server: a job calls its service, an outgoing connection
presents the credentials it names, and a reference is read where the server can read it. Whoever may
define must not come by rights in these ways that nobody has given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hansa import Key, NotFound, PlainSettings, Reference, Server, Service, is_reference, references
from hansa_admin.rights import finality_of

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
        for one in self._all_references(key, given):
            self._require_reference(key, one)
        self.require_reading(key, given)

    def require_reading(self, key: Key, given: PlainSettings | None) -> None:
        """Raise `Forbidden` unless the author may have read what settings refer to, such as a file.

        Where the definition has the reference already, in the same setting, anybody may keep it.
        In another setting its value could be shown, or told by a fault.
        """
        if not set(_looked_up(given)).issubset(_looked_up(self._stored(key))):
            self._require(DEPLOY)

    def is_final(self, key: Key, given: PlainSettings | None) -> bool:
        """Whether an edit changes how somebody who has rights proves who it is, has the credential
        of such a one presented, or has a service called whose calls may be final, where nobody is
        asked to confirm them.
        """
        if key[0] == "security" and self._is_login(key[2]):
            return True
        if given is None:
            return False
        found = self._all_references(key, given)
        presents_login = any(_is_presented(key, one) and self._is_login(one.name) for one in found)
        return presents_login or any(
            one.kind == "service" and self.calls_final(one.name) for one in found
        )

    def calls_final(self, name: str) -> bool:
        """Whether calls of a service may be final, or those of a service that it calls by name."""
        try:
            service = self._server.registry.service(name).cls
        except NotFound:
            return False
        return _calls_any(service) or finality_of(service) != "never"

    def _require(self, target: Target) -> None:
        require(self._grants, self._principal, target)

    def _stored(self, key: Key) -> PlainSettings:
        try:
            return self._server.definitions.get(*key).data
        except NotFound:
            return {}

    def _all_references(self, key: Key, given: PlainSettings) -> set[Reference]:
        return {*self._references(key, self._stored(key)), *self._references(key, given)}

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
            self.require_service(reference.name)
        if _is_presented(key, reference):
            self._require_login(reference.name)

    def require_service(self, name: str) -> None:
        """Raise `Forbidden` unless the author may have a service called without a caller."""
        try:
            service = self._server.registry.service(name).cls
        except NotFound:
            return
        target = target_of(service, None)
        if _calls_any(service):
            # what it calls is judged by its caller, and a job has none
            self._require(ADMINISTER)
        elif target.right is not None or self._grants.guards_service(name):
            self._require(target)


def _is_presented(key: Key, reference: Reference) -> bool:
    """Whether a definition presents a credential, to any address that it names."""
    is_for_callers = key[0] == "channel" and reference.setting.startswith("security")
    return reference.kind == "security" and not is_for_callers


def _calls_any(service: type[Service]) -> bool:
    """Whether a service calls any other by name."""
    return target_of(service, None).open or getattr(service, "runs_services", False)


def _looked_up(value: object, setting: str = "") -> Iterator[tuple[str, str]]:
    """Find references such as `{"$file": PATH}` anywhere in plain data, with the setting that has
    them; items of a list are one setting.
    """
    if isinstance(value, dict):
        if is_reference(value):
            yield setting, json.dumps(value, default=str)
        for name, item in value.items():
            yield from _looked_up(item, f"{setting}.{name}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _looked_up(item, setting)
