"""Writes roles for Zato: who has one, and the verbs of services that it may use."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from ..mapping import Generation, Key, by_definition
from ..mapping.roles import CHANNELS, CLIENT, CLIENTS, GRANT, is_plain, needed, pattern_of
from ..payloads import PlainDict

_TYPES: Final = frozenset(CHANNELS.values())


class Guards:
    """The roles of a configuration, and the channels that each guards."""

    def __init__(self, definitions: dict[Key, PlainDict], generation: Generation) -> None:
        self._definitions = definitions
        self._generation = generation
        self._roles = {key[2]: found for key, found in definitions.items() if key[0] == "role"}
        self._channels = {
            pattern_of(type, name): (type, settings)
            for (kind, type, name), settings in definitions.items()
            if kind == "channel" and type in _TYPES
        }

    def fault_of(self, role: str) -> str:
        """Return why a role cannot be written; empty if it can."""
        settings = self._roles[role]
        if self._generation == "minimal":
            return "minimal files have no roles"
        if not is_plain(settings):
            return "roles of Zato permit verbs of services of HTTP channels, and nothing else"
        unknown = [one for one in settings.get("channels") or [] if one not in self._channels]
        return f"Zato has no pattern for {', '.join(unknown)}" if unknown else ""

    def of_channel(self, key: Key) -> list[str]:
        """Return the roles that guard a channel: by its name, or by that of its service."""
        _, type, name = key
        service = str(self._definitions[key].get("service", ""))
        return [
            role
            for role, settings in self._roles.items()
            if _matches(settings.get("channels"), f"{type} {name}")
            or (service and _matches(settings.get("services"), service))
        ]

    def fault_of_channel(self, key: Key) -> str:
        """Return why a channel that roles guard cannot be written; empty if it can."""
        roles = self.of_channel(key)
        if not roles:
            return ""
        faulty = [role for role in roles if self.fault_of(role)]
        if faulty or key[1] not in _TYPES:
            named = ", ".join(faulty or roles)
            return f"the role {named} guards it, without which it would be open to more callers"
        return ""

    def parts_of(self, role: str) -> Iterator[tuple[str, PlainDict]]:
        """Return what files have of a role besides itself, each with the key that it is under."""
        settings = self._roles[role]
        for caller in self._callers(role):
            type = self._security_type(caller)
            client = f"{CLIENTS}:::{type}:::{caller}"
            yield CLIENT, {"name": f"{client}/{role}", "client_def": client, "role_name": role}
        granted = set()
        for pattern in settings.get("channels") or []:
            type, channel = self._channels[pattern]
            service = str(channel.get("service", ""))
            granted |= {(service, verb) for verb in needed(channel.get("method"), type)}
        for service, verb in sorted(granted):
            named = {"role_name": role, "service_name": service, "perm_name": verb}
            yield GRANT, {"name": f"{role}/{verb}/{service}", **named}

    def _callers(self, role: str) -> list[str]:
        """Return the security definitions whose callers have a role."""
        found = list(self._roles[role].get("security") or [])
        for (kind, _, _), settings in self._definitions.items():
            if kind == "account" and role in (settings.get("roles") or []):
                found += settings.get("credentials") or []
        return list(dict.fromkeys(found))

    def _security_type(self, name: str) -> str:
        """Return what Zato calls the type of a security definition."""
        types = [key[1] for key in self._definitions if key[0] == "security" and key[2] == name]
        mapping = by_definition("security", types[0], self._generation) if types else None
        return mapping.security_type if mapping else "basic_auth"


def _matches(patterns: object, name: str) -> bool:
    given = patterns if isinstance(patterns, list) else []
    return any(fnmatchcase(name, str(pattern)) for pattern in given)
