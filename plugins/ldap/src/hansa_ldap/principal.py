"""Who called, with the groups that the directory has the user in."""

from __future__ import annotations

from typing import SupportsIndex

from hansa_security.verification import Principal


class DirectoryPrincipal(Principal):
    """Who called: the user's name in the directory, the definition that vouches for it, the
    distinguished name of its entry, and its groups, sorted.
    """

    __slots__ = ("dn", "groups")
    dn: str
    groups: tuple[str, ...]

    def __new__(
        cls, name: str, definition: str, dn: str = "", groups: tuple[str, ...] = ()
    ) -> DirectoryPrincipal:
        """Make the principal `name`, never empty."""
        self = str.__new__(cls, name)
        object.__setattr__(self, "definition", definition)
        object.__setattr__(self, "dn", dn)
        object.__setattr__(self, "groups", groups)
        return self

    def __reduce_ex__(
        self, protocol: SupportsIndex
    ) -> tuple[type[DirectoryPrincipal], tuple[str, str, str, tuple[str, ...]]]:
        """Let it be copied."""
        return DirectoryPrincipal, (str(self), self.definition, self.dn, self.groups)
