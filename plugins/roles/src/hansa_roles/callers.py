"""What the principals of callers say of them: the security definition that vouches for them, their
claims and their groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SEPARATED = frozenset({"scope", "scp"})
"""Claims that list values in one text, with spaces between them (RFC 8693, 4.2)."""


def definition_of(principal: object) -> str:
    """Return the security definition that has identified a caller; empty if it is not known."""
    return str(getattr(principal, "definition", ""))


@dataclass(frozen=True, slots=True)
class Rule:
    """A claim or a group by which callers hold a role."""

    role: str
    claim: str = ""
    value: str = ""
    group: str = ""

    @classmethod
    def of_claim(cls, role: str, text: str) -> Rule:
        """Return the rule of a claim that is written as CLAIM=VALUE."""
        claim, _, value = text.partition("=")
        return cls(role, claim, value)

    def holds_for(self, principal: object) -> bool:
        """Whether a caller has this claim, or is in this group."""
        if self.group:
            groups = getattr(principal, "groups", ())
            return self.group in _texts(groups, separated=False)
        claims = getattr(principal, "claims", None)
        if not isinstance(claims, Mapping):
            return False
        return self.value in _texts(_found(claims, self.claim), separated=self.claim in SEPARATED)

    def __str__(self) -> str:
        return f"group {self.group}" if self.group else f"claim {self.claim}={self.value}"


def _found(claims: Mapping[str, object], path: str) -> object:
    """Return a claim by its name, or by a path with dots into objects; None if there is none."""
    if path in claims:
        return claims[path]
    value: object = claims
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _texts(value: object, *, separated: bool) -> list[str]:
    """Return the values of a claim as texts: of one, or of a list; none of an object."""
    if isinstance(value, str):
        return value.split(" ") if separated else [value]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        return [text for item in value for text in _scalar(item)]
    return []


def _scalar(item: object) -> list[str]:
    """Return an item of a list as a text; none for a list or an object."""
    if isinstance(item, str):
        return [item]
    return _texts(item, separated=False) if isinstance(item, int) else []
