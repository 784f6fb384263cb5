"""The roles of a file: what Zato says apart, who has a role and what it may, as roles are here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..mapping.references import GROUP_KEYS, SECURITY_KEYS
from ..mapping.roles import (
    ALL,
    CHANNELS,
    CLIENT,
    CLIENTS,
    GRANT,
    PERMISSION,
    ROLE,
    ROOT,
    needed,
    pattern_of,
)
from ..payloads import PlainDict
from .findings import ZatoObject

if TYPE_CHECKING:
    from .translation import Translation

PARTS: Final = frozenset({PERMISSION, CLIENT, GRANT})
"""Keys whose objects are parts of roles."""
GUARDS: Final = ("has_rbac", "sec_use_rbac")
"""Keys of a channel that say that roles guard it."""
INSTEAD: Final = "a channel for each method, so that the role can name those that it may call"


class Roles:
    """The roles of a file, with their callers, and the permissions that they have for services."""

    def __init__(self, objects: list[ZatoObject], made: Translation) -> None:
        self._made = made
        self._parents: dict[str, str] = {}
        self._clients: dict[str, list[str]] = {}
        self._grants: dict[str, dict[str, set[str]]] = {}
        self._channels: dict[str, list[str]] = {}
        for one in objects:
            if one.item.get("is_active") is False or one.item.get("should_delete") is True:
                continue
            if one.section == ROLE:
                self._parents[one.name] = str(one.item.get("parent_name") or ROOT)
            elif one.section == CLIENT:
                self._read_client(one)
            elif one.section == GRANT:
                self._read_grant(one)
        for one in objects:
            if one.section in CHANNELS and self.is_guarded(one):
                self._read_channel(one)

    @staticmethod
    def is_guarded(one: ZatoObject) -> bool:
        """Whether an object is a channel that roles guard."""
        return any(one.item.get(key) not in (None, "", False, 0) for key in GUARDS)

    def _read_client(self, one: ZatoObject) -> None:
        role = str(one.item.get("role_name") or "")
        kind, _, rest = str(one.item.get("client_def") or "").partition(":::")
        name = rest.partition(":::")[2]
        if not role or not name:
            key = "client_def" if role else "role_name"
            self._made.findings.append(one.finding("E08", "is required", key))
        elif kind != CLIENTS:
            why = "names no security definition"
            self._made.findings.append(one.finding("W21", why, "client_def"))
        else:
            self._clients.setdefault(role, []).append(name)

    def _read_grant(self, one: ZatoObject) -> None:
        names = [str(one.item.get(key) or "") for key in ("role_name", "service_name", "perm_name")]
        role, service, verb = names
        if not all(names):
            why = "needs role_name, service_name and perm_name"
            self._made.findings.append(one.finding("E08", why))
        elif verb not in ALL:
            why = f"{verb!r} is the verb of no HTTP method"
            self._made.findings.append(one.finding("W21", why, "perm_name"))
        else:
            self._grants.setdefault(role, {}).setdefault(service, set()).add(verb)

    def _lineage(self, role: str) -> Iterator[str]:
        """Return a role, and those that it descends from, the nearest first."""
        seen: list[str] = []
        while role and role not in seen:
            yield role
            seen.append(role)
            role = self._parents.get(role, "" if role == ROOT else ROOT)

    def _may(self, role: str, service: str) -> set[str]:
        """Return the verbs of a service that a role may use, by itself or as a descendant."""
        found: set[str] = set()
        for one in self._lineage(role):
            found |= self._grants.get(one, {}).get(service, set())
        return found

    def _read_channel(self, one: ZatoObject) -> None:
        """Note by which roles a channel may be called, and tell of those that may in part."""
        type = CHANNELS[one.section]
        service = str(one.item.get("service") or one.item.get("service_name") or "")
        wanted = needed(one.item.get("method"), type)
        for role in self.names():
            verbs = self._may(role, service) & wanted
            if verbs == wanted:
                self._channels.setdefault(role, []).append(pattern_of(type, one.name))
            elif verbs:
                listed = ", ".join(sorted(verbs))
                why = f"the role {role} may {listed} alone, and roles permit channels as a whole"
                self._made.findings.append(one.finding("W21", why, "has_rbac", INSTEAD))

    def names(self) -> list[str]:
        """Return the roles that somebody has, or that the file defines."""
        return list(dict.fromkeys([*self._parents, *self._clients]))

    def of_channel(self, one: ZatoObject) -> tuple[PlainDict, list[str]] | None:
        """Return a channel that a role names without what says that roles guard it, and its callers if
        it has no others; None if no role names it, so that it must not be there.
        """
        pattern = pattern_of(CHANNELS[one.section], one.name)
        roles = [role for role, channels in self._channels.items() if pattern in channels]
        if not roles:
            return None
        item = {key: value for key, value in one.item.items() if key not in GUARDS}
        if not one.item.get("sec_use_rbac"):
            return item, []
        callers = [name for role in roles for name in self._clients.get(role, [])]
        callers = list(dict.fromkeys(callers))
        if not callers:
            return None
        kept = (*SECURITY_KEYS, *GROUP_KEYS)
        return {key: value for key, value in item.items() if key not in kept}, callers

    def of_role(self, one: ZatoObject) -> PlainDict:
        """Return a role with its channels, its callers and its parent, as its settings have them."""
        parent = self._parents.get(one.name, ROOT)
        above = self._channels.get(parent, []) if parent != ROOT else []
        channels = [name for name in self._channels.get(one.name, []) if name not in above]
        return {
            **one.item,
            "channels": channels,
            "security": list(dict.fromkeys(self._clients.get(one.name, []))),
            "parents": [] if parent == ROOT else [parent],
        }

    def of_root(self, place: ZatoObject) -> ZatoObject | None:
        """Return the role that all descend from as one of the file, if callers have it."""
        if ROOT not in self._clients or ROOT in self._parents:
            return None
        return ZatoObject(ROLE, {"name": ROOT, "parent_name": ROOT}, place.file, place.line)
